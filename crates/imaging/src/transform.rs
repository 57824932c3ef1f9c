//! The one entry point: a source and a transformation in, encoded bytes out.

use std::time::{Duration, Instant};

use limpid_delivery_url::Transformation;

use crate::{
    error::ImagingError,
    format::{AcceptedFormats, ImageFormat, ImageSettings},
    limits::Limits,
};

/// What to make of what.
#[derive(Debug, Clone, Copy)]
pub struct TransformRequest<'a> {
    /// The original's bytes.
    pub source: &'a [u8],
    /// What to do; no steps means "as it is, in the best format".
    pub transformation: &'a Transformation,
    /// What the client accepts.
    pub accept: AcceptedFormats,
    /// The tenant's settings.
    pub settings: ImageSettings,
    /// The tenant's limits.
    pub limits: &'a Limits,
    /// When nobody waits any more; looked at between stages.
    pub deadline: Option<Instant>,
}

/// A finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transformed {
    /// The encoded picture.
    pub bytes: Vec<u8>,
    /// Its format.
    pub format: ImageFormat,
    /// Its width. Units: px.
    pub width: u32,
    /// Its height. Units: px.
    pub height: u32,
    /// Whether the choice of format depended on `Accept`, so that the answer must say `Vary: Accept`.
    pub vary_accept: bool,
    /// How long each stage took.
    pub timings: StageTimings,
}

/// How long each stage took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimings {
    /// Header, limits and plan.
    pub plan: Duration,
    /// Bytes to pixels.
    pub decode: Duration,
    /// Everything between decoding and encoding.
    pub steps: Duration,
    /// Pixels to bytes.
    pub encode: Duration,
}

/// Makes a picture. The same request gives the same bytes on the same build.
///
/// `orig-true` gives the source's own bytes back.
///
/// Errors: every variant of [`ImagingError`]; `NotAnImage` also for SVG, which callers deliver as it is (see [`crate::sniff()`]).
pub fn transform(request: &TransformRequest<'_>) -> Result<Transformed, ImagingError> {
    let _ = request;
    todo!()
}
