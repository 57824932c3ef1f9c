//! The way of what a node gathers in memory to the database.
//!
//! | module | holds |
//! |---|---|
//! | `gathering` | what waits, and under which numbers |
//! | `journal` | the same on local disk |
//! | `refusal` | batches of which the database refuses something |
//!
//! A batch that was sent and not confirmed is sent again unchanged; until it is confirmed no other is made of the counters, which go on
//! counting within their bounds. With a [`Journal`] everything that is not confirmed is on disk, a second old at most, and the next run
//! sends it under the numbers of the run that counted it: what was stored already is not stored again. Without one it is lost with the
//! process. What the database refuses whenever it is sent is set aside, so that it does not hold up the rest.

mod gathering;
mod journal;
mod refusal;

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use limpid_domain::clock::Clock;
use limpid_domain::ids::{NodeId, RunId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::database::Database;
use crate::error::StoreError;
use crate::spool::dead_letter::DeadLetter;
use gathering::Gathering;
pub use journal::{Journal, Left};
use refusal::{Refused, store};

/// How long the last batches may take at shutdown.
const LAST_FLUSH: Duration = Duration::from_secs(5);
/// How often what was gathered is put on disk.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// Where there is so much that this takes long, it is done less often: a quarter of the time at most.
const KEEP_SHARE: u32 = 4;

/// What every batch says beside its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchHead {
    /// The node.
    pub node: NodeId,
    /// The run of it that counted.
    pub run: RunId,
    /// When that began.
    pub began_at: DateTime<Utc>,
    /// Position among the run's batches, dense from 1.
    pub seq: i64,
    /// Everything before it is in this batch or an earlier one.
    pub counted_to: DateTime<Utc>,
    /// Whether it is the run's last.
    pub stopped: bool,
}

/// Rows of one batch, and how they are stored.
pub trait BatchRows: fmt::Debug + Clone + Default + Send + Sync + 'static {
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
pub trait Gathered: Send + 'static {
    /// What it becomes.
    type Rows: BatchRows;

    /// As log lines name it.
    const NAME: &'static str;

    /// What was gathered since the last time, in parts of a batch each.
    fn take(&mut self, now: DateTime<Utc>) -> Vec<Self::Rows>;

    /// What was gathered since the last time, to be kept on disk; it stays. Asked for only where there is a [`Journal`].
    fn unsent(&mut self) -> Self::Rows {
        Self::Rows::default()
    }

    /// The parts of a batch each of what an earlier run kept so.
    fn left(&mut self, rows: Self::Rows) -> Vec<Self::Rows> {
        vec![rows]
    }

    /// Hears of rows that the database refused and that are set aside.
    fn refused(&self, rows: u64);
}

/// Carries what a node gathers to a database.
#[derive(Debug)]
pub struct Flusher<G: Gathered> {
    gathering: Arc<Mutex<Gathering<G>>>,
    database: Database,
}

type Sending<R> = Pin<Box<dyn Future<Output = Result<Option<Refused<R>>, StoreError>> + Send>>;

impl<G: Gathered> Flusher<G> {
    /// Prepares to carry what is gathered at `node` into `database`, which may be down.
    pub fn new(gathered: G, database: Database, clock: Clock, node: NodeId) -> Self {
        Self {
            gathering: Arc::new(Mutex::new(Gathering::new(gathered, clock, node))),
            database,
        }
    }

    /// Keeps on disk what is not stored, and begins with what an earlier run left there.
    #[must_use]
    pub fn with_journal(self, (journal, left): (Journal<G::Rows>, Left<G::Rows>)) -> Self {
        self.locked(|gathering| gathering.set_journal(journal, left));
        self
    }

    /// Writes down what the database refuses.
    #[must_use]
    pub fn with_dead_letter(self, dead_letter: DeadLetter) -> Self {
        self.locked(|gathering| gathering.set_dead_letter(dead_letter));
        self
    }

