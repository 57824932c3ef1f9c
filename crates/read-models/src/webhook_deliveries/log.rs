//! Deliveries as people read them, and the tests and repetitions they ask for.

use chrono::{DateTime, SecondsFormat, Utc};
use limpid_domain::ids::{AlertRuleId, WebhookDeliveryId, WebhookId, WebhookMessageId};
use limpid_domain::webhook::MessageType;
use limpid_event_store::{StoreError, TenantTx};
use serde_json::json;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::{NewDelivery, Tried, put};

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is on its way, or waits for its next attempt.
    Pending,
    /// The receiver took it.
    Delivered,
    /// It was given up.
    Failed,
    /// Its webhook was deleted or disabled before it was taken.
    Cancelled,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryView {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// To whom.
    pub webhook_id: WebhookId,
    /// The message, the same in every repetition of it.
    pub message_id: WebhookMessageId,
    /// The delivery that it repeats.
    pub resent_from: Option<WebhookDeliveryId>,
    /// The rule that had something to tell.
    pub rule_id: Option<AlertRuleId>,
    /// What the message is of.
    pub kind: String,
    /// The body, byte by byte.
    pub payload: String,
    /// What became of it.
    pub state: DeliveryState,
    /// Attempts so far, one that is under way included.
    pub attempts: i16,
    /// When it was put on its way.
    pub created_at: DateTime<Utc>,
    /// When it is tried next.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// Every attempt, the first one first.
    pub tries: Vec<Tried>,
}

/// Which deliveries to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryPage {
    /// To whom.
    pub webhook: WebhookId,
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those before this one in the list.
    pub before: Option<WebhookDeliveryId>,
    /// How many at most.
    pub limit: u16,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 4] = [
        Self::Pending,
        Self::Delivered,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Its name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Its number in the database, never given to another.
    pub(super) fn number(self) -> i16 {
        match self {
            Self::Pending => 1,
            Self::Delivered => 2,
            Self::Failed => 3,
            Self::Cancelled => 4,
        }
    }
}

const COLUMNS: &str = "delivery_id, webhook_id, message_id, resent_from, alert_rule_id, type as kind, payload, state, attempts, \
    created_at, next_attempt_at, finished_at, tries";

/// A webhook's deliveries, the latest first.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn deliveries(
    tx: &mut TenantTx,
    page: DeliveryPage,
) -> Result<Vec<DeliveryView>, StoreError> {
    let query = format!(
        "select {COLUMNS} from webhook_delivery
         where tenant_id = $1 and webhook_id = $2 and ($3::smallint is null or state = $3) and ($4::uuid is null or delivery_id < $4)
         order by delivery_id desc limit $5"
    );
    let rows: Vec<DeliveryRow> = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(tx.tenant_id().0)
        .bind(page.webhook.0)
        .bind(page.state.map(DeliveryState::number))
        .bind(page.before.map(|id| id.0))
        .bind(i64::from(page.limit))
        .fetch_all(tx.as_conn())
        .await?;
    Ok(rows.into_iter().map(DeliveryView::from).collect())
}

/// One of the tenant's deliveries.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn delivery(
    tx: &mut TenantTx,
    id: WebhookDeliveryId,
) -> Result<Option<DeliveryView>, StoreError> {
    let query =
        format!("select {COLUMNS} from webhook_delivery where tenant_id = $1 and delivery_id = $2");
    let row: Option<DeliveryRow> = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(tx.tenant_id().0)
        .bind(id.0)
        .fetch_optional(tx.as_conn())
        .await?;
    Ok(row.map(DeliveryView::from))
}

/// Puts a message on its way that says nothing but that messages arrive.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn send_test(
    tx: &mut TenantTx,
    webhook_id: WebhookId,
    (imagekit_id, now): (&str, DateTime<Utc>),
) -> Result<WebhookDeliveryId, StoreError> {
    let (tenant_id, message_id) = (tx.tenant_id().0, WebhookMessageId::mint());
    let kind = MessageType::Test.as_str();
    let created_at = now.to_rfc3339_opts(SecondsFormat::Millis, true);
    let data = json!({"imagekitId": imagekit_id, "webhookId": webhook_id});
    let payload = json!({"id": message_id, "type": kind, "created_at": created_at, "data": data});
    let delivery = NewDelivery {
        webhook_id,
        message_id,
        resent_from: None,
        alert_rule_id: None,
        kind,
        payload: &payload.to_string(),
        at: now,
    };
    put(tx.as_conn(), tenant_id, &delivery).await
}

/// Puts the message of a delivery on its way again, as a new delivery.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn resend(
    tx: &mut TenantTx,
    before: &DeliveryView,
    now: DateTime<Utc>,
) -> Result<WebhookDeliveryId, StoreError> {
    let tenant_id = tx.tenant_id().0;
    let delivery = NewDelivery {
        webhook_id: before.webhook_id,
        message_id: before.message_id,
        resent_from: Some(before.id),
        alert_rule_id: before.rule_id.map(|id| id.0),
        kind: &before.kind,
        payload: &before.payload,
        at: now,
    };
    put(tx.as_conn(), tenant_id, &delivery).await
}

#[derive(Debug, FromRow)]
struct DeliveryRow {
    delivery_id: Uuid,
    webhook_id: Uuid,
    message_id: Uuid,
    resent_from: Option<Uuid>,
    alert_rule_id: Option<Uuid>,
    kind: String,
    payload: String,
    state: i16,
    attempts: i16,
    created_at: DateTime<Utc>,
    next_attempt_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    tries: Json<Vec<Tried>>,
}

impl From<DeliveryRow> for DeliveryView {
    fn from(row: DeliveryRow) -> Self {
        let state = DeliveryState::ALL
            .into_iter()
            .find(|state| state.number() == row.state);
        Self {
            id: WebhookDeliveryId(row.delivery_id),
            webhook_id: WebhookId(row.webhook_id),
            message_id: WebhookMessageId(row.message_id),
            resent_from: row.resent_from.map(WebhookDeliveryId),
            rule_id: row.alert_rule_id.map(AlertRuleId),
            kind: row.kind,
            payload: row.payload,
            // What only a newer version can name is nothing that will still happen here.
            state: state.unwrap_or(DeliveryState::Cancelled),
            attempts: row.attempts,
            created_at: row.created_at,
            next_attempt_at: row.next_attempt_at,
            finished_at: row.finished_at,
            tries: row.tries.0,
        }
    }
}
