//! Counts of usage on their way to the database.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use limpid_event_store::flusher::{Flusher, Gathered, Journal, Left};
use limpid_event_store::usage_append::UsageRows;

use super::UsageCounter;
use super::held::HeldCounts;
use super::ranking::Ranking;
use crate::metrics;

/// Rows of each kind in one statement; larger ones hold row locks for longer.
const ROWS_PER_BATCH: usize = 2_000;

/// Carries counts from a counter to a database.
pub(crate) type UsageFlusher = Flusher<GatheredUsage>;

/// Opens what is kept on disk of counts that no database has, in the directory of the spool, which only this process uses.
pub(crate) fn open_journal(directory: &Path) -> (Journal<UsageRows>, Left<UsageRows>) {
    Journal::open(directory, GatheredUsage::NAME)
}

/// What a counter counts, and which keys are worth keeping.
#[derive(Debug)]
pub(crate) struct GatheredUsage {
    counter: Arc<UsageCounter>,
    held: HeldCounts,
    ranking: Ranking,
}

impl GatheredUsage {
    /// What `counter` counts from now on.
    pub(crate) fn of(counter: Arc<UsageCounter>) -> Self {
        Self {
            counter,
            held: HeldCounts::default(),
            ranking: Ranking::default(),
        }
    }

    /// What is held as rows, in parts of a batch each.
    fn parts(&mut self) -> Vec<UsageRows> {
        let rows = self.ranking.rows(&self.held.take());
        let mut cells = rows.cells.chunks(ROWS_PER_BATCH);
        let mut tops = rows.tops.chunks(ROWS_PER_BATCH);
        let mut parts = Vec::new();
        loop {
            let next = (cells.next(), tops.next());
            if next == (None, None) {
                return parts;
            }
            parts.push(UsageRows {
                cells: next.0.unwrap_or_default().to_vec(),
                tops: next.1.unwrap_or_default().to_vec(),
            });
        }
    }
}

impl Gathered for GatheredUsage {
    type Rows = UsageRows;

    const NAME: &'static str = "usage";

    fn take(&mut self, _now: DateTime<Utc>) -> Vec<UsageRows> {
        self.held.add(&self.counter.take());
        self.parts()
    }

    fn unsent(&mut self) -> UsageRows {
        self.held.add(&self.counter.take());
        Ranking::unranked(self.held.hours())
    }

    fn left(&mut self, rows: UsageRows) -> Vec<UsageRows> {
        self.held.add_rows(&rows);
        self.parts()
    }

    fn refused(&self, rows: u64) {
        metrics::count_refused_rows(Self::NAME, rows);
    }
}
