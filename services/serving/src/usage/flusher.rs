//! Counts of usage on their way to the database.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use limpid_event_store::flusher::{Flusher, Gathered};
use limpid_event_store::usage_append::UsageRows;

use super::UsageCounter;
use super::ranking::Ranking;
use crate::metrics;

/// Rows of each kind in one statement; larger ones hold row locks for longer.
const ROWS_PER_BATCH: usize = 2_000;

/// Carries counts from a counter to a database.
pub(crate) type UsageFlusher = Flusher<GatheredUsage>;

/// What a counter counts, and which keys are worth keeping.
#[derive(Debug)]
pub(crate) struct GatheredUsage {
    counter: Arc<UsageCounter>,
    ranking: Ranking,
}

impl GatheredUsage {
    /// What `counter` counts from now on.
    pub(crate) fn of(counter: Arc<UsageCounter>) -> Self {
        Self {
            counter,
            ranking: Ranking::default(),
        }
    }
}

impl Gathered for GatheredUsage {
    type Rows = UsageRows;

    const NAME: &'static str = "usage";

    fn take(&mut self, _now: DateTime<Utc>) -> Vec<UsageRows> {
        let rows = self.ranking.rows(&self.counter.take());
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

    fn refused(&self, rows: u64) {
        metrics::count_refused_rows(Self::NAME, rows);
    }
}
