//! The one entry point: a source and a transformation in, encoded bytes out.

use std::time::{Duration, Instant};

use limpid_delivery_url::Transformation;

use crate::{
    decode::{DecodeRequest, decode},
    encode::{Quality, encode},
    error::ImagingError,
    format::{AcceptedFormats, ImageFormat, ImageSettings, Negotiation},
    geometry::{Size, whole_pixels},
    limits::Limits,
    picture::Channels,
    plan::{FocusTarget, PlannedStep, plan},
    probe::{ImageInfo, probe},
    steps::check_deadline,
};

mod chain;

pub use chain::FocusFallback;
use chain::{Done, Findings};

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
    /// What was looked for and not found, so that a crop lies elsewhere than asked.
    pub focus_fallback: Option<FocusFallback>,
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
    let started = Instant::now();
    let TransformRequest {
        source,
        transformation,
        accept,
        settings,
        limits,
        deadline,
    } = *request;
    limits.check_source_bytes(source.len())?;
    let info = probe(source)?;
    limits.check_source(info.stored_size, info.frames)?;
    let plan = plan(transformation, info.size(), limits)?;
    if plan.original {
        return Ok(original(source, &info, started.elapsed()));
    }
    let negotiation = Negotiation {
        source: info.format,
        requested: plan.format,
        accept,
        settings,
    };
    // a result that its format can't hold is refused before anything is decoded; alpha plays no part in that
    negotiation.choose(plan.size, info.has_alpha)?;
    check_deadline(deadline)?;

    let planned = Instant::now();
    let shrink = plan.steps.first().map_or(1, useful_shrink);
    let decoded = decode(&DecodeRequest {
        source,
        info: &info,
        limits,
        shrink,
    })?;
    check_deadline(deadline)?;

    let decoded_at = Instant::now();
    let mut findings = Findings::default();
    let Done { picture, plan } = chain::apply(decoded, &info, request, plan, &mut findings)?;
    let picture = if picture.is_transparent() {
        picture
    } else {
        picture.into_rgb()
    };
    let encoding = negotiation.choose(picture.size, picture.channels == Channels::Rgba)?;
    check_deadline(deadline)?;

    let stepped = Instant::now();
    let Size { width, height } = picture.size;
    let encoded = encode(
        picture,
        encoding,
        Quality {
            asked: plan.quality,
            usual: settings.default_quality,
        },
    )?;
    let timings = StageTimings {
        plan: planned - started,
        decode: decoded_at - planned,
        steps: stepped - decoded_at,
        encode: stepped.elapsed(),
    };
    Ok(Transformed {
        bytes: encoded.bytes,
        format: encoded.format,
        width,
        height,
        vary_accept: negotiation.varies(),
        focus_fallback: findings.focus_fallback(),
        timings,
    })
}

/// How much a decoder may leave out before the first resize: as much as leaves that resize a factor of two, which costs no
/// quality that could be measured. Source: SSIMULACRA2 over three photographs; a factor of 1.25 costs 1.6 points.
fn useful_shrink(step: &PlannedStep) -> u32 {
    if step.trim.is_some() || matches!(step.focus, Some(FocusTarget::Face { .. })) {
        // the edge is found pixel by pixel; how near a face is shown is known when it has been found
        return 1;
    }
    let across = step.crop.width / f64::from(step.scaled.width);
    let down = step.crop.height / f64::from(step.scaled.height);
    let factor = across.min(down) / 2.0;
    // rounded down, and at least 1: half a pixel less makes the nearest the lower one
    whole_pixels(factor - 0.5)
}

fn original(source: &[u8], info: &ImageInfo, plan: Duration) -> Transformed {
    let Size { width, height } = info.size();
    let timings = StageTimings {
        plan,
        ..StageTimings::default()
    };
    Transformed {
        bytes: source.to_vec(),
        format: info.format,
        width,
        height,
        vary_accept: false,
        focus_fallback: None,
        timings,
    }
}
