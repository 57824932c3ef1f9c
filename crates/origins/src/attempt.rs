//! What one attempt gathers while it runs: phase timings, the trace, and the time that is left.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use limpid_domain::failure::{AttemptFailure, PhaseTimings, Reason};

use crate::classify::text::printable_note;
use crate::trace::FetchTrace;

/// A failed attempt, or what it was meant to yield.
pub(crate) type AttemptResult<T> = Result<T, Box<AttemptFailure>>;

/// A running attempt.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    /// How long each phase took so far.
    pub(crate) timings: PhaseTimings,
    /// Requests sent so far.
    pub(crate) requests: usize,
    /// The earliest end among the certificates of connections that were opened.
    pub(crate) certificate_ends_at: Option<DateTime<Utc>>,
    /// Where the steps go.
    pub(crate) trace: &'a mut FetchTrace,
    deadline: Instant,
}

/// The limit of a phase or the deadline of the fetch passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfTime {
    /// How long was waited.
    pub(crate) waited: Duration,
}

impl<'a> Attempt<'a> {
    /// An attempt that must end before `deadline`.
    pub(crate) fn new(trace: &'a mut FetchTrace, deadline: Instant) -> Self {
        Self {
            timings: PhaseTimings::default(),
            requests: 0,
            certificate_ends_at: None,
            trace,
            deadline,
        }
    }

    /// Notes until when the certificate of a new connection is valid.
    pub(crate) fn saw_certificate_until(&mut self, end: Option<DateTime<Utc>>) {
        self.certificate_ends_at = match (self.certificate_ends_at, end) {
            (Some(earlier), Some(end)) => Some(earlier.min(end)),
            (earlier, end) => earlier.or(end),
        };
    }

    /// The time that is left.
    pub(crate) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Runs `work` for at most `limit`, and never past the deadline.
    pub(crate) async fn within<F: Future>(
        &self,
        limit: Duration,
        work: F,
    ) -> Result<F::Output, OutOfTime> {
        let waited = limit.min(self.remaining());
        tokio::time::timeout(waited, work)
            .await
            .map_err(|_| OutOfTime { waited })
    }
}

/// A failure with its line for people, which may quote names of any length.
pub(crate) fn failure(reason: Reason, note: impl AsRef<str>) -> Box<AttemptFailure> {
    Box::new(AttemptFailure::new(reason).with_note(printable_note(note.as_ref())))
}

/// The time since `started` in whole microseconds, capped at `u32::MAX` (71 minutes).
pub(crate) fn micros_since(started: Instant) -> u32 {
    u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX)
}
