//! The steps of a fetch as `explain` shows them. Costs nothing when nobody asked.

use std::time::{Duration, Instant};

use bytes::Bytes;
use limpid_domain::diagnosis::Certificate;
use secrecy::SecretString;

/// How much of a body is looked at to say what it looks like: as far as anybody's sniffing goes. Units: bytes.
pub(crate) const BEGINNING_BYTES: usize = 4096;

/// What happened on the way, step by step; off unless somebody wants to read it.
#[derive(Debug, Default)]
pub struct FetchTrace {
    steps: Option<Vec<TraceStep>>,
    is_observation: bool,
    /// What was sent beside the stored credentials, to be taken out of what is shown.
    secrets: Vec<SecretString>,
}

/// One step of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceStep {
    /// `breaker`, `policy`, `dns`, `guard`, `connect`, `tls`, `reuse`, `response`, `redirect`, `body`, `first bytes`, `classify`, `retry`,
    /// `region`, `key`, `version`, `token`.
    pub name: &'static str,
    /// Whether the step succeeded.
    pub ok: bool,
    /// How long it took.
    pub duration: Duration,
    /// One line for people: addresses, status, sizes. No credentials.
    pub detail: String,
    /// What works today and soon will not, in a sentence.
    pub warning: Option<String>,
    /// The certificates a server sent, its own first; also where they were refused.
    pub certificates: Vec<Certificate>,
    /// The beginning of what came as the body, or as the page under a refusal: as far as it had come, at most 4 KiB, without its
    /// encoding where that could be undone, and without secrets of ours that it quoted.
    pub first_bytes: Option<Bytes>,
}

impl FetchTrace {
    /// A trace that records nothing.
    pub fn off() -> Self {
        Self::default()
    }

    /// A trace that records every step.
    pub fn recording() -> Self {
        Self {
            steps: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// A trace that records every step of a fetch that only looks: it obeys the breaker, which neither counts it nor takes it for
    /// its probe.
    pub fn observing() -> Self {
        Self {
            is_observation: true,
            ..Self::recording()
        }
    }

    /// Whether the fetch only looks.
    pub(crate) fn is_observation(&self) -> bool {
        self.is_observation
    }

    /// The steps so far, in order; none when off.
    pub fn steps(&self) -> &[TraceStep] {
        self.steps.as_deref().unwrap_or_default()
    }

    /// Whether somebody reads it.
    pub(crate) fn is_on(&self) -> bool {
        self.steps.is_some()
    }

    /// Adds to the last step what a server sent to prove who it is.
    pub(crate) fn add_certificates(&mut self, sent: Vec<Certificate>, warning: Option<String>) {
        let last = self.steps.as_mut().and_then(|steps| steps.last_mut());
        if let Some(last) = last {
            last.certificates = sent;
            last.warning = warning;
        }
    }

    /// Remembers a secret that is sent along, which answers may quote.
    pub(crate) fn hide(&mut self, secret: &SecretString) {
        if self.is_on() {
            self.secrets.push(secret.clone());
        }
    }

    /// Everything recorded, and the secrets that must not stand in it.
    pub(crate) fn recorded(&mut self) -> (&mut [TraceStep], &[SecretString]) {
        (self.steps.as_deref_mut().unwrap_or_default(), &self.secrets)
    }

    /// Records the beginning of a body, if there is any of it.
    pub(crate) fn first_bytes(&mut self, body: &Bytes) {
        if !self.is_on() || body.is_empty() {
            return;
        }
        let beginning = body.slice(..body.len().min(BEGINNING_BYTES));
        self.step("first bytes", true, Instant::now(), || {
            format!("{} bytes looked at", beginning.len())
        });
        if let Some(last) = self.steps.as_mut().and_then(|steps| steps.last_mut()) {
            last.first_bytes = Some(beginning);
        }
    }

    /// Records a step that began at `started`. `detail` is built only when somebody reads it.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        ok: bool,
        started: Instant,
        detail: impl FnOnce() -> String,
    ) {
        if let Some(steps) = &mut self.steps {
            steps.push(TraceStep {
                name,
                ok,
                duration: started.elapsed(),
                detail: detail(),
                warning: None,
                certificates: Vec::new(),
                first_bytes: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_that_is_off_builds_no_text() {
        let mut trace = FetchTrace::off();
        trace.step("dns", true, Instant::now(), || panic!("nobody reads this"));
        assert!(trace.steps().is_empty());
    }
}
