//! Messages on their way to webhooks, and what became of them: a row per message and webhook, with every attempt.
//!
//! A delivery is claimed before it is sent: for a while nobody else touches it, and the attempt counts. Who dies between sending and writing
//! down what came back leaves a claim that ends, and the message is sent again with the same id.
//!
//! | module | holds |
//! |---|---|
//! | `claim` | which deliveries are due, and whose they are for a while |
//! | `outcome` | what an attempt brought |
//! | `log` | deliveries as people read them, tests and repetitions they ask for |

mod claim;
mod log;
mod outcome;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::ids::{WebhookDeliveryId, WebhookId, WebhookMessageId};
use limpid_event_store::{Database, StoreError};
use sqlx::PgConnection;
use uuid::Uuid;

pub use claim::{ClaimedDelivery, LEASE, claim};
pub use log::{DeliveryPage, DeliveryState, DeliveryView, deliveries, delivery, resend, send_test};
pub use outcome::{Attempted, MAX_ANSWER_BYTES, Tried, finish};

/// How long deliveries can be read. Source: `docs/ALERTS.md`.
const KEPT: TimeDelta = TimeDelta::days(30);

/// Rows that one statement removes: it holds their locks for moments.
const REMOVED_AT_ONCE: i64 = 10_000;

/// A message to one webhook.
#[derive(Debug)]
pub(crate) struct NewDelivery<'a> {
    pub(crate) webhook_id: WebhookId,
    pub(crate) message_id: WebhookMessageId,
    /// The delivery that somebody repeats.
    pub(crate) resent_from: Option<WebhookDeliveryId>,
    pub(crate) alert_rule_id: Option<Uuid>,
    pub(crate) kind: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) at: DateTime<Utc>,
}

/// Puts a message on its way.
pub(crate) async fn put(
    connection: &mut PgConnection,
    tenant_id: i64,
    delivery: &NewDelivery<'_>,
) -> Result<WebhookDeliveryId, StoreError> {
    let id = WebhookDeliveryId::mint();
    sqlx::query(
        "insert into webhook_delivery (tenant_id, delivery_id, webhook_id, message_id, resent_from, alert_rule_id, type, payload, \
         created_at, next_attempt_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
    )
    .bind(tenant_id)
    .bind(id.0)
    .bind(delivery.webhook_id.0)
    .bind(delivery.message_id.0)
    .bind(delivery.resent_from.map(|id| id.0))
    .bind(delivery.alert_rule_id)
    .bind(delivery.kind)
    .bind(delivery.payload)
    .bind(delivery.at)
    .execute(connection)
    .await?;
    Ok(id)
}

/// Forgets deliveries that are older than 30 days and no longer on their way.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; what was removed stays removed.
pub async fn forget_old_deliveries(
    database: &Database,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let mut connection = database.service().await?;
    let mut removed = 0;
    loop {
        let step = sqlx::query(
            "delete from webhook_delivery where (tenant_id, delivery_id) in (
               select tenant_id, delivery_id from webhook_delivery where created_at < $1 and state <> 1 limit $2)",
        )
        .bind(now - KEPT)
        .bind(REMOVED_AT_ONCE)
        .execute(&mut *connection)
        .await?
        .rows_affected();
        removed += step;
        if step == 0 {
            return Ok(removed);
        }
    }
}
