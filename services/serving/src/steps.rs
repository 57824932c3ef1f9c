//! The steps of a delivery as `explain` shows them; nothing is built when nobody reads them.

use std::time::{Duration, Instant};

use limpid_domain::diagnosis::ExplanationStep;
use limpid_origins::{FetchTrace, TraceStep};

/// What happened on the way, step by step.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    recorded: Option<Vec<ExplanationStep>>,
}

impl Steps {
    /// Records nothing.
    pub(crate) fn off() -> Self {
        Self::default()
    }

    /// Records every step.
    pub(crate) fn recording() -> Self {
        Self {
            recorded: Some(Vec::new()),
        }
    }

    /// Whether somebody will read them.
    pub(crate) fn are_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// A trace for the origin fetcher, recording where this does.
    pub(crate) fn fetch_trace(&self) -> FetchTrace {
        if self.recorded.is_some() {
            FetchTrace::observing()
        } else {
            FetchTrace::off()
        }
    }

    /// Records a step that succeeded.
    pub(crate) fn done(&mut self, name: &str, started: Instant, detail: impl FnOnce() -> String) {
        self.push(name, true, started, detail);
    }

    /// Records a step that failed.
    pub(crate) fn failed(&mut self, name: &str, started: Instant, detail: impl FnOnce() -> String) {
        self.push(name, false, started, detail);
    }

    /// Takes over the steps of one fetch.
    pub(crate) fn fetch(&mut self, attempt: i16, steps: &[TraceStep]) {
        let Some(recorded) = &mut self.recorded else {
            return;
        };
        recorded.extend(steps.iter().map(|step| ExplanationStep {
            name: format!("origin {attempt}: {}", step.name),
            ok: step.ok,
            duration_us: micros(step.duration),
            detail: step.detail.clone(),
            warning: step.warning.clone(),
            certificates: step.certificates.clone(),
        }));
    }

    /// Steps of their own for work beside other work, recording where these do.
    pub(crate) fn fork(&self) -> Self {
        Self {
            recorded: self.recorded.as_ref().map(|_| Vec::new()),
        }
    }

    /// Takes over what was recorded by a [`Steps::fork`].
    pub(crate) fn join(&mut self, forked: Self) {
        if let (Some(recorded), Some(steps)) = (&mut self.recorded, forked.recorded) {
            recorded.extend(steps);
        }
    }

    /// The steps, in order.
    pub(crate) fn into_vec(self) -> Vec<ExplanationStep> {
        self.recorded.unwrap_or_default()
    }

    fn push(&mut self, name: &str, ok: bool, started: Instant, detail: impl FnOnce() -> String) {
        if let Some(recorded) = &mut self.recorded {
            recorded.push(ExplanationStep {
                name: name.to_owned(),
                ok,
                duration_us: micros(started.elapsed()),
                detail: detail(),
                warning: None,
                certificates: Vec::new(),
            });
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
