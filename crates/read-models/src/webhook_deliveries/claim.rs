//! Which deliveries are due, and whose they are for a while.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::ids::{StreamVersion, TenantId, WebhookDeliveryId, WebhookId, WebhookMessageId};
use limpid_domain::webhook::{MessageType, WebhookSettings};
use limpid_event_store::{Database, StoreError};
use sqlx::FromRow;
use sqlx::types::Json;
use url::Url;
use uuid::Uuid;

/// How long a delivery belongs to who claimed it: far longer than one attempt may take.
pub const LEASE: TimeDelta = TimeDelta::minutes(1);

/// Deliveries of one tenant that are under way at once: a receiver that hangs holds up its own tenant's only.
const OF_A_TENANT: i64 = 4;

/// A delivery to be attempted now.
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub id: WebhookDeliveryId,
    /// To whom.
    pub webhook_id: WebhookId,
    /// The id that receivers know it by.
    pub message_id: WebhookMessageId,
    /// Where to.
    pub url: Url,
    /// The version of the secret that signs it.
    pub secret_version: StreamVersion,
    /// The body, byte by byte.
    pub payload: String,
    /// Attempts, this one included.
    pub attempts: i16,
    /// Somebody wanted to see whether it works: tried once, and says nothing about the webhook.
    pub is_test: bool,
}

/// Takes deliveries that are due, `limit` at most. What is due to a webhook that is gone or disabled is cancelled.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; what it took comes back when its lease ends.
pub async fn claim(
    database: &Database,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<ClaimedDelivery>, StoreError> {
    let mut tx = database.service_tx().await?;
    let test = MessageType::Test.as_str();
    sqlx::query(
        "update webhook_delivery d set state = 4, finished_at = $1, leased_until = null, next_attempt_at = null
         where d.state = 1 and d.next_attempt_at <= $1 and (d.leased_until is null or d.leased_until <= $1) and not exists (
           select from webhook w where w.tenant_id = d.tenant_id and w.generation = 0 and w.webhook_id = d.webhook_id
             and (w.enabled or d.type = $2))",
    )
    .bind(now)
    .bind(test)
    .execute(&mut *tx)
    .await?;
    // Rows that another sender is taking are passed over, so nobody waits and nothing is taken twice.
    let rows: Vec<ClaimedRow> = sqlx::query_as(
        "with due as (
           select tenant_id, delivery_id from (
             select d.tenant_id, d.delivery_id, d.next_attempt_at,
               row_number() over (partition by d.tenant_id order by d.next_attempt_at, d.delivery_id) + (
                 select count(*) from webhook_delivery b
                 where b.tenant_id = d.tenant_id and b.state = 1 and b.leased_until > $1) as place
             from webhook_delivery d
             where d.state = 1 and d.next_attempt_at <= $1 and (d.leased_until is null or d.leased_until <= $1)
           ) ordered where place <= $3 order by next_attempt_at, delivery_id limit $4
         ), free as (
           select d.tenant_id, d.delivery_id from webhook_delivery d join due using (tenant_id, delivery_id)
           where d.state = 1 and (d.leased_until is null or d.leased_until <= $1)
           for update of d skip locked
         ), taken as (
           update webhook_delivery d set leased_until = $2, attempts = attempts + 1 from free f
           where d.tenant_id = f.tenant_id and d.delivery_id = f.delivery_id
           returning d.tenant_id, d.delivery_id, d.webhook_id, d.message_id, d.type, d.payload, d.attempts
         )
         select t.tenant_id, t.delivery_id, t.webhook_id, t.message_id, t.type as kind, t.payload, t.attempts, w.settings, w.secret_version
         from taken t
         join webhook w on w.tenant_id = t.tenant_id and w.generation = 0 and w.webhook_id = t.webhook_id",
    )
    .bind(now)
    .bind(now + LEASE)
    .bind(OF_A_TENANT)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rows
        .into_iter()
        .map(|row| ClaimedDelivery {
            tenant_id: TenantId(row.tenant_id),
            id: WebhookDeliveryId(row.delivery_id),
            webhook_id: WebhookId(row.webhook_id),
            message_id: WebhookMessageId(row.message_id),
            is_test: row.kind == test,
            url: row.settings.0.url,
            secret_version: StreamVersion(row.secret_version),
            payload: row.payload,
            attempts: row.attempts,
        })
        .collect())
}

#[derive(Debug, FromRow)]
struct ClaimedRow {
    tenant_id: i64,
    delivery_id: Uuid,
    webhook_id: Uuid,
    message_id: Uuid,
    kind: String,
    payload: String,
    attempts: i16,
    settings: Json<WebhookSettings>,
    secret_version: i32,
}
