//! Events of groups against rules about their states.
//!
//! Events of a group are numbered within the group, and there is no order of all. They are read by the moment their transaction began, a
//! stretch before the latest one seen included, because it may have taken a while to commit; what was seen before opens nothing twice,
//! because an alert is named by the number of the event that opened it.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::alert_rule::{
    AlertCondition, AlertRuleSettings, AlertingState, GroupSubject, Verdict,
};
use limpid_domain::failure::Reason;
use limpid_domain::failure_group::GroupEvent;
use limpid_domain::ids::{GroupId, OriginId, UrlEndpointId};
use limpid_event_store::{Database, StoreError};
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{NewAlert, lock, open, recover};

/// How long a transaction that appends events of groups may take from its beginning to its end: a few statements of a minute at most.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// Looks at the events of groups that came since the last time; how many alerts were opened or closed, or `None` while somebody else is at
/// work. The first time ever nothing is looked at: what was there before is no news.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; nothing is lost.
pub async fn watch_groups(
    database: &Database,
    now: DateTime<Utc>,
) -> Result<Option<u64>, StoreError> {
    let mut tx = database.service_tx().await?;
    if !lock(&mut tx).await? {
        return Ok(None);
    }
    let seen: Option<DateTime<Utc>> =
        sqlx::query_scalar("select recorded_at from alert_checkpoint")
            .fetch_optional(&mut *tx)
            .await?;
    let Some(seen) = seen else {
        sqlx::query("insert into alert_checkpoint (recorded_at) values (clock_timestamp())")
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        return Ok(Some(0));
    };
    // Read before the events: one that commits in between is seen next time.
    let latest: Option<DateTime<Utc>> = sqlx::query_scalar(
        "select max(recorded_at) from failure_group_event where recorded_at > $1",
    )
    .bind(seen)
    .fetch_one(&mut *tx)
    .await?;
    let mut changes = 0;
    for row in events_since(&mut tx, seen - OVERLAP).await? {
        changes += u64::from(judge(&mut tx, row, now).await?);
    }
    if let Some(latest) = latest {
        sqlx::query("update alert_checkpoint set recorded_at = $1")
            .bind(latest)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(Some(changes))
}

/// An event of a group beside a rule that may be about it.
#[derive(Debug, FromRow)]
struct Row {
    tenant_id: i64,
    group_id: i64,
    seq: i64,
    at: DateTime<Utc>,
    kind: String,
    data: Value,
    alert_rule_id: Uuid,
    settings: Json<AlertRuleSettings>,
    reason: i16,
    path_template: String,
    occurrences: i64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    is_muted: bool,
    muted_until: Option<DateTime<Utc>>,
    url_endpoint_id: Option<Uuid>,
    is_default: Option<bool>,
    origin_id: Option<Uuid>,
    origin_name: Option<String>,
}

/// What may open an alert and did not yet, and what may end one that is open.
async fn events_since(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<Vec<Row>, StoreError> {
    Ok(sqlx::query_as(
        "select e.tenant_id, e.group_id, e.seq, e.at, e.kind, e.data, r.alert_rule_id, r.settings, g.reason, g.path_template,
           g.occurrences, g.first_at, g.last_at, l.is_muted, l.muted_until, u.url_endpoint_id, u.is_default, o.origin_id,
           o.settings ->> 'name' as origin_name
         from failure_group_event e
         join alert_rule r on r.tenant_id = e.tenant_id and r.generation = 0 and r.enabled and r.kind = 'group_state'
           and e.recorded_at >= r.active_since
         join failure_group g on g.tenant_id = e.tenant_id and g.group_id = e.group_id
         join failure_group_life l on l.tenant_id = e.tenant_id and l.group_id = e.group_id
         left join url_endpoint u on u.tenant_id = e.tenant_id and u.generation = 0 and u.url_endpoint_no = g.endpoint_no
         left join origin o on o.tenant_id = e.tenant_id and o.generation = 0 and o.origin_no = g.origin_no
         where e.recorded_at > $1 and (
           (e.kind in ('began', 'regressed', 'escalated') and not exists (
             select from alert a where a.tenant_id = e.tenant_id and a.alert_rule_id = r.alert_rule_id
               and a.subject = 'group:' || lpad(to_hex(e.group_id), 16, '0') and a.opened_by = e.seq))
           or e.kind in ('calmed', 'resolved'))
         order by e.tenant_id, e.group_id, r.alert_rule_id, e.seq",
    )
    .bind(since)
    .fetch_all(connection)
    .await?)
}

/// Whether an alert was opened or closed.
async fn judge(
    connection: &mut PgConnection,
    row: Row,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let event = json!({"kind": row.kind, "data": row.data});
    // What only a newer version can name is for a newer version to judge.
    let (Ok(event), Some(reason)) = (
        serde_json::from_value::<GroupEvent>(event),
        Reason::from_number(row.reason),
    ) else {
        return Ok(false);
    };
    if !row.concerns(reason) {
        return Ok(false);
    }
    let subject = format!("group:{}", GroupId(row.group_id));
    // What opened it may be this very event or a later one, seen before: then this one says nothing about it.
    let open_state: Option<String> = sqlx::query_scalar(
        "select detail ->> 'state' from alert
         where tenant_id = $1 and alert_rule_id = $2 and subject = $3 and state = 1 and opened_by < $4",
    )
    .bind(row.tenant_id)
    .bind(row.alert_rule_id)
    .bind(&subject)
    .bind(row.seq)
    .fetch_optional(&mut *connection)
    .await?;
    let open_state = open_state.as_deref().and_then(AlertingState::from_name);
    match row.settings.condition.after_group_event(&event, open_state) {
        Verdict::Opens if row.is_muted_at(now) => Ok(false),
        Verdict::Opens => {
            open(connection, &row.into_alert(&event, (subject, reason))).await?;
            Ok(true)
        }
        Verdict::Recovers => {
            let key = (row.tenant_id, row.alert_rule_id, subject.as_str());
            recover(connection, key, row.at).await?;
            Ok(true)
        }
        Verdict::Stays => Ok(false),
    }
}

impl Row {
    fn concerns(&self, reason: Reason) -> bool {
        let AlertCondition::GroupState { filter, .. } = &self.settings.condition else {
            return false;
        };
        let endpoint = self.url_endpoint_id.map(UrlEndpointId);
        filter.includes(&GroupSubject {
            endpoint: endpoint.zip(self.is_default),
            origin: self.origin_id.map(OriginId),
            reason: reason.name(),
        })
    }

    fn is_muted_at(&self, now: DateTime<Utc>) -> bool {
        self.is_muted && self.muted_until.is_none_or(|until| now < until)
    }

    fn into_alert(self, event: &GroupEvent, (subject, reason): (String, Reason)) -> NewAlert {
        let state = match event {
            GroupEvent::Regressed {} => AlertingState::Regressed,
            GroupEvent::Escalated { .. } => AlertingState::Escalating,
            _ => AlertingState::New,
        };
        let endpoint = match (self.url_endpoint_id, self.is_default) {
            (_, Some(true)) => Some(limpid_domain::url_endpoint::DEFAULT_ENDPOINT_NAME.to_owned()),
            (id, _) => id.map(|id| id.to_string()),
        };
        let mut detail = json!({
            "groupId": GroupId(self.group_id).to_string(), "state": state.as_str(), "reason": reason.name(),
            "code": reason.code().as_str(), "title": reason.row().title, "pathTemplate": self.path_template,
            "endpointId": endpoint, "originId": self.origin_id, "originName": self.origin_name,
            "occurrences": self.occurrences, "firstAt": self.first_at, "lastAt": self.last_at,
        });
        if let (GroupEvent::Escalated { hour, hourly_mean }, Some(members)) =
            (event, detail.as_object_mut())
        {
            members.insert("hour".to_owned(), json!(hour));
            members.insert("hourlyMean".to_owned(), json!(hourly_mean));
        }
        NewAlert {
            tenant_id: self.tenant_id,
            alert_rule_id: self.alert_rule_id,
            subject,
            opened_by: self.seq,
            opened_at: self.at,
            detail,
        }
    }
}
