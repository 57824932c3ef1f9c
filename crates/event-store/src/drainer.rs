//! The drainer: carries frames from the spool to PostgreSQL, and tells the database how the spool is doing.
//!
//! It survives outages of any length: what it holds stays in the spool until PostgreSQL has it. A value that PostgreSQL refuses
//! goes to the dead-letter file; one bad event never holds up the others.

mod heartbeat;
mod refusal;

use std::time::Duration;

use chrono::{DateTime, Utc};
use limpid_domain::ids::{BatchSeq, NodeId};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::database::Database;
use crate::error::StoreError;
use crate::failure_append::{Appended, Batch, MAX_EVENTS_PER_STATEMENT, append_batches};
use crate::spool::{Backlog, SpoolError, SpoolReader};

/// How often the database hears of this node when nothing happens.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// How long the rest of the spool may take at shutdown; what is left then is sent after the next start.
const LAST_DRAIN: Duration = Duration::from_secs(10);

/// Moves failures from one spool into one database.
#[derive(Debug)]
pub struct FailureDrainer {
    reader: SpoolReader,
    database: Database,
    pending: Vec<Batch>,
    status: watch::Sender<DrainStatus>,
    last_heartbeat: Option<Instant>,
}

/// What the drainer is doing, for readiness and metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DrainStatus {
    /// What waits in the spool.
    pub backlog: Backlog,
    /// When the oldest event that PostgreSQL does not have happened.
    pub oldest_unacked: Option<DateTime<Utc>>,
    /// Whether the last exchange with the database went well; `None` before the first.
    pub database_answers: Option<bool>,
    /// Events stored since the start.
    pub stored_events: u64,
    /// Batches that were already in the ledger.
    pub replayed_batches: u64,
    /// Events of erased tenants dropped since the start.
    pub erased_events: u64,
    /// Dead letters written since the start.
    pub dead_letters: u64,
}

impl FailureDrainer {
    /// Prepares to drain `reader` into `database`, which may be down.
    pub fn new(reader: SpoolReader, database: Database) -> Self {
        Self {
            reader,
            database,
            pending: Vec::new(),
            status: watch::Sender::default(),
            last_heartbeat: None,
        }
    }

    /// Where to see what it is doing.
    pub fn status(&self) -> watch::Receiver<DrainStatus> {
        self.status.subscribe()
    }

