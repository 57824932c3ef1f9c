//! The one entry point: a source and a transformation in, encoded bytes out.

use std::time::{Duration, Instant};

use limpid_delivery_url::{Transformation, transformation::Format};

use crate::{
    decode::{DecodeRequest, Decoded, animation::still, decode},
    encode::{Encoded, Quality, Wanted, encode, encode_smallest, may_not_fit},
    error::ImagingError,
    format::{AcceptedFormats, Encoding, ImageFormat, ImageSettings, Negotiation},
    geometry::{Size, whole_pixels},
    inputs::Inputs,
    limits::{Limits, check_document_bytes},
    metadata::Metadata,
    picture::{Channels, Picture},
    plan::{FocusTarget, Plan, PlannedStep, Surroundings, plan_in},
    probe::{ImageInfo, probe},
    sniff::{LooksLike, Sniffed, sniff},
    steps::check_deadline,
    svg::raster::Drawing,
};

mod animated;
mod chain;
mod layers;
mod planar;

pub use chain::FocusFallback;
use chain::{Done, Findings};

/// What to make of what.
#[derive(Debug, Clone, Copy)]
pub struct TransformRequest<'a> {
    /// The original's bytes.
    pub source: &'a [u8],
    /// What to do; no steps means "as it is, in the best format".
    pub transformation: &'a Transformation,
    /// The files its layers need; see [`Transformation::inputs`].
    pub inputs: &'a Inputs<'a>,
    /// What the client accepts.
    pub accept: AcceptedFormats,
    /// The tenant's settings.
    pub settings: ImageSettings,
    /// The tenant's limits.
    pub limits: &'a Limits,
    /// When nobody waits any more; looked at between stages, and inside the long ones.
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
        ..
    } = *request;
    limits.check_source_bytes(source.len())?;
    match sniff(source) {
        Sniffed::Svg => return drawn(request, started),
        Sniffed::Other(LooksLike::Pdf) | Sniffed::UnsupportedImage("PostScript") => {
            check_document_bytes(source.len())?;
        }
        _ => {}
    }
    let info = probe(source)?;
    limits.check_source(info.stored_size, info.frames)?;
    let surroundings = Surroundings::of_original(limits, request.inputs);
    let plan = plan_in(transformation, info.size(), &surroundings)?;
    if plan.original {
        return Ok(original(source, &info, started.elapsed()));
    }
    animated::check(transformation, &info, &plan)?;
    let negotiation = Negotiation {
        source: info.format,
        requested: plan.format,
        accept,
        settings,
        keeps_profile: plan.output.color_profile.unwrap_or_default(),
        is_sharpened: plan.is_sharpened(),
        is_lossless: plan.output.lossless.unwrap_or_default(),
    };
    let job = Job {
        request,
        info: &info,
        drawing: None,
        plan: &plan,
        negotiation,
        started,
    };
    match animated::format(&job)? {
        Some(format) => animated::transform(&job, format),
        None => match planar::transform(&job)? {
            Some(transformed) => Ok(transformed),
            None => still_picture(&job),
        },
    }
}

/// An SVG as pixels, which only a raster format asked for by name makes of it.
fn drawn(request: &TransformRequest<'_>, started: Instant) -> Result<Transformed, ImagingError> {
    let named = request.transformation.requested_format();
    let is_raster = matches!(
        named,
        Some(Format::Jpeg | Format::Png | Format::WebP | Format::Avif)
    );
    if !is_raster || request.transformation.wants_original() {
        return Err(ImagingError::NotAnImage {
            looks_like: LooksLike::Xml,
        });
    }
    let drawing = Drawing::open(request.source)?;
    let info = drawing.info();
    let surroundings = Surroundings::of_original(request.limits, request.inputs);
    let plan = plan_in(request.transformation, info.size(), &surroundings)?;
    animated::check(request.transformation, &info, &plan)?;
    still_picture(&Job {
        request,
        info: &info,
        drawing: Some(&drawing),
        plan: &plan,
        negotiation: Negotiation {
            source: info.format,
            requested: plan.format,
            accept: request.accept,
            settings: request.settings,
            keeps_profile: plan.output.color_profile.unwrap_or_default(),
            is_sharpened: plan.is_sharpened(),
            is_lossless: plan.output.lossless.unwrap_or_default(),
        },
        started,
    })
}

/// What is known once the plan is made.
#[derive(Clone, Copy)]
struct Job<'a> {
    request: &'a TransformRequest<'a>,
    info: &'a ImageInfo,
    /// The source, where it is a drawing.
    drawing: Option<&'a Drawing>,
    plan: &'a Plan,
    negotiation: Negotiation,
    started: Instant,
}

