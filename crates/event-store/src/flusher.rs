//! The way of what a node gathers in memory to the database.
//!
//! A batch that was sent and not confirmed is sent again unchanged; until it is confirmed nothing else is taken from the counters, which go on
//! counting within their bounds. What is in memory is lost with the process: at most one interval while the database answers. A row that
//! the database refuses whenever it is sent is set aside, so that it does not hold up the others.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use limpid_domain::clock::Clock;
use limpid_domain::ids::{NodeId, RunId};
use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::database::Database;
use crate::error::StoreError;

/// How long the last batches may take at shutdown.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// What every batch says beside its rows.
#[derive(Debug, Clone, Copy)]
pub struct BatchHead {
    /// The node.
    pub node: NodeId,
    /// Its present run.
    pub run: RunId,
    /// Position among the run's batches, dense from 1.
    pub seq: i64,
    /// Everything before it is in this batch or an earlier one.
    pub counted_to: DateTime<Utc>,
    /// Whether it is the run's last.
    pub stopped: bool,
}

/// Rows of one batch, and how they are stored.
pub trait BatchRows: Clone + Default + Send + Sync {
    /// Adds them as one batch unless it has been added already; all or nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: try again. [`StoreError::is_refusal`]: never again with the same rows.
    fn append(
        &self,
        connection: &mut PgConnection,
        head: BatchHead,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Cuts them in two.
    ///
    /// # Errors
    /// What there was, where that is one row or none.
    fn halves(self) -> Result<[Self; 2], Self>;

    /// How many there are.
    fn count(&self) -> usize;

    /// These and others together.
    #[must_use]
    fn joined(self, others: Self) -> Self;
}

/// What is gathered in memory.
pub trait Gathered: Send {
    /// What it becomes.
    type Rows: BatchRows;

    /// As log lines name it.
    const NAME: &'static str;

    /// What was gathered since the last time, in parts of a batch each.
    fn take(&mut self, now: DateTime<Utc>) -> Vec<Self::Rows>;

    /// Hears of rows that the database refused and that are dropped.
    fn refused(&self, rows: u64);
}

/// Carries what a node gathers to a database.
#[derive(Debug)]
pub struct Flusher<G: Gathered> {
    gathered: G,
    database: Database,
    clock: Clock,
    node: NodeId,
    run: RunId,
    /// Number of the next batch.
    next_seq: i64,
    /// Everything before it is in batches.
    counted_to: DateTime<Utc>,
    /// Batches that are not confirmed, oldest first.
    pending: VecDeque<(BatchHead, G::Rows)>,
}

impl<G: Gathered> Flusher<G> {
    /// Prepares to carry what is gathered at `node` into `database`, which may be down.
    pub fn new(gathered: G, database: Database, clock: Clock, node: NodeId) -> Self {
        Self {
            gathered,
            database,
            counted_to: clock.now(),
            clock,
            node,
            run: RunId::mint(),
            next_seq: 1,
            pending: VecDeque::new(),
        }
    }

    /// Flushes every `interval` until told to stop, then once more. Stop whoever gathers first.
    pub async fn run(mut self, interval: Duration, shutdown: CancellationToken) {
        while timeout(interval, shutdown.cancelled()).await.is_err() {
            if let Err(error) = self.flush(false).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot store {}; it is kept in memory",
                    G::NAME
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
            batches = self.pending.len(),
            "{} since the database last answered is lost",
            G::NAME
        );
    }

    /// Sends what waits, then what was gathered since.
    async fn flush(&mut self, stopped: bool) -> Result<(), StoreError> {
        self.send_pending().await?;
        let now = self.clock.now();
        let parts = self.gathered.take(now);
        self.enqueue(parts, now, stopped);
        self.send_pending().await
    }

    async fn send_pending(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut connection = self.database.service().await?;
        while let Some((head, rows)) = self.pending.front() {
            match rows.append(&mut connection, *head).await {
                Ok(()) => {}
                Err(error) if error.is_refusal() => {
                    let refused = store_accepted(&mut connection, *head, rows).await?;
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        rows = refused,
                        "PostgreSQL refuses values among {}; the rows they are in are dropped",
                        G::NAME
                    );
                    self.gathered.refused(refused);
                }
                Err(error) => return Err(error),
            }
            self.pending.pop_front();
        }
        Ok(())
    }

    /// Numbers the parts; at least one batch, which tells that the node is there.
    fn enqueue(&mut self, mut parts: Vec<G::Rows>, now: DateTime<Utc>, stopped: bool) {
        if parts.is_empty() {
            parts.push(G::Rows::default());
        }
        for rows in parts {
            let head = BatchHead {
                node: self.node,
                run: self.run,
                seq: self.next_seq,
                counted_to: self.counted_to,
                stopped: false,
            };
            self.pending.push_back((head, rows));
            self.next_seq += 1;
        }
        self.counted_to = now;
        if let Some((last, _)) = self.pending.back_mut() {
            last.counted_to = now;
            last.stopped = stopped;
        }
    }
}

/// Stores a batch that the database refuses without the rows that are at fault, or without any where none is at fault alone. How many
/// were left out.
async fn store_accepted<R: BatchRows>(
    connection: &mut PgConnection,
    head: BatchHead,
    rows: &R,
) -> Result<u64, StoreError> {
    // The batch stays whole until something of it is stored: the connection may be lost meanwhile.
    let (accepted, refused) = accepted(connection, head, rows.clone()).await?;
    match accepted.append(connection, head).await {
        Ok(()) => Ok(refused),
        Err(error) if error.is_refusal() => {
            R::default().append(connection, head).await?;
            Ok(rows.count() as u64)
        }
        Err(error) => Err(error),
    }
}

/// The rows that the database would take, and how many it would not. Nothing is stored.
async fn accepted<R: BatchRows>(
    connection: &mut PgConnection,
    head: BatchHead,
    rows: R,
) -> Result<(R, u64), StoreError> {
    let mut waiting = vec![rows];
    let mut taken = R::default();
    let mut refused = 0;
    while let Some(rows) = waiting.pop() {
        let mut attempt = connection.begin().await?;
        let outcome = rows.append(&mut attempt, head).await;
        attempt.rollback().await?;
        match outcome {
            Ok(()) => taken = taken.joined(rows),
            Err(error) if error.is_refusal() => match rows.halves() {
                Ok([first, second]) => waiting.extend([second, first]),
                Err(_alone) => refused += 1,
            },
            Err(error) => return Err(error),
        }
    }
    Ok((taken, refused))
}

/// Where to cut the lists of a batch so that half of all rows come first; `None` where there is one row or none.
pub(crate) fn middle<const N: usize>(lengths: [usize; N]) -> Option<[usize; N]> {
    let all: usize = lengths.iter().sum();
    let mut left = all / 2;
    let cuts = lengths.map(|length| {
        let cut = left.min(length);
        left -= cut;
        cut
    });
    (all > 1).then_some(cuts)
}

#[cfg(test)]
mod tests {
    use super::middle;

    #[test]
    fn lists_are_cut_so_that_half_of_all_rows_come_first() {
        assert_eq!(middle([4, 4]), Some([4, 0]));
        assert_eq!(middle([1, 4, 2]), Some([1, 2, 0]));
        assert_eq!(middle([0, 2]), Some([0, 1]));
        assert_eq!(middle([0, 3, 0]), Some([0, 1, 0]));
        assert_eq!(middle([1, 0]), None);
        assert_eq!(middle([0, 0]), None);
    }
}
