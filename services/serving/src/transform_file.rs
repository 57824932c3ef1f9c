//! The imaging engine on local bytes: the same parser, planner, limits and encoder as a request meets.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::RequestLimits;

/// What `limpid transform` asks for.
#[derive(Debug, Clone)]
pub struct TransformFile<'a> {
    /// The transformation, as it stands after `tr:`.
    pub transformation: &'a str,
    /// The file.
    pub source: &'a [u8],
    /// An `Accept` header, for `f-auto`.
    pub accept: Option<&'a str>,
    /// How often to do it.
    pub repeat: NonZeroU32,
    /// The limits of a request.
    pub limits: RequestLimits,
}

/// The result of the last repetition, and the time of each.
#[derive(Debug, Clone)]
pub struct TransformedFile {
    /// The picture.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub content_type: &'static str,
    /// How long each repetition took.
    pub durations: Vec<Duration>,
}

/// A refusal, as a client would see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} - {message}")]
pub struct TransformFileError {
    /// `EINVAL`, `ELIMIT` or `UNIDENTIFIED`.
    pub code: &'static str,
    /// The sentence.
    pub message: String,
}

/// Transforms `request.source`.
///
/// # Errors
/// What a client would see: `EINVAL`, `ELIMIT` or `UNIDENTIFIED`.
pub fn transform_file(request: &TransformFile<'_>) -> Result<TransformedFile, TransformFileError> {
    todo!("{request:?}")
}
