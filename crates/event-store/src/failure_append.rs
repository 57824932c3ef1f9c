//! Appends batches of failures to PostgreSQL: ledger, events and hourly counts in one statement, exactly once.
//!
//! The ledger's key is (node, batch number): a batch that is sent again, because its answer was lost or the spool was read again,
//! changes nothing. Events of tenants that were erased are dropped before they are stored.

mod columns;
mod text;

use std::borrow::Cow;
use std::collections::BTreeSet;

use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{BatchSeq, NodeId};
use sqlx::PgConnection;

use crate::error::StoreError;
use crate::spool::Frame;
use crate::spool::frame::Unreadable;
use crate::tenant_erasure::erased_among;
use columns::{CountColumns, FactColumns, LedgerColumns};

/// The most events that one statement should carry.
///
/// Source: `docs/EVENTS.md`; larger batches gain nothing and hold row locks longer.
pub const MAX_EVENTS_PER_STATEMENT: usize = 5_000;

/// The constraint that keeps a batch from being stored twice.
const LEDGER_KEY: &str = "ingest_batch_pkey";

/// The events of one frame that are to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its number at the node.
    pub seq: BatchSeq,
    /// Its events.
    pub events: Vec<FailureEvent>,
    /// How many events of the frame are not among them and went to the dead-letter file.
    pub refused: i32,
}

/// What an append stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Appended {
    /// Batches that were new.
    pub batches: u64,
    /// Their events.
    pub events: u64,
    /// Events of erased tenants that were not stored.
    pub erased: u64,
}

impl Appended {
    fn of(batches: &[Batch], erased: u64) -> Self {
        Self {
            batches: batches.len() as u64,
            events: batches.iter().map(|batch| batch.events.len() as u64).sum(),
            erased,
        }
    }
}

impl Batch {
    /// Reads a frame; what can't be read is returned apart and counted as refused.
    pub fn from_frame(frame: &Frame) -> (Self, Vec<Unreadable>) {
        let (events, unreadable) = frame.events();
        let batch = Self {
            seq: frame.batch_seq,
            events,
            refused: i32::try_from(unreadable.len()).unwrap_or(i32::MAX),
        };
        (batch, unreadable)
    }
}

/// Stores the batches that are not stored yet. They have different numbers.
///
/// # Errors
/// [`StoreError::Unavailable`]: try again. Other errors: the database refuses some value or the whole statement; nothing of it
/// was stored.
pub async fn append_batches(
    connection: &mut PgConnection,
    node: NodeId,
    batches: &[Batch],
) -> Result<Appended, StoreError> {
    let (batches, erased) = without_erased(connection, batches).await?;
    if append_all(connection, node, &batches).await? {
        return Ok(Appended::of(&batches, erased));
    }
    let known = known_among(connection, node, &batches).await?;
    let rest: Vec<Batch> = batches
        .iter()
        .filter(|batch| !known.contains(&batch.seq.0))
        .cloned()
        .collect();
    if rest.is_empty() || append_all(connection, node, &rest).await? {
        return Ok(Appended::of(&rest, erased));
    }
    // Twice another connection was a little faster: the caller finds out by sending everything again.
    Err(StoreError::Taken {
        constraint: LEDGER_KEY.to_owned(),
    })
}

/// Stores the batches if all of them are new, and else nothing; whether they were.
async fn append_all(
    connection: &mut PgConnection,
    node: NodeId,
    batches: &[Batch],
) -> Result<bool, StoreError> {
    let ledger = LedgerColumns::of(batches);
    let facts = FactColumns::of(batches);
    let counts = CountColumns::of(batches);
    let query = sqlx::query_scalar(include_str!("failure_append/append.sql")).bind(node.0);
    let query = counts.bind(facts.bind(ledger.bind(query)));
    match query.fetch_one(connection).await.map_err(StoreError::from) {
        // Another connection stored one of them while this statement ran.
        Err(StoreError::Taken { constraint }) if constraint == LEDGER_KEY => Ok(false),
        outcome => outcome,
    }
}

/// Numbers of the batches that are in the ledger.
async fn known_among(
    connection: &mut PgConnection,
    node: NodeId,
    batches: &[Batch],
) -> Result<BTreeSet<i64>, StoreError> {
    let numbers: Vec<i64> = batches.iter().map(|batch| batch.seq.0).collect();
    let known: Vec<i64> = sqlx::query_scalar(
        "select batch_seq from ingest_batch where node_id = $1 and batch_seq = any ($2)",
    )
    .bind(node.0)
    .bind(numbers)
    .fetch_all(connection)
    .await?;
    Ok(known.into_iter().collect())
}

/// The batches without events of erased tenants, and how many those were. The batches keep their places in the ledger.
async fn without_erased<'a>(
    connection: &mut PgConnection,
    batches: &'a [Batch],
) -> Result<(Cow<'a, [Batch]>, u64), StoreError> {
    let events = batches.iter().flat_map(|batch| &batch.events);
    let tenants: BTreeSet<i64> = events.map(|event| event.tenant_id.0).collect();
    let erased = erased_among(connection, tenants.into_iter().collect()).await?;
    if erased.is_empty() {
        return Ok((Cow::Borrowed(batches), 0));
    }
    let mut kept = batches.to_vec();
    let mut dropped = 0;
    for batch in &mut kept {
        let before = batch.events.len();
        batch
            .events
            .retain(|event| !erased.contains(&event.tenant_id.0));
        dropped += (before - batch.events.len()) as u64;
    }
    Ok((Cow::Owned(kept), dropped))
}
