//! What a node tells the database about its spool, so that every answer can say how fresh and complete it is.

use chrono::{DateTime, Utc};
use limpid_domain::ids::NodeId;
use sqlx::PgConnection;

use crate::error::StoreError;
use crate::spool::Backlog;

/// One node's state.
#[derive(Debug)]
pub(super) struct Heartbeat {
    pub(super) node: NodeId,
    pub(super) backlog: Backlog,
    pub(super) oldest_unacked: Option<DateTime<Utc>>,
    pub(super) dead_letters: u64,
    /// The node ends and leaves nothing behind.
    pub(super) stopped: bool,
}

/// Writes it, with the database's own time: nobody compares two clocks.
pub(super) async fn write(
    connection: &mut PgConnection,
    beat: &Heartbeat,
) -> Result<(), StoreError> {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query(
        "insert into serving_node as n (node_id, heartbeat_at, acked_seq, backlog_frames, backlog_bytes, oldest_unacked,
           damaged_bytes, missing_frames, dead_letters, stopped)
         values ($1, now(), $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (node_id) do update set
           heartbeat_at = excluded.heartbeat_at, acked_seq = excluded.acked_seq, backlog_frames = excluded.backlog_frames,
           backlog_bytes = excluded.backlog_bytes, oldest_unacked = excluded.oldest_unacked,
           damaged_bytes = excluded.damaged_bytes, missing_frames = excluded.missing_frames,
           dead_letters = excluded.dead_letters, stopped = excluded.stopped",
    )
    .bind(beat.node.0)
    .bind(beat.backlog.acked)
    .bind(number(beat.backlog.frames))
    .bind(number(beat.backlog.bytes))
    .bind(beat.oldest_unacked)
    .bind(number(beat.backlog.damaged_bytes))
    .bind(number(beat.backlog.missing_frames))
    .bind(number(beat.dead_letters))
    .bind(beat.stopped)
    .execute(connection)
    .await?;
    Ok(())
}