    /// Flushes every `interval` until told to stop, then once more. Stop whoever gathers first.
    pub async fn run(self, interval: Duration, shutdown: CancellationToken) {
        let keeps = self.locked(|gathering| gathering.has_journal());
        let keep_every = if keeps {
            interval.min(KEEP_EVERY)
        } else {
            interval
        };
        let mut next_keep = Instant::now() + keep_every;
        let mut next_flush = Instant::now() + interval;
        // At once, so that the ledger knows of the run before it counts, and has what an earlier one left.
        let mut sending = if shutdown.is_cancelled() {
            None
        } else {
            self.flush(false).await
        };
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = sleep_until(next_keep.min(next_flush)) => {
                    let began = Instant::now();
                    if began >= next_flush {
                        next_flush = began + interval;
                        if sending.is_none() {
                            sending = self.flush(false).await;
                        }
                    }
                    if keeps && began >= next_keep {
                        self.keep().await;
                    }
                    next_keep = Instant::now() + keep_every.max(began.elapsed() * KEEP_SHARE);
                }
                outcome = finished(&mut sending) => sending = self.settle(outcome),
            }
        }
        self.finish(sending).await;
    }

    /// Makes batches of what was gathered, and begins to send the first that waits.
    async fn flush(&self, stopped: bool) -> Option<Sending<G::Rows>> {
        match self.apart(move |gathering| gathering.cut(stopped)).await {
            Ok(()) => self.send(),
            Err(error) => {
                tracing::error!(%error, "cannot keep {} on disk; it is kept in memory", G::NAME);
                None
            }
        }
    }

    async fn keep(&self) {
        if let Err(error) = self.apart(Gathering::keep).await {
            tracing::error!(%error, "cannot keep {} on disk; a crash would lose it", G::NAME);
        }
    }

    /// Begins to send the oldest batch.
    fn send(&self) -> Option<Sending<G::Rows>> {
        let (head, rows) = self.locked(|gathering| gathering.front())?;
        let database = self.database.clone();
        Some(Box::pin(async move {
            let mut connection = database.service().await?;
            store(&mut connection, head, rows.as_ref()).await
        }))
    }

    /// Takes note of how sending went, and begins to send the next batch. After a failure the next flush tries again.
    fn settle(
        &self,
        outcome: Result<Option<Refused<G::Rows>>, StoreError>,
    ) -> Option<Sending<G::Rows>> {
        match outcome {
            Ok(refused) => {
                self.locked(|gathering| gathering.settle(refused));
                self.send()
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot store {}; it is kept",
                    G::NAME
                );
                None
            }
        }
    }

    /// Sends everything for a bounded time.
    async fn finish(&self, sending: Option<Sending<G::Rows>>) {
        let began = self.flush(true).await;
        let last = async {
            // What was begun goes first; its batch is the oldest that waits.
            let mut sending = sending.or(began);
            while let Some(sent) = sending.take() {
                let refused = sent.await?;
                self.locked(|gathering| gathering.settle(refused));
                sending = self.send();
            }
            Ok::<(), StoreError>(())
        };
        let why = match timeout(LAST_FLUSH, last).await {
            Ok(Ok(())) => "it could not be kept on disk before".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database is slow".to_owned(),
        };
        let (batches, is_on_disk) =
            self.locked(|gathering| (gathering.waiting(), gathering.is_on_disk()));
        if batches == 0 {
            if let Err(error) = self.apart(Gathering::forget).await {
                tracing::warn!(%error, "cannot clear the journal of {}; it is sent again and does nothing", G::NAME);
            }
        } else if is_on_disk {
            tracing::warn!(
                error = why,
                batches,
                "{} is kept on disk until the next start",
                G::NAME
            );
        } else {
            tracing::error!(
                error = why,
                batches,
                "{} since the database last answered is lost",
                G::NAME
            );
        }
    }

    /// Work that waits for no disk.
    fn locked<T>(&self, work: impl FnOnce(&mut Gathering<G>) -> T) -> T {
        work(
            &mut self
                .gathering
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Work that may wait for a disk, where it holds up nobody.
    #[expect(
        clippy::disallowed_methods,
        reason = "it waits for the disk; one thread of a flusher at a time"
    )]
    async fn apart(
        &self,
        work: impl FnOnce(&mut Gathering<G>) -> std::io::Result<()> + Send + 'static,
    ) -> std::io::Result<()> {
        let gathering = Arc::clone(&self.gathering);
        let done = tokio::task::spawn_blocking(move || {
            work(&mut gathering.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await.map_err(std::io::Error::other)?
    }
}

/// How sending ended; never where nothing is being sent.
async fn finished<R>(sending: &mut Option<Sending<R>>) -> Result<Option<Refused<R>>, StoreError> {
    match sending {
        Some(sent) => {
            let outcome = sent.await;
            *sending = None;
            outcome
        }
        None => std::future::pending().await,
    }
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
