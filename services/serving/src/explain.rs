//! The trace of one delivery URL: the path a request takes, with every step written down.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::{ServingConfig, ServingError};

/// What happened to one delivery URL, step by step.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The URL as it was asked for, without signature and token values.
    pub url: String,
    /// The HTTP status a client would get.
    pub status: u16,
    /// The header fields a client would get.
    pub headers: Vec<(String, String)>,
    /// Length of the body a client would get. Units: bytes.
    pub body_bytes: usize,
    /// The steps in order.
    pub steps: Vec<ExplanationStep>,
    /// What to do about it, where it failed.
    pub advice: Option<String>,
}

/// One step of an [`Explanation`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplanationStep {
    /// Name of the step, e.g. `endpoint`, `origin 1: dns`.
    pub name: String,
    /// Whether it succeeded.
    pub ok: bool,
    /// How long it took.
    #[serde(rename = "durationUs", serialize_with = "as_micros")]
    pub duration: Duration,
    /// What it found.
    pub detail: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn as_micros<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.url)
    }
}

/// Walks `url` (an absolute delivery URL, or a path and query) the way a request would go. Records no event.
///
/// # Errors
/// Only when no configuration can be loaded; everything else is a step of the explanation.
pub async fn explain(config: &ServingConfig, url: &str) -> Result<Explanation, ServingError> {
    todo!("{config:?} {url}")
}
