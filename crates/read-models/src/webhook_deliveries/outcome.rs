//! What an attempt brought.

use chrono::{DateTime, Utc};
use limpid_domain::webhook::{FAILING_UNTIL_DISABLED, WebhookDisabledReason, next_attempt};
use limpid_event_store::{Database, StoreError};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::ClaimedDelivery;
use super::log::DeliveryState;

/// How much of an answer is kept.
pub const MAX_ANSWER_BYTES: usize = 1_024;

/// An attempt as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    /// When it was over.
    pub at: DateTime<Utc>,
    /// What the receiver answered; none where no answer came.
    pub status: Option<u16>,
    /// The beginning of the answer, made safe to show.
    pub answer: Option<String>,
    /// Why no answer came.
    pub error: Option<String>,
    /// How long it took. Units: milliseconds.
    pub duration_ms: u32,
}

/// An attempt and the moment it ended.
#[derive(Debug, Clone, Copy)]
pub struct Attempted<'a> {
    /// The delivery.
    pub delivery: &'a ClaimedDelivery,
    /// What came back.
    pub tried: &'a Tried,
}

impl Tried {
    /// Whether the receiver took the message. Source: the Standard Webhooks specification: any 2xx.
    pub fn is_success(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the receiver wants no more messages. Source: as above, "410 Gone".
    fn is_gone(&self) -> bool {
        self.status == Some(410)
    }
}

/// Writes down what came back; whether the webhook is to be disabled because of it, and why.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; then the message is sent again when the claim ends.
pub async fn finish(
    database: &Database,
    attempted: Attempted<'_>,
) -> Result<Option<WebhookDisabledReason>, StoreError> {
    let Attempted { delivery, tried } = attempted;
    let next = if delivery.is_test || tried.is_success() || tried.is_gone() {
        None
    } else {
        next_attempt(delivery.id, delivery.attempts, tried.at)
    };
    let state = match (tried.is_success(), next) {
        (true, _) => DeliveryState::Delivered,
        (false, Some(_)) => DeliveryState::Pending,
        (false, None) => DeliveryState::Failed,
    };
    let mut tx = database.service_tx().await?;
    sqlx::query(
        "update webhook_delivery set state = $3, next_attempt_at = $4, leased_until = null, tries = tries || $5::jsonb,
           finished_at = case when $3::smallint = 1 then null else $6::timestamptz end
         where tenant_id = $1 and delivery_id = $2 and state = 1",
    )
    .bind(delivery.tenant_id.0)
    .bind(delivery.id.0)
    .bind(state.number())
    .bind(next)
    .bind(Json([tried]))
    .bind(tried.at)
    .execute(&mut *tx)
    .await?;
    let failing_since = if delivery.is_test {
        None
    } else {
        stand(&mut tx, attempted).await?
    };
    tx.commit().await?;
    if delivery.is_test {
        return Ok(None);
    }
    if tried.is_gone() {
        return Ok(Some(WebhookDisabledReason::Gone));
    }
    let is_failing = failing_since.is_some_and(|since| tried.at - since >= FAILING_UNTIL_DISABLED);
    Ok(is_failing.then_some(WebhookDisabledReason::Failing))
}

/// Since when nothing was delivered to the webhook; a change of it counts as a new beginning.
async fn stand(
    connection: &mut PgConnection,
    Attempted { delivery, tried }: Attempted<'_>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar(
        "insert into webhook_standing (tenant_id, webhook_id, failing_since, last_success_at, last_failure_at)
         values ($1, $2, case when $4::boolean then null else $3::timestamptz end, case when $4 then $3::timestamptz end,
           case when $4 then null else $3::timestamptz end)
         on conflict (tenant_id, webhook_id) do update set
           failing_since = case when $4 then null else coalesce(webhook_standing.failing_since, $3::timestamptz) end,
           last_success_at = case when $4 then $3 else webhook_standing.last_success_at end,
           last_failure_at = case when $4 then webhook_standing.last_failure_at else $3 end
         returning case when failing_since is null then null else greatest(failing_since, (
           select w.updated_at from webhook w
           where w.tenant_id = webhook_standing.tenant_id and w.generation = 0 and w.webhook_id = webhook_standing.webhook_id)) end",
    )
    .bind(delivery.tenant_id.0)
    .bind(delivery.webhook_id.0)
    .bind(tried.at)
    .bind(tried.is_success())
    .fetch_one(connection)
    .await?)
}
