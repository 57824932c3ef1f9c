//! What is to be told becomes deliveries: all alerts of a rule that began, or ended, since the last time are one message.

use chrono::{DateTime, SecondsFormat, Utc};
use limpid_domain::alert_rule::AlertRuleSettings;
use limpid_domain::ids::{WebhookId, WebhookMessageId};
use limpid_domain::webhook::{WebhookEventType, WebhookSettings};
use limpid_event_store::{Database, StoreError};
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::time_zone::zone_offset;
use super::{AlertState, AlertView, lock};
use crate::webhook_deliveries::{NewDelivery, put};

/// Alerts that one message names; it says how many there are.
pub const MAX_ALERTS_TOLD: usize = 100;

/// Alerts that one transaction tells of.
const MAX_ALERTS: i64 = 5_000;

/// What a run told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Announced {
    /// Alerts.
    pub alerts: u64,
    /// Messages to single webhooks that they became.
    pub deliveries: u64,
}

/// Tells of what began and ended, except of rules whose quiet hours it is: theirs waits. `None` while somebody else is at work.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; nothing is lost.
pub async fn announce(
    database: &Database,
    now: DateTime<Utc>,
) -> Result<Option<Announced>, StoreError> {
    let mut tx = database.service_tx().await?;
    if !lock(&mut tx).await? {
        return Ok(None);
    }
    close_orphans(&mut tx, now).await?;
    let mut told = Announced::default();
    for rule in rules_with_news(&mut tx).await? {
        if let Some(hours) = &rule.settings.quiet_hours {
            let offset = match &hours.time_zone {
                Some(zone) => zone_offset(&mut tx, zone, now).await?,
                None => None,
            };
            if hours.include(now, offset) {
                continue;
            }
        }
        for event in WebhookEventType::ALL {
            let news = news(&mut tx, &rule, event).await?;
            if news.is_empty() {
                continue;
            }
            told.alerts += news.len() as u64;
            told.deliveries += tell(&mut tx, &rule, (event, &news), now).await?;
        }
    }
    tx.commit().await?;
    Ok(Some(told))
}

/// Ends what is open of rules that are gone, disabled or about something else by now, without a word.
async fn close_orphans(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update alert a set state = 2, announced = 2, closed_at = greatest($1, a.opened_at)
         where a.announced < 2 and not exists (
           select from alert_rule r where r.tenant_id = a.tenant_id and r.generation = 0 and r.alert_rule_id = a.alert_rule_id
             and r.enabled and r.active_since <= a.recorded_at)",
    )
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(Debug, FromRow)]
struct Rule {
    tenant_id: i64,
    imagekit_id: String,
    alert_rule_id: Uuid,
    settings: Json<AlertRuleSettings>,
}

async fn rules_with_news(connection: &mut PgConnection) -> Result<Vec<Rule>, StoreError> {
    Ok(sqlx::query_as(
        "select r.tenant_id, t.imagekit_id, r.alert_rule_id, r.settings
         from (select distinct tenant_id, alert_rule_id from alert where announced < state and announced < 2) a
         join alert_rule r on r.tenant_id = a.tenant_id and r.generation = 0 and r.alert_rule_id = a.alert_rule_id
         join tenant t on t.tenant_id = a.tenant_id and t.generation = 0
         order by 1, 3",
    )
    .fetch_all(connection)
    .await?)
}

/// What of a rule has not been told, marked as told.
async fn news(
    connection: &mut PgConnection,
    rule: &Rule,
    event: WebhookEventType,
) -> Result<Vec<AlertView>, StoreError> {
    let state = match event {
        WebhookEventType::AlertFiring => AlertState::Firing,
        WebhookEventType::AlertRecovered => AlertState::Recovered,
    };
    let rows: Vec<super::list::AlertRow> = sqlx::query_as(
        "with news as (
           select alert_id from alert where tenant_id = $1 and alert_rule_id = $2 and announced < state and state = $3
           order by alert_id limit $4
         ), told as (
           update alert a set announced = state from news n
           where a.tenant_id = $1 and a.alert_id = n.alert_id
           returning a.alert_id, a.alert_rule_id, a.subject, a.state, a.opened_at, a.closed_at, a.detail
         )
         select alert_id, alert_rule_id, subject, state, opened_at, closed_at, detail from told order by alert_id",
    )
    .bind(rule.tenant_id)
    .bind(rule.alert_rule_id)
    .bind(state.number())
    .bind(MAX_ALERTS)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(AlertView::from).collect())
}

/// One message to each webhook of the rule that wants to hear of it; how many those are.
async fn tell(
    connection: &mut PgConnection,
    rule: &Rule,
    (event, news): (WebhookEventType, &[AlertView]),
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let wanted: Vec<Uuid> = rule.settings.webhooks.iter().map(|id| id.0).collect();
    let webhooks: Vec<(Uuid, Json<WebhookSettings>)> = sqlx::query_as(
        "select webhook_id, settings from webhook
         where tenant_id = $1 and generation = 0 and enabled and webhook_id = any($2) order by created_seq",
    )
    .bind(rule.tenant_id)
    .bind(wanted)
    .fetch_all(&mut *connection)
    .await?;
    let message_id = WebhookMessageId::mint();
    let payload = rule.message((message_id, event.as_str()), news, now);
    let mut told = 0;
    for (webhook_id, settings) in webhooks {
        if !settings.events.contains(&event) {
            continue;
        }
        let delivery = NewDelivery {
            webhook_id: WebhookId(webhook_id),
            message_id,
            resent_from: None,
            alert_rule_id: Some(rule.alert_rule_id),
            kind: event.as_str(),
            payload: &payload,
            at: now,
        };
        put(connection, rule.tenant_id, &delivery).await?;
        told += 1;
    }
    Ok(told)
}

impl Rule {
    /// The message as it is sent and signed, byte by byte.
    fn message(
        &self,
        (id, kind): (WebhookMessageId, &str),
        news: &[AlertView],
        now: DateTime<Utc>,
    ) -> String {
        let alerts: Vec<Value> = news.iter().take(MAX_ALERTS_TOLD).map(alert).collect();
        let rule = json!({"id": self.alert_rule_id, "name": self.settings.name, "condition": self.settings.condition});
        let data = json!({"imagekitId": self.imagekit_id, "rule": rule, "total": news.len(), "alerts": alerts});
        let created_at = now.to_rfc3339_opts(SecondsFormat::Millis, true);
        json!({"id": id, "type": kind, "created_at": created_at, "data": data}).to_string()
    }
}

fn alert(view: &AlertView) -> Value {
    json!({"id": view.id, "subject": view.subject, "state": view.state.as_str(), "openedAt": view.opened_at,
        "closedAt": view.closed_at, "detail": view.detail})
}
