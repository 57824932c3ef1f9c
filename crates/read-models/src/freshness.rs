//! How fresh and complete an answer about failures is, from what every serving node says about its spool.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::{StoreError, TenantTx};

use crate::filter::Window;

/// Everything that happened before `as_of` is in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// Up to when every node has delivered.
    pub as_of: DateTime<Utc>,
    /// How long ago that is.
    pub lag: TimeDelta,
    /// Whether the whole window is covered, or its open end lags no more than [`TOLERANCE`].
    pub complete: bool,
}

/// A node beats every second; an answer this far behind still counts as complete for a window that ends now.
pub const TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// Reads it. A node that was stopped in good order does not count; one that fell silent does for a day: its spool may hold
/// failures of the window.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn freshness(tx: &mut TenantTx, window: Window) -> Result<Freshness, StoreError> {
    let (now, as_of): (DateTime<Utc>, DateTime<Utc>) = sqlx::query_as(
        "select now(), coalesce(min(least(heartbeat_at, coalesce(oldest_unacked, heartbeat_at))), now())
         from serving_node where not stopped and heartbeat_at > now() - interval '1 day'",
    )
    .fetch_one(tx.as_conn())
    .await?;
    let lag = (now - as_of).max(TimeDelta::zero());
    Ok(Freshness {
        as_of,
        lag,
        complete: window.to <= as_of || lag <= TOLERANCE,
    })
}
