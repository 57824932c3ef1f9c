//! The way of the counts to the database.
//!
//! A batch that was sent and not confirmed is sent again unchanged; until it is confirmed nothing else is taken from the counters, which go on
//! counting within their bounds. What is in memory is lost with the process: at most one interval while the database answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use limpid_domain::clock::Clock;
use limpid_domain::ids::{NodeId, RunId};
use limpid_event_store::usage_append::{UsageBatch, append_usage};
use limpid_event_store::{Database, StoreError};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::UsageCounter;
use super::ranking::{Ranking, UsageRows};

/// Rows of one statement; larger ones hold row locks for longer.
const ROWS_PER_BATCH: usize = 2_000;
/// How long the last counts may take at shutdown.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// Carries counts from a counter to a database.
#[derive(Debug)]
pub(crate) struct UsageFlusher {
    counter: Arc<UsageCounter>,
    database: Database,
    clock: Clock,
    node: NodeId,
    run: RunId,
    /// Number of the next batch.
    next_seq: i64,
    /// Everything before it is in batches.
    counted_to: DateTime<Utc>,
    ranking: Ranking,
    /// Batches that are not confirmed, oldest first.
    pending: VecDeque<UsageBatch>,
}

impl UsageFlusher {
    /// Prepares to carry what `counter` counts at `node` into `database`, which may be down.
    pub(crate) fn new(
        counter: Arc<UsageCounter>,
        database: Database,
        clock: Clock,
        node: NodeId,
    ) -> Self {
        Self {
            counter,
            database,
            counted_to: clock.now(),
            clock,
            node,
            run: RunId::mint(),
            next_seq: 1,
            ranking: Ranking::default(),
            pending: VecDeque::new(),
        }
    }

    /// Flushes every `interval` until told to stop, then once more. Stop whoever counts first.
    pub(crate) async fn run(mut self, interval: Duration, shutdown: CancellationToken) {
        while timeout(interval, shutdown.cancelled()).await.is_err() {
            if let Err(error) = self.flush(false).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot store usage; it is kept in memory"
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
            requests = self.unconfirmed(),
            "usage since the database last answered is lost"
        );
    }

    /// Sends what waits, then what was counted since.
    async fn flush(&mut self, stopped: bool) -> Result<(), StoreError> {
        self.send_pending().await?;
        let now = self.clock.now();
        let rows = self.ranking.rows(&self.counter.take());
        self.enqueue(&rows, now, stopped);
        self.send_pending().await
    }

    async fn send_pending(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut connection = self.database.service().await?;
        while let Some(batch) = self.pending.front_mut() {
            match append_usage(&mut connection, batch).await {
                Ok(_) => {}
                Err(error) if error.is_transient() => return Err(error),
                // Nothing of it was stored. Keys come from strangers; the counts themselves cannot be at fault.
                Err(error) if !batch.tops.is_empty() => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "PostgreSQL refuses a batch of usage; storing it without names"
                    );
                    batch.tops.clear();
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.pending.pop_front();
        }
        Ok(())
    }

    /// Cuts rows into batches; at least one, which tells that the node counts.
    fn enqueue(&mut self, rows: &UsageRows, now: DateTime<Utc>, stopped: bool) {
        let mut cells = rows.cells.chunks(ROWS_PER_BATCH);
        let mut tops = rows.tops.chunks(ROWS_PER_BATCH);
        let (mut next_cells, mut next_tops) = (cells.next(), tops.next());
        loop {
            let batch = UsageBatch {
                node: self.node,
                run: self.run,
                seq: self.next_seq,
                counted_to: self.counted_to,
                stopped: false,
                cells: next_cells.unwrap_or_default().to_vec(),
                tops: next_tops.unwrap_or_default().to_vec(),
            };
            self.next_seq += 1;
            self.pending.push_back(batch);
            (next_cells, next_tops) = (cells.next(), tops.next());
            if next_cells.is_none() && next_tops.is_none() {
                break;
            }
        }
        self.counted_to = now;
        if let Some(last) = self.pending.back_mut() {
            last.counted_to = now;
            last.stopped = stopped;
        }
    }

    /// Requests in batches that are not confirmed, and in the counters.
    fn unconfirmed(&self) -> i64 {
        let waiting = self.pending.iter().flat_map(|batch| &batch.cells);
        let waiting: i64 = waiting.map(|cell| cell.counts.requests).sum();
        let counted = self.counter.take();
        let counted = counted.iter().flat_map(|(_, counts)| counts.cells.values());
        waiting + counted.map(|counts| counts.requests).sum::<i64>()
    }
}
