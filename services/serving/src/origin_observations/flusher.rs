//! Observations of origins on their way to the database.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use limpid_event_store::flusher::{Flusher, Gathered, Journal, Left};
use limpid_event_store::origin_observation_append::OriginRows;

use super::rows::ObservedRows;
use super::{NodeView, OriginObservations};
use crate::metrics;

/// Rows of each kind in one statement; larger ones hold row locks for longer.
const ROWS_PER_BATCH: usize = 1_000;

/// Carries observations from a node to a database.
pub(crate) type OriginFlusher = Flusher<GatheredObservations>;

/// Opens what is kept on disk of observations that no database has, in the directory of the spool, which only this process uses.
pub(crate) fn open_journal(directory: &Path) -> (Journal<OriginRows>, Left<OriginRows>) {
    Journal::open(directory, "origins")
}

/// What a node observes of origins, and what it knows of them beside.
#[derive(Debug)]
pub(crate) struct GatheredObservations {
    observations: Arc<OriginObservations>,
    view: NodeView,
}

impl GatheredObservations {
    /// What is observed from now on.
    pub(crate) fn of((observations, view): (Arc<OriginObservations>, NodeView)) -> Self {
        Self { observations, view }
    }
}

impl Gathered for GatheredObservations {
    type Rows = OriginRows;

    const NAME: &'static str = "observations of origins";

    fn take(&mut self, now: DateTime<Utc>) -> Vec<OriginRows> {
        let mut rows = ObservedRows::of(self.observations.take());
        self.view.add_to(&mut rows, now);
        parts(&rows.into())
    }

    /// Breakers and ends of certificates and credentials are not among it: the next run learns them anew.
    fn unsent(&mut self) -> OriginRows {
        ObservedRows::of(self.observations.observed()).into()
    }

    fn left(&mut self, rows: OriginRows) -> Vec<OriginRows> {
        parts(&rows)
    }

    fn refused(&self, rows: u64) {
        metrics::count_refused_rows(Self::NAME, rows);
    }
}

/// In parts of a batch each.
fn parts(rows: &OriginRows) -> Vec<OriginRows> {
    let mut origins = rows.origins.chunks(ROWS_PER_BATCH);
    let mut hours = rows.hours.chunks(ROWS_PER_BATCH);
    let mut served = rows.served.chunks(ROWS_PER_BATCH);
    let mut parts = Vec::new();
    loop {
        let next = (origins.next(), hours.next(), served.next());
        if next == (None, None, None) {
            return parts;
        }
        parts.push(OriginRows {
            origins: next.0.unwrap_or_default().to_vec(),
            hours: next.1.unwrap_or_default().to_vec(),
            served: next.2.unwrap_or_default().to_vec(),
        });
    }
}
