//! The way from JPEG to JPEG, WebP or AVIF that never sees a red, green or blue: where a picture is only cut and scaled, its
//! luma and colour differences are decoded, resized and encoded as they are stored. The differences are half as large, and
//! two conversions fall away.

use std::time::{Duration, Instant};

use limpid_delivery_url::transformation::OutputOptions;

use super::{Job, StageTimings, Transformed};
use crate::{
    color,
    decode::jpeg::{self, Points, Shape},
    encode::{encode_smallest_planes, keeps_full_chroma},
    error::ImagingError,
    format::{Encoding, ImageFormat},
    geometry::{Region, Size},
    plan::{Plan, PlannedStep, effects::PlannedEffects},
    planes::{Planes, halved},
    probe::{ImageInfo, Orientation, jpeg as header},
    steps::check_deadline,
};

/// How many times larger than the result a component is at least decoded: what the resize then takes away keeps the picture
/// sharp. Sources at ten times the width come out as libvips makes them by default, from an eighth.
const RESIDUAL: f64 = 1.25;

/// What is wanted of the planes.
struct Target {
    /// Of the stored picture. Units: px.
    crop: Region,
    /// Before it is turned upright.
    size: Size,
    has_full_chroma: bool,
}

/// Makes a picture that can go this way; `None` for the others.
///
/// Errors: `Deadline`, `Encode`. A file that can't be decoded is left to the other way, which says why.
pub(super) fn transform(job: &Job<'_>) -> Result<Option<Transformed>, ImagingError> {
    let planned = Instant::now();
    let Job { request, plan, .. } = *job;
    let Encoding::One(format @ (ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Avif)) =
        job.negotiation.choose(plan.size, false)?
    else {
        return Ok(None);
    };
    let quality = plan.quality.unwrap_or_else(|| job.usual_quality());
    let Some(planes) = planes(job, keeps_full_chroma(format, quality))? else {
        return Ok(None);
    };
    check_deadline(request.deadline)?;
    let resized = Instant::now();
    let Size { width, height } = planes.size();
    let rivals = job
        .negotiation
        .rivals(format, (planes.size(), false), quality);
    let encoded = encode_smallest_planes(planes, format, rivals, (quality, request.deadline));
    // the other way knows a format that holds it
    if matches!(&encoded, Err(ImagingError::OutputTooLarge { .. })) && job.negotiation.varies() {
        return Ok(None);
    }
    let encoded = encoded?;
    Ok(Some(Transformed {
        bytes: encoded.bytes,
        format: encoded.format,
        width,
        height,
        vary_accept: job.negotiation.varies(),
        focus_fallback: None,
        timings: StageTimings {
            plan: planned - job.started,
            // with the resize, which is a few per cent of it
            decode: resized - planned,
            steps: Duration::ZERO,
            encode: resized.elapsed(),
        },
    }))
}

/// Decodes, resizes and turns upright.
fn planes(job: &Job<'_>, has_full_chroma: bool) -> Result<Option<Planes>, ImagingError> {
    let Job {
        request,
        info,
        plan,
        ..
    } = *job;
    if info.format != ImageFormat::Jpeg || !is_srgb(request.source, info) {
        return Ok(None);
    }
    let Some(target) = target(info, plan, has_full_chroma) else {
        return Ok(None);
    };
    let mut chosen = None;
    let decoded = jpeg::planes(
        request.source,
        info.stored_size,
        request.deadline,
        |shape| {
            let points = target.points(shape);
            chosen = Some((*shape, points));
            Some(points)
        },
    );
    check_deadline(request.deadline)?;
    let (Some(decoded), Some((shape, points))) = (decoded, chosen) else {
        return Ok(None);
    };
    let resized = target.resize(&decoded, &shape, points, request.deadline)?;
    Ok(Some(resized.oriented(info.orientation)))
}

fn is_srgb(source: &[u8], info: &ImageInfo) -> bool {
    !info.has_profile || header::profile(source).is_none_or(|profile| color::is_srgb(&profile))
}

fn target(info: &ImageInfo, plan: &Plan, has_full_chroma: bool) -> Option<Target> {
    let (crop, scaled) = only_crop_and_resize(plan, info.size())?;
    let size = if info.orientation.swaps_sides() {
        scaled.transposed()
    } else {
        scaled
    };
    // halved differences of a picture with an odd side begin at its first pixel, which a mirror makes the last
    let is_odd = size.width % 2 != 0 || size.height % 2 != 0;
    let keeps_ends = matches!(
        info.orientation,
        Orientation::Upright | Orientation::Transposed
    );
    (keeps_ends || !is_odd || has_full_chroma).then_some(Target {
        crop: info.orientation.stored_region(crop, info.stored_size),
        size,
        has_full_chroma,
    })
}

/// The crop and the size, if there is nothing else to a plan. Names every field, so that whoever adds one decides here.
fn only_crop_and_resize(plan: &Plan, source: Size) -> Option<(Region, Size)> {
    let Plan {
        steps,
        size: _,
        quality: _,
        format: _,
        // there is only one
        frame: _,
        output,
        original: _,
        layers,
    } = plan;
    let has_layers = layers.iter().any(|layers| !layers.is_empty());
    if has_layers || *output != OutputOptions::default() {
        return None;
    }
    match steps.as_slice() {
        [] => Some((source.region(), source)),
        [
            PlannedStep {
                trim: None,
                focus: None,
                effects,
                crop,
                scaled,
                // behind an opaque picture nothing shows
                background: _,
                is_on_dominant: _,
                canvas: None,
                turn: None,
                flip: None,
                size: _,
            },
        ] if *effects == PlannedEffects::default() => Some((*crop, *scaled)),
        _ => None,
    }
}

impl Target {
    fn chroma_size(&self) -> Size {
        if self.has_full_chroma {
            self.size
        } else {
            halved(self.size)
        }
    }

    /// How large luma and differences have to be decoded.
    fn points(&self, shape: &Shape) -> (Points, Points) {
        let enough = |(across, down): (f64, f64), to: Size| {
            let reduction = (self.crop.width * across / f64::from(to.width))
                .min(self.crop.height * down / f64::from(to.height));
            Points::at_least(8.0 * RESIDUAL / reduction)
        };
        let chroma = shape
            .chroma
            .map(|samples| enough(samples, self.chroma_size()));
        let luma = enough((1.0, 1.0), self.size);
        (luma, chroma.unwrap_or(luma))
    }

    fn resize(
        &self,
        planes: &Planes,
        shape: &Shape,
        (luma, chroma): (Points, Points),
        deadline: Option<Instant>,
    ) -> Result<Planes, ImagingError> {
        let crop = self.crop.scaled_by((luma.scale(), luma.scale()));
        let resized = planes.luma.resized_in_time(crop, self.size, deadline)?;
        let (Some([blue, red]), Some((across, down))) = (&planes.chroma, shape.chroma) else {
            return Ok(Planes {
                luma: resized,
                chroma: None,
            });
        };
        let to = self.chroma_size();
        let mut crop = self
            .crop
            .scaled_by((across * chroma.scale(), down * chroma.scale()));
        if !self.has_full_chroma {
            // the last difference of an odd side stands for one pixel and one that isn't there
            crop.width *= f64::from(to.width * 2) / f64::from(self.size.width);
            crop.height *= f64::from(to.height * 2) / f64::from(self.size.height);
        }
        Ok(Planes {
            luma: resized,
            chroma: Some([
                blue.resized_in_time(crop, to, deadline)?,
                red.resized_in_time(crop, to, deadline)?,
            ]),
        })
    }
}
