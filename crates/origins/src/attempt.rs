//! What one attempt gathers while it runs: phase timings, the trace, and the time that is left.

use std::time::{Duration, Instant};

use limpid_domain::failure::{AttemptFailure, PhaseTimings, Reason};

use crate::trace::FetchTrace;

/// A failed attempt, or what it was meant to yield.
pub(crate) type AttemptResult<T> = Result<T, Box<AttemptFailure>>;

/// A running attempt.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    /// How long each phase took so far.
    pub(crate) timings: PhaseTimings,
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
            trace,
            deadline,
        }
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

/// A failure with its line for people.
pub(crate) fn failure(reason: Reason, note: impl Into<String>) -> Box<AttemptFailure> {
    Box::new(AttemptFailure::new(reason).with_note(note))
}

/// The time since `started` in whole microseconds, capped at `u32::MAX` (71 minutes).
pub(crate) fn micros_since(started: Instant) -> u32 {
    u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX)
}
