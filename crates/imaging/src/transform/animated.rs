//! A transformation of a moving picture: every frame takes the same steps, one frame at a time, so that memory holds one
//! canvas however long the animation is.

use std::time::Instant;

use limpid_delivery_url::Transformation;

use super::{Done, Findings, Job, StageTimings, TransformRequest, Transformed, chain};
use crate::{
    decode::{
        DecodeRequest, Decoded,
        animation::{Frame, Frames},
    },
    encode::animation::{AnimationHeader, FrameWriter},
    error::ImagingError,
    format::{Encoding, ImageFormat},
    geometry::Size,
    metadata::Metadata,
    plan::Plan,
    probe::ImageInfo,
    steps::check_deadline,
};

/// Refuses what moving pictures and `pg` exclude, and frames that aren't there.
///
/// Source: `imagekit.md` 5.10, 5.11.
pub(super) fn check(
    transformation: &Transformation,
    info: &ImageInfo,
    plan: &Plan,
) -> Result<(), ImagingError> {
    let invalid = |sentence: String| Err(ImagingError::InvalidTransformation { sentence });
    let mut steps = transformation.steps.iter();
    if steps.any(|step| step.conditional.is_some()) {
        if info.format == ImageFormat::Gif {
            return invalid("if is not available for GIF sources".to_owned());
        }
        if plan.frame.is_some() {
            return invalid("if and pg exclude each other".to_owned());
        }
    }
    match plan.frame {
        Some(number) if number > info.frames => invalid(format!(
            "pg-{number} asks for a frame that is not there; the picture has {}",
            info.frames
        )),
        _ => Ok(()),
    }
}

/// The format in which the result moves; `None` where it stands still.
pub(super) fn format(job: &Job<'_>) -> Result<Option<ImageFormat>, ImagingError> {
    let Job { info, plan, .. } = *job;
    let moves_here = matches!(
        info.format,
        ImageFormat::Gif | ImageFormat::WebP | ImageFormat::Png
    );
    if info.frames < 2 || plan.frame.is_some() || !moves_here {
        return Ok(None);
    }
    job.negotiation.choose_animated(plan.size)
}

/// Makes the whole animation.
///
/// Errors: those of every stage; `OutputTooLarge` where all frames together would be.
pub(super) fn transform(job: &Job<'_>, format: ImageFormat) -> Result<Transformed, ImagingError> {
    let TransformRequest {
        source,
        limits,
        deadline,
        ..
    } = *job.request;
    check_frames(job, job.plan)?;
    let mut timings = StageTimings {
        plan: job.started.elapsed(),
        ..StageTimings::default()
    };
    let mut frames = Frames::open(&DecodeRequest {
        source,
        info: job.info,
        limits,
        shrink: 1,
        // later frames are laid over whole ones
        cut: None,
        deadline,
    })?;
    let count = frames.remaining();
    let mut writer: Option<FrameWriter> = None;
    let mut metadata: Option<Metadata> = None;
    let mut findings = Findings::default();
    let mut size = job.plan.size;
    loop {
        check_deadline(deadline)?;
        let begun = Instant::now();
        let Some(Frame {
            picture,
            duration_ms,
        }) = frames.next_frame()?
        else {
            break;
        };
        let decoded = Decoded::unscaled(picture, frames.profile().cloned());
        let (decoded, frame_metadata) = job.kept(decoded, Encoding::One(format));
        metadata.get_or_insert(frame_metadata);
        let decoded_at = Instant::now();
        let plan = job.plan.clone();
        let Done { picture, plan } =
            chain::apply(decoded, job.info, (job.request, None), plan, &mut findings)?;
        let picture = picture.into_rgba();
        let stepped = Instant::now();
        size = picture.size;
        let writer = match &mut writer {
            Some(writer) => writer,
            empty => {
                // what `t` has left may have other proportions than what was planned for
                check_frames(job, &plan)?;
                let header = header(job, size, (count, frames.plays()));
                empty.insert(FrameWriter::begin(format, header)?)
            }
        };
        writer.add(picture, duration_ms)?;
        timings.decode += decoded_at - begun;
        timings.steps += stepped - decoded_at;
        timings.encode += stepped.elapsed();
    }
    let begun = Instant::now();
    let bytes = writer.ok_or(ImagingError::Truncated)?.finish()?;
    let bytes = metadata.unwrap_or_default().embed(bytes, format);
    timings.encode += begun.elapsed();
    Ok(Transformed {
        bytes,
        format,
        width: size.width,
        height: size.height,
        vary_accept: job.negotiation.varies(),
        focus_fallback: findings.focus_fallback(),
        timings,
    })
}

/// Every step makes every frame.
fn check_frames(job: &Job<'_>, plan: &Plan) -> Result<(), ImagingError> {
    let limits = job.request.limits;
    for step in &plan.steps {
        limits.check_frames(step.scaled, job.info.frames)?;
        limits.check_frames(step.size, job.info.frames)?;
    }
    Ok(())
}

fn header(job: &Job<'_>, size: Size, (frames, plays): (u32, u32)) -> AnimationHeader {
    let usual = job.request.settings.default_quality;
    AnimationHeader {
        size,
        frames,
        plays,
        quality: job.plan.quality.unwrap_or(usual),
        is_lossless: job.wanted(job.plan).is_lossless,
        deadline: job.request.deadline,
    }
}
