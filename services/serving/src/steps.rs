//! The steps of a delivery as `explain` shows them; nothing is built when nobody reads them.

use std::time::{Duration, Instant};

use limpid_domain::diagnosis::{ExplanationStep, FirstBytes};
use limpid_imaging::{LooksLike, Sniffed, sniff};
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
        recorded.extend(steps.iter().map(|step| {
            let first_bytes = step.first_bytes.as_deref();
            let first_bytes = first_bytes.map(|body| FirstBytes::of(body, looks_like(body)));
            ExplanationStep {
                name: format!("origin {attempt}: {}", step.name),
                ok: step.ok,
                duration_us: micros(step.duration),
                detail: first_bytes
                    .as_ref()
                    .map_or_else(|| step.detail.clone(), FirstBytes::to_string),
                warning: step.warning.clone(),
                certificates: step.certificates.clone(),
                first_bytes,
            }
        }));
    }

    /// Records a step whose time was taken elsewhere.
    pub(crate) fn took(
        &mut self,
        (name, ok): (&str, bool),
        duration: Duration,
        detail: impl FnOnce() -> String,
    ) {
        if let Some(recorded) = &mut self.recorded {
            recorded.push(ExplanationStep {
                name: name.to_owned(),
                ok,
                duration_us: micros(duration),
                detail: detail(),
                warning: None,
                certificates: Vec::new(),
                first_bytes: None,
            });
        }
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
        self.took((name, ok), started.elapsed(), detail);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What a body is by its bytes, for people: `a JPEG image`, `an HTML page`.
pub(crate) fn looks_like(body: &[u8]) -> String {
    match sniff(body) {
        Sniffed::Image(format) => {
            let name = format.name();
            let article = if name.starts_with(['A', 'I']) {
                "an"
            } else {
                "a"
            };
            return format!("{article} {name} image");
        }
        Sniffed::UnsupportedImage(name) => return format!("{name}, which is not supported"),
        Sniffed::Svg => "an SVG drawing",
        Sniffed::Empty => "nothing",
        Sniffed::Other(other) => match other {
            LooksLike::Html => "an HTML page",
            LooksLike::Json => "JSON",
            LooksLike::Xml => "XML",
            LooksLike::Text => "plain text",
            LooksLike::Pdf => "a PDF document",
            LooksLike::Media => "audio or video",
            LooksLike::Archive => "an archive or compressed data",
            LooksLike::OtherImage => "an image of another kind",
            LooksLike::Binary => "no kind of file that is known here",
        },
    }
    .to_owned()
}
