//! How fresh and complete an answer about failures is, from what every serving node says about its spool.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::{StoreError, TenantTx};
use sqlx::PgConnection;

use crate::failure_groups::PROJECTION;
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

/// Which tables an answer is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Events and what is stored with them.
    Events,
    /// Counts of groups, too, which follow a moment later.
    Groups,
}

/// Reads it. A node that was stopped in good order does not count; one that fell silent does for a day: its spool may hold
/// failures of the window.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn freshness(
    tx: &mut TenantTx,
    window: Window,
    reads: Reads,
) -> Result<Freshness, StoreError> {
    let (now, delivered, uncounted) = moments(tx.as_conn(), reads).await?;
    let up_to = [delivered, uncounted].into_iter().flatten().min();
    let as_of = up_to.unwrap_or(now);
    let lag = (now - as_of).max(TimeDelta::zero());
    Ok(Freshness {
        as_of,
        lag,
        complete: window.to <= as_of || lag <= TOLERANCE,
    })
}

/// Up to when failures are delivered and counted by group; `None` where there is nothing to wait for.
pub(crate) async fn counted_to(
    connection: &mut PgConnection,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let (_, delivered, uncounted) = moments(connection, Reads::Groups).await?;
    Ok([delivered, uncounted].into_iter().flatten().min())
}

/// Now; up to when every node has delivered its failures, and where groups are read when the first batch that they do not count begins: `None`
/// where there is nothing to wait for. In one round trip: every answer says it.
async fn moments(
    connection: &mut PgConnection,
    reads: Reads,
) -> Result<(DateTime<Utc>, Option<DateTime<Utc>>, Option<DateTime<Utc>>), StoreError> {
    Ok(sqlx::query_as(
        "select now(),
           (select min(least(heartbeat_at, coalesce(oldest_unacked, heartbeat_at)))
            from serving_node where not stopped and heartbeat_at > now() - interval '1 day'),
           case when $2 then (
             select min(first.began_at) from serving_node n
             left join projection_checkpoint c on c.projection = $1 and c.node_id = n.node_id
             join lateral (
               select coalesce(b.min_at, b.received_at) as began_at from ingest_batch b
               where b.node_id = n.node_id and b.batch_seq > coalesce(c.batch_seq, 0) order by b.batch_seq limit 1
             ) first on true
           ) end",
    )
    .bind(PROJECTION)
    .bind(reads == Reads::Groups)
    .fetch_one(connection)
    .await?)
}