    /// Drains until told to stop, then drains the rest for a bounded time and says goodbye. Stop the spool's writer first.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut delay = FIRST_RETRY;
        while !shutdown.is_cancelled() {
            match self.step().await {
                Ok(Progress::Moved) => delay = FIRST_RETRY,
                Ok(Progress::Idle) => {
                    delay = FIRST_RETRY;
                    self.wait_for_work(&shutdown).await;
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        ?delay,
                        "cannot drain the failure spool; it keeps everything"
                    );
                    // Cancelled or not, the loop looks for itself.
                    let _slept = timeout(delay, shutdown.cancelled()).await.is_err();
                    delay = (delay * 2).min(LAST_RETRY);
                }
            }
        }
        self.finish().await;
    }

    /// Sends what there is and says how it went.
    async fn step(&mut self) -> Result<Progress, DrainError> {
        let outcome = self.exchange().await;
        let stats = *self.status.borrow();
        let fresh = DrainStatus {
            backlog: self.reader.backlog(),
            oldest_unacked: self.oldest_unacked(),
            database_answers: match &outcome {
                Err(DrainError::Store(_)) => Some(false),
                Ok(_) => Some(true),
                Err(DrainError::Spool(_)) => stats.database_answers,
            },
            dead_letters: self.reader.dead_letter().written(),
            ..stats
        };
        self.status.send_if_modified(|status| {
            let changed = *status != fresh;
            *status = fresh;
            changed
        });
        outcome
    }

    async fn exchange(&mut self) -> Result<Progress, DrainError> {
        self.fill()?;
        let moved = self.send().await?;
        if self.heartbeat_is_due() {
            self.heartbeat(false).await?;
        }
        Ok(moved)
    }

    /// Takes the next frames from the spool unless some are still to be sent.
    fn fill(&mut self) -> Result<(), SpoolError> {
        if !self.pending.is_empty() {
            return Ok(());
        }
        for frame in self.reader.next_frames(MAX_EVENTS_PER_STATEMENT)? {
            let (batch, unreadable) = Batch::from_frame(&frame);
            for event in &unreadable {
                self.reader.dead_letter().write_unreadable(batch.seq, event);
            }
            self.pending.push(batch);
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<Progress, DrainError> {
        let Some(newest) = self.pending.last().map(|batch| batch.seq) else {
            return Ok(Progress::Idle);
        };
        let node = self.reader.node();
        let mut connection = self.database.service().await?;
        match append_batches(&mut connection, node, &self.pending).await {
            Ok(appended) => self.note(appended),
            Err(error) if error.is_refusal() => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "PostgreSQL refuses a batch; looking for the event"
                );
                let mut refused = Vec::new();
                for batch in &mut self.pending {
                    let dead_letter = self.reader.dead_letter();
                    if !refusal::remove_refused(&mut connection, node, batch, dead_letter).await? {
                        tracing::error!(
                            batch = batch.seq.0,
                            "PostgreSQL refuses a batch for good; it will be missing in the ledger"
                        );
                        refused.push(batch.seq);
                    }
                }
                self.pending.retain(|batch| !refused.contains(&batch.seq));
                let appended = append_batches(&mut connection, node, &self.pending).await?;
                self.note(appended);
            }
            Err(error) => return Err(error.into()),
        }
        self.pending.clear();
        self.ack(newest)?;
        Ok(Progress::Moved)
    }

    fn note(&self, appended: Appended) {
        let sent = self.pending.len() as u64;
        if appended.erased > 0 {
            tracing::info!(
                events = appended.erased,
                "dropped late failures of erased tenants"
            );
        }
        self.status.send_modify(|status| {
            status.stored_events += appended.events;
            status.erased_events += appended.erased;
            status.replayed_batches += sent - appended.batches.min(sent);
        });
    }

    fn ack(&mut self, seq: BatchSeq) -> Result<(), SpoolError> {
        self.reader.ack(seq)
    }

    async fn wait_for_work(&self, shutdown: &CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.reader.changed() => {}
            () = tokio::time::sleep(HEARTBEAT_INTERVAL) => {}
        }
    }

    fn heartbeat_is_due(&self) -> bool {
        self.last_heartbeat
            .is_none_or(|at| at.elapsed() >= HEARTBEAT_INTERVAL)
    }

    async fn heartbeat(&mut self, stopped: bool) -> Result<(), DrainError> {
        let beat = heartbeat::Heartbeat {
            node: self.reader.node(),
            backlog: self.reader.backlog(),
            oldest_unacked: self.oldest_unacked(),
            dead_letters: self.reader.dead_letter().written(),
            stopped,
        };
        let mut connection = self.database.service().await?;
        heartbeat::write(&mut connection, &beat).await?;
        self.last_heartbeat = Some(Instant::now());
        Ok(())
    }

    fn oldest_unacked(&self) -> Option<DateTime<Utc>> {
        let events = self.pending.iter().flat_map(|batch| &batch.events);
        events.map(|event| event.occurred_at).min()
    }

    /// The last events of a program that stops, if the database answers.
    async fn finish(mut self) {
        let rest = async {
            while self.step().await? == Progress::Moved {}
            let is_empty = self.reader.backlog().frames == 0;
            self.heartbeat(is_empty).await
        };
        match timeout(LAST_DRAIN, rest).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "failures stay in the spool until the next start"
                );
            }
            Err(_) => tracing::warn!(
                "failures stay in the spool until the next start: the database is slow"
            ),
        }
    }

    /// This spool's identity.
    pub fn node(&self) -> NodeId {
        self.reader.node()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Moved,
    Idle,
}

/// Why a step failed; the next one tries again.
#[derive(Debug, thiserror::Error)]
enum DrainError {
    #[error("the database")]
    Store(#[from] StoreError),
    #[error("the spool")]
    Spool(#[from] SpoolError),
}