impl Job<'_> {
    /// The quality where the URL names none: the tenant's, but never above what the source was stored with, which only makes the
    /// same picture larger. Source: `imagekit.md` 5.6.
    fn usual_quality(&self) -> u8 {
        let usual = self.request.settings.default_quality;
        usual.min(self.info.quality.unwrap_or(usual))
    }

    /// How `plan` has the result written.
    fn wanted(&self, plan: &Plan) -> Wanted {
        Wanted {
            quality: Quality {
                asked: plan.quality,
                usual: self.usual_quality(),
            },
            is_progressive: plan.output.progressive.unwrap_or_default(),
            is_lossless: plan.output.lossless.unwrap_or_default(),
            deadline: self.request.deadline,
        }
    }

    /// What the result will say beside its pixels. A colour profile that stays is taken from the picture, so that its colours
    /// stay what they are.
    fn kept(&self, mut decoded: Decoded, likely: Encoding) -> (Decoded, Metadata) {
        let output = self.plan.output;
        let mut metadata = Metadata::read(self.request.source, self.info.format, output);
        let holds_profile = !matches!(likely, Encoding::One(ImageFormat::Gif));
        if holds_profile
            && Metadata::keeps_profile(output)
            && let Some(profile) = decoded
                .profile
                .take_if(|profile| Metadata::is_rgb_profile(profile))
        {
            metadata = metadata.with_profile(profile);
        }
        (decoded, metadata)
    }
}

/// The part of a drawing that the first step shows, as large as it shows it.
fn drawn_for(
    plan: &Plan,
    (drawing, info): (&Drawing, &ImageInfo),
    limits: &Limits,
) -> Result<Decoded, ImagingError> {
    let whole = (info.size().region(), info.size());
    let first = plan.steps.first();
    let (region, scaled) = first
        .filter(|step| !needs_every_pixel(step))
        .map_or(whole, |step| (step.crop, step.scaled));
    drawing.draw(region, scaled, limits)
}

fn still_picture(job: &Job<'_>) -> Result<Transformed, ImagingError> {
    let Job {
        request,
        info,
        drawing,
        plan,
        negotiation,
        started,
    } = *job;
    let TransformRequest {
        source,
        limits,
        deadline,
        ..
    } = *request;
    // a result that its format can't hold is refused before anything is decoded; alpha plays no part in that
    let likely = negotiation.choose(plan.size, info.has_alpha)?;
    check_deadline(deadline)?;

    let planned = Instant::now();
    let shrink = plan.steps.first().map_or(1, useful_shrink);
    let wanted = DecodeRequest {
        source,
        info,
        limits,
        shrink,
        cut: chain::first_cut(plan, info),
        deadline,
    };
    let decoded = match (drawing, plan.frame) {
        (Some(drawing), _) => drawn_for(plan, (drawing, info), limits)?,
        (None, Some(number)) if info.frames > 1 => still(&wanted, number.saturating_sub(1))?,
        _ => decode(&wanted)?,
    };
    check_deadline(deadline)?;

    let decoded_at = Instant::now();
    let (decoded, metadata) = job.kept(decoded, likely);
    let mut findings = Findings::default();
    let Done {
        picture,
        plan: carried_out,
    } = chain::apply(decoded, info, (request, None), plan.clone(), &mut findings)?;
    let picture = if picture.is_transparent() {
        picture
    } else {
        picture.into_rgb()
    };
    let encoding = negotiation.choose(picture.size, picture.channels == Channels::Rgba)?;
    check_deadline(deadline)?;

    let stepped = Instant::now();
    let Size { width, height } = picture.size;
    let encoded = encoded(job, picture, encoding, &carried_out)?;
    let bytes = metadata.embed(encoded.bytes, encoded.format);
    let timings = StageTimings {
        plan: planned - started,
        decode: decoded_at - planned,
        steps: stepped - decoded_at,
        encode: stepped.elapsed(),
    };
    Ok(Transformed {
        bytes,
        format: encoded.format,
        width,
        height,
        vary_accept: negotiation.varies(),
        focus_fallback: findings.focus_fallback(),
        timings,
    })
}

/// Writes a finished picture, in the smallest format where it is free.
fn encoded(
    job: &Job<'_>,
    picture: Picture,
    encoding: Encoding,
    carried_out: &Plan,
) -> Result<Encoded, ImagingError> {
    let wanted = job.wanted(carried_out);
    let Encoding::One(usual) = encoding else {
        return encode(picture, encoding, wanted);
    };
    let (size, has_alpha) = (picture.size, picture.channels == Channels::Rgba);
    let quality = wanted.quality.lossy();
    let rivals = job.negotiation.rivals(usual, (size, has_alpha), quality);
    let is_free = job.negotiation.varies() && may_not_fit(usual, size);
    let spare = is_free.then(|| picture.clone());
    match (encode_smallest(picture, usual, rivals, wanted), spare) {
        (Err(ImagingError::OutputTooLarge { .. }), Some(picture)) => {
            let older = Negotiation {
                accept: AcceptedFormats::default(),
                ..job.negotiation
            };
            encode(picture, older.choose(size, has_alpha)?, wanted)
        }
        (outcome, _) => outcome,
    }
}

/// How much a decoder may leave out before the first resize: as much as leaves that resize a factor of two, which costs no
/// quality that could be measured. Source: SSIMULACRA2 over three photographs; a factor of 1.25 costs 1.6 points.
fn useful_shrink(step: &PlannedStep) -> u32 {
    if needs_every_pixel(step) {
        return 1;
    }
    let across = step.crop.width / f64::from(step.scaled.width);
    let down = step.crop.height / f64::from(step.scaled.height);
    let factor = across.min(down) / 2.0;
    // rounded down, and at least 1: half a pixel less makes the nearest the lower one
    whole_pixels(factor - 0.5)
}

/// The edge is found pixel by pixel; how near a face is shown is known when it has been found.
fn needs_every_pixel(step: &PlannedStep) -> bool {
    step.trim.is_some() || matches!(step.focus, Some(FocusTarget::Face { .. }))
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
