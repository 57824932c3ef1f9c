//! Appends batches of failures to PostgreSQL: ledger, events and hourly counts in one statement, exactly once.
//!
//! The ledger's key is (node, batch number): a batch that is sent again, because its answer was lost or the spool was read again,
//! changes nothing.

mod columns;
mod text;

use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{BatchSeq, NodeId};
use sqlx::PgConnection;

use crate::error::StoreError;
use crate::spool::Frame;
use crate::spool::frame::Unreadable;
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
    let ledger = LedgerColumns::of(batches);
    let facts = FactColumns::of(batches);
    let counts = CountColumns::of(batches);
    let query = sqlx::query_as(include_str!("failure_append/append.sql")).bind(node.0);
    let query = counts.bind(facts.bind(ledger.bind(query)));
    let (batches, events): (i64, i64) = query.fetch_one(connection).await?;
    Ok(Appended {
        batches: batches.unsigned_abs(),
        events: events.unsigned_abs(),
    })
}
