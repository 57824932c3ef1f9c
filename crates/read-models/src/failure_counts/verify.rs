//! Reconciliation: events = hourly counts = ledger.

use chrono::{DateTime, Utc};
use limpid_event_store::{Database, StoreError};
use sqlx::{AssertSqlSafe, PgConnection};

use super::{DERIVED, DIFFERING, STORED};
use crate::filter::Window;

/// What three independent records say about a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Rows of the event log.
    pub events: i64,
    /// Failures they stand for.
    pub occurrences: i64,
    /// The same by the hourly counts.
    pub counted_events: i64,
    /// The same by the hourly counts.
    pub counted_occurrences: i64,
    /// The same by the ledger, of the batches that lie in the window as a whole.
    pub ledger_events: i64,
    /// Keys whose counts differ from the events, in either direction.
    pub differing_counts: i64,
    /// Batches of the window whose events are not what the ledger says.
    pub differing_batches: i64,
    /// Batch numbers missing between a node's first and last: frames that were lost.
    pub missing_batches: i64,
    /// Events that PostgreSQL or this version refused; they are in a dead-letter file.
    pub refused: i64,
}

impl Reconciliation {
    /// Whether all records agree. (Lost frames and refused events are told apart: no record disagrees about them.)
    pub fn agrees(&self) -> bool {
        self.differing_counts == 0
            && self.differing_batches == 0
            && self.events == self.counted_events
            && self.occurrences == self.counted_occurrences
    }

    /// The metric: how many keys and batches disagree.
    pub fn drift(&self) -> i64 {
        self.differing_counts + self.differing_batches
    }
}

/// Compares the records of `[from, to)`, both full hours, in one snapshot. The part before the retention is left out: its events
/// are gone.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn verify(database: &Database, window: Window) -> Result<Reconciliation, StoreError> {
    let mut tx = database.snapshot_tx().await?;
    sqlx::raw_sql("set local statement_timeout = '10min'")
        .execute(&mut *tx)
        .await?;
    let dropped_before = dropped_before(&mut tx).await?;
    let window = Window {
        from: dropped_before.map_or(window.from, |dropped| window.from.max(dropped)),
        to: window.to,
    };
    let mut found = counts(&mut tx, window).await?;
    ledger(&mut tx, window, &mut found).await?;
    tx.rollback().await?;
    Ok(found)
}

/// Events before this moment are gone; `None` while none are.
pub(super) async fn dropped_before(
    connection: &mut PgConnection,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar(
        "select case when isfinite(dropped_before) then dropped_before end from failure_retention",
    )
    .fetch_one(connection)
    .await?)
}

async fn counts(
    connection: &mut PgConnection,
    window: Window,
) -> Result<Reconciliation, StoreError> {
    let statement = format!(
        "with derived as ({DERIVED}), stored as ({STORED}),
         differing as ({DIFFERING})
         select (select coalesce(sum(events), 0)::bigint from derived), (select coalesce(sum(occurrences), 0)::bigint from derived),
           (select coalesce(sum(events), 0)::bigint from stored), (select coalesce(sum(occurrences), 0)::bigint from stored),
           (select count(*) from differing)"
    );
    let row: (i64, i64, i64, i64, i64) = sqlx::query_as(AssertSqlSafe(statement))
        .bind(window.from)
        .bind(window.to)
        .fetch_one(connection)
        .await?;
    Ok(Reconciliation {
        events: row.0,
        occurrences: row.1,
        counted_events: row.2,
        counted_occurrences: row.3,
        differing_counts: row.4,
        ..Reconciliation::default()
    })
}

async fn ledger(
    connection: &mut PgConnection,
    window: Window,
    found: &mut Reconciliation,
) -> Result<(), StoreError> {
    let row: (i64, i64, i64, i64) = sqlx::query_as(
        "with batch as (
           select node_id, batch_seq, events, occurrences, refused from ingest_batch where min_at >= $1 and max_at < $2
         ),
         stored as (
           select node_id, batch_seq, count(*) as events, sum(occurrences) as occurrences from origin_failure
           where occurred_at >= $1 and occurred_at < $2 group by 1, 2
         )
         select
           (select coalesce(sum(events), 0)::bigint from batch),
           (select coalesce(sum(refused), 0)::bigint from ingest_batch where received_at >= $1),
           (select count(*) from batch b left join stored s using (node_id, batch_seq)
            where (b.events, b.occurrences) is distinct from (coalesce(s.events, 0), coalesce(s.occurrences, 0)))
           + (select count(*) from stored s where not exists (
                select from ingest_batch b where b.node_id = s.node_id and b.batch_seq = s.batch_seq)),
           (select coalesce(sum(n), 0)::bigint from (
              select max(batch_seq) - min(batch_seq) + 1 - count(*) as n from ingest_batch group by node_id) per_node)",
    )
    .bind(window.from)
    .bind(window.to)
    .fetch_one(connection)
    .await?;
    found.ledger_events = row.0;
    found.refused = row.1;
    found.differing_batches = row.2;
    found.missing_batches = row.3;
    Ok(())
}
