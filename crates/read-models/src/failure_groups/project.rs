//! Batches into groups and their counts.
//!
//! A node's batches are numbered without gaps and stored in order, so a number per node, the checkpoint, says where to go on. That a
//! batch is counted is said by its row in the ledger. Both change in the statement that counts: a crash at any point repeats or skips
//! nothing, and a checkpoint that was set back or lost passes over what is counted. Late events need no care: they are counted with
//! their batch, in the hour they belong to.

use chrono::{DateTime, Utc};
use limpid_domain::ids::{BatchSeq, NodeId};
use limpid_event_store::{Database, StoreError};
use sqlx::PgConnection;

use super::PROJECTION;
use super::life::{GroupKey, after_counting};
use super::templates::register_fingerprints;

/// Events that one transaction counts, at most (or one batch, if that alone is more): it holds row locks for well under a second.
const MAX_EVENTS: i64 = 50_000;

/// Batches that are looked at for one transaction.
const MAX_BATCHES: i64 = 5_000;

/// Batches that one transaction passes over because they are counted.
const MAX_PASSED_OVER: i64 = 500_000;

/// Key of the advisory lock, an arbitrary number that nobody else uses.
pub(crate) const LOCK_KEY: i64 = 0x6c69_6d70_6964_0002;

/// What a run counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Projected {
    /// Events that were counted.
    pub events: i64,
    /// Transactions it took.
    pub steps: u64,
}

/// Some batches of one node: either none of them is counted, or all are.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchRange {
    pub(super) node: NodeId,
    /// The last batch that is counted already.
    pub(super) after: BatchSeq,
    /// The last batch of the range.
    pub(super) upto: BatchSeq,
    /// Moments of the first and last event; `None` where no batch has events.
    pub(super) span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Whether the ledger says that they are counted: the checkpoint was set back.
    is_counted: bool,
}

/// Counts every batch that is stored and not counted yet. Any number of projectors may run; one at a time works.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; what was counted stays counted.
pub async fn project(database: &Database) -> Result<Projected, StoreError> {
    let mut done = Projected::default();
    while let Some(events) = step(database).await? {
        done.events += events;
        done.steps += 1;
    }
    Ok(done)
}

/// One transaction: the events it counted, or `None` when there is nothing left or another projector is at work.
async fn step(database: &Database) -> Result<Option<i64>, StoreError> {
    let mut tx = database.service_tx().await?;
    if !lock(&mut tx).await? {
        return Ok(None);
    }
    let Some(range) = next_range(&mut tx).await? else {
        // A transaction that is dropped keeps its lock until its connection is used again: others would find nothing free.
        tx.rollback().await?;
        return Ok(None);
    };
    if range.is_counted {
        pass_over(&mut tx, range).await?;
        tx.commit().await?;
        return Ok(Some(0));
    }
    register_fingerprints(&mut tx, range).await?;
    let (events, groups) = count(&mut tx, range).await?;
    after_counting(&mut tx, &groups).await?;
    tx.commit().await?;
    Ok(Some(events))
}

/// Whether this transaction may write groups; with time for its work.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<bool, StoreError> {
    sqlx::raw_sql("set local statement_timeout = '60s'")
        .execute(&mut *connection)
        .await?;
    Ok(sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
        .bind(LOCK_KEY)
        .fetch_one(connection)
        .await?)
}

/// The next batches of the node that waits longest.
async fn next_range(connection: &mut PgConnection) -> Result<Option<BatchRange>, StoreError> {
    // The recursion jumps from node to node in the index, however many batches each has.
    let node: Option<(i64, i64, bool)> = sqlx::query_as(
        "with recursive n as (
           (select node_id from ingest_batch order by node_id limit 1)
           union all
           select (select b.node_id from ingest_batch b where b.node_id > n.node_id order by b.node_id limit 1) from n
           where n.node_id is not null
         )
         select n.node_id, coalesce(c.batch_seq, 0), first.grouped from n left join projection_checkpoint c on c.projection = $1 and c.node_id = n.node_id
         join lateral (
           select b.received_at, b.grouped from ingest_batch b
           where b.node_id = n.node_id and b.batch_seq > coalesce(c.batch_seq, 0) order by b.batch_seq limit 1
         ) first on true
         order by first.received_at limit 1",
    )
    .bind(PROJECTION)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((node, after, is_counted)) = node else {
        return Ok(None);
    };
    let (most_batches, most_events) = if is_counted {
        (MAX_PASSED_OVER, i64::MAX)
    } else {
        (MAX_BATCHES, MAX_EVENTS)
    };
    let (upto, from, to): (i64, Option<DateTime<Utc>>, Option<DateTime<Utc>>) = sqlx::query_as(
        "select max(batch_seq), min(min_at), max(max_at) from (
           select batch_seq, min_at, max_at, sum(events) over (order by batch_seq) - events as before,
             count(*) filter (where grouped <> $5) over (order by batch_seq) as others
           from (
             select batch_seq, events, min_at, max_at, grouped from ingest_batch
             where node_id = $1 and batch_seq > $2 order by batch_seq limit $3
           ) waiting
         ) sized where before < $4 and others = 0",
    )
    .bind(node)
    .bind(after)
    .bind(most_batches)
    .bind(most_events)
    .bind(is_counted)
    .fetch_one(connection)
    .await?;
    Ok(Some(BatchRange {
        node: NodeId(node),
        after: BatchSeq(after),
        upto: BatchSeq(upto),
        span: from.zip(to),
        is_counted,
    }))
}

/// Moves the checkpoint behind batches that are counted.
async fn pass_over(connection: &mut PgConnection, range: BatchRange) -> Result<(), StoreError> {
    sqlx::query(
        "insert into projection_checkpoint as c (projection, node_id, batch_seq) values ($1, $2, $3)
         on conflict (projection, node_id) do update set batch_seq = excluded.batch_seq",
    )
    .bind(PROJECTION)
    .bind(range.node.0)
    .bind(range.upto.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// How many events were counted, and the groups that they belong to.
async fn count(
    connection: &mut PgConnection,
    range: BatchRange,
) -> Result<(i64, Vec<GroupKey>), StoreError> {
    type Counted = (i64, Option<Vec<i64>>, Option<Vec<i64>>);
    let nothing = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH);
    let (from, to) = range.span.unwrap_or(nothing);
    let (events, tenants, groups): Counted = sqlx::query_as(include_str!("project.sql"))
        .bind(range.node.0)
        .bind(range.after.0)
        .bind(range.upto.0)
        .bind(from)
        .bind(to)
        .bind(PROJECTION)
        .fetch_one(connection)
        .await?;
    let (tenants, groups) = (tenants.unwrap_or_default(), groups.unwrap_or_default());
    Ok((events, tenants.into_iter().zip(groups).collect()))
}
