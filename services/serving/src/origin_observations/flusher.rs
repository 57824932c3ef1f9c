//! The way of the observations to the database.
//!
//! A batch that was sent and not confirmed is sent again unchanged; until it is confirmed nothing else is taken from the counters, which go on
//! counting within their bounds. What is in memory is lost with the process: at most one interval while the database answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use limpid_domain::clock::Clock;
use limpid_domain::ids::{NodeId, RunId};
use limpid_event_store::origin_observation_append::{OriginBatch, append_origin_batch};
use limpid_event_store::{Database, StoreError};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::rows::ObservedRows;
use super::{NodeView, OriginObservations};

/// Rows of each kind in one statement; larger ones hold row locks for longer.
const ROWS_PER_BATCH: usize = 1_000;
/// How long the last observations may take at shutdown.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// Carries observations from a node to a database.
#[derive(Debug)]
pub(crate) struct OriginFlusher {
    observations: Arc<OriginObservations>,
    view: NodeView,
    database: Database,
    clock: Clock,
    node: NodeId,
    run: RunId,
    /// Number of the next batch.
    next_seq: i64,
    /// Everything before it is in batches.
    counted_to: DateTime<Utc>,
    /// Batches that are not confirmed, oldest first.
    pending: VecDeque<OriginBatch>,
}

impl OriginFlusher {
    /// Prepares to carry what is observed at `node` into `database`, which may be down.
    pub(crate) fn new(
        (observations, view): (Arc<OriginObservations>, NodeView),
        database: Database,
        clock: Clock,
        node: NodeId,
    ) -> Self {
        Self {
            observations,
            view,
            database,
            counted_to: clock.now(),
            clock,
            node,
            run: RunId::mint(),
            next_seq: 1,
            pending: VecDeque::new(),
        }
    }

    /// Flushes every `interval` until told to stop, then once more. Stop whoever fetches first.
    pub(crate) async fn run(mut self, interval: Duration, shutdown: CancellationToken) {
        while timeout(interval, shutdown.cancelled()).await.is_err() {
            if let Err(error) = self.flush(false).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot store observations of origins; they are kept in memory"
                );
            }
        }
        let lost = match timeout(LAST_FLUSH, self.flush(true)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database is slow".to_owned(),
        };
        tracing::error!(
            error = lost,
            "observations of origins since the database last answered are lost"
        );
    }

    /// Sends what waits, then what was observed since.
    async fn flush(&mut self, stopped: bool) -> Result<(), StoreError> {
        self.send_pending().await?;
        let now = self.clock.now();
        let mut rows = ObservedRows::of(self.observations.take());
        self.view.add_to(&mut rows, now);
        self.enqueue(rows, now, stopped);
        self.send_pending().await
    }

    async fn send_pending(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut connection = self.database.service().await?;
        while let Some(batch) = self.pending.front() {
            append_origin_batch(&mut connection, batch).await?;
            self.pending.pop_front();
        }
        Ok(())
    }

    /// Cuts rows into batches; at least one, which tells that the node observes.
    fn enqueue(&mut self, rows: ObservedRows, now: DateTime<Utc>, stopped: bool) {
        let origins: Vec<_> = rows.origins.into_values().collect();
        let mut origins = origins.chunks(ROWS_PER_BATCH);
        let mut hours = rows.hours.chunks(ROWS_PER_BATCH);
        let mut served = rows.served.chunks(ROWS_PER_BATCH);
        loop {
            let next = (origins.next(), hours.next(), served.next());
            let is_first = self.pending.is_empty();
            if next == (None, None, None) && !is_first {
                break;
            }
            self.pending.push_back(OriginBatch {
                node: self.node,
                run: self.run,
                seq: self.next_seq,
                counted_to: self.counted_to,
                stopped: false,
                origins: next.0.unwrap_or_default().to_vec(),
                hours: next.1.unwrap_or_default().to_vec(),
                served: next.2.unwrap_or_default().to_vec(),
            });
            self.next_seq += 1;
        }
        self.counted_to = now;
        if let Some(last) = self.pending.back_mut() {
            last.counted_to = now;
            last.stopped = stopped;
        }
    }
}
