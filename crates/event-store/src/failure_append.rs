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

/// Stores the batches that are not stored yet.
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
    let batches = batches.as_ref();
    let ledger = LedgerColumns::of(batches);
    let facts = FactColumns::of(batches);
    let counts = CountColumns::of(batches);
    let query = sqlx::query_as(include_str!("failure_append/append.sql")).bind(node.0);
    let query = counts.bind(facts.bind(ledger.bind(query)));
    let (batches, events): (i64, i64) = query.fetch_one(connection).await?;
    Ok(Appended {
        batches: batches.unsigned_abs(),
        events: events.unsigned_abs(),
        erased,
    })
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
