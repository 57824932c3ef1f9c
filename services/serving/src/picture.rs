//! From an original to a variant: passed through, or transformed. Runs on the transform pool's threads.

use std::time::{Instant, SystemTime};

use bytes::Bytes;
use limpid_delivery_url::transformation::{Format, Pages, Step};
use limpid_delivery_url::{ResolvedTarget, Transformation};
use limpid_domain::failure::{AttemptFailure, LimitBreach, LooksLike, Reason};
use limpid_imaging::{
    AcceptedFormats, ImageSettings, ImagingError, Limits, Sniffed, StageTimings, TransformRequest,
    sniff, transform::FocusFallback,
};
use limpid_origins::Original;

use crate::content_coding::CodedBodies;
use crate::layer_files::FetchedLayerFiles;
use crate::response::etag_of;
use crate::variant::Variant;

/// What to make of an original.
#[derive(Debug, Clone)]
pub(crate) struct PictureOrder {
    pub(crate) transformation: Transformation,
    /// What its layers need.
    pub(crate) layer_files: FetchedLayerFiles,
    pub(crate) accept: AcceptedFormats,
    pub(crate) settings: ImageSettings,
    pub(crate) limits: Limits,
    pub(crate) deadline: Instant,
    pub(crate) canonical_link: Option<String>,
    /// Whether an SVG that passes through is made safe.
    pub(crate) sanitizes_svg: bool,
}

/// A variant and how it came about.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) variant: Variant,
    /// Timings and size where pixels were changed; none where the original passed through.
    pub(crate) transformed: Option<(StageTimings, u32, u32)>,
}

/// What an original's body is delivered as.
struct Delivered {
    body: Bytes,
    content_type: String,
    extension: Option<&'static str>,
    is_raster: bool,
    varies_by_accept: bool,
    focus_fallback: Option<&'static str>,
}

/// Makes the variant of `order`.
///
/// # Errors
/// What the imaging engine says; for originals that pass through only `SvgRejected`.
pub(crate) fn make(original: &Original, order: &PictureOrder) -> Result<Picture, ImagingError> {
    let sniffed = sniff(&original.bytes);
    if passes_through(sniffed, &order.transformation) {
        let mut delivered = untouched(original, sniffed);
        let is_exact = order.transformation.wants_original();
        if sniffed == Sniffed::Svg && order.sanitizes_svg && !is_exact {
            delivered.body = Bytes::from(limpid_imaging::svg::sanitize(&original.bytes)?);
        }
        return Ok(Picture {
            variant: variant(original, order, delivered),
            transformed: None,
        });
    }
    let done = limpid_imaging::transform(&TransformRequest {
        source: &original.bytes,
        transformation: &order.transformation,
        inputs: &order.layer_files.inputs(),
        accept: order.accept,
        settings: order.settings,
        limits: &order.limits,
        deadline: Some(order.deadline),
    })?;
    let delivered = Delivered {
        content_type: done.format.content_type().to_owned(),
        extension: Some(done.format.extension()),
        is_raster: true,
        varies_by_accept: done.vary_accept,
        focus_fallback: done.focus_fallback.map(FocusFallback::as_str),
        body: Bytes::from(done.bytes),
    };
    Ok(Picture {
        variant: variant(original, order, delivered),
        transformed: Some((done.timings, done.width, done.height)),
    })
}

/// Puts into `transformation` what the path's `ik-thumbnail.jpg` asks for: a still picture of the first page or frame.
pub(crate) fn take_first_page(resolved: &ResolvedTarget, transformation: &mut Transformation) {
    if resolved.thumbnail && transformation.steps.iter().all(|step| step.pages.is_none()) {
        transformation.steps.push(Step {
            pages: Some(Pages::One(1)),
            ..Step::default()
        });
    }
}

/// Whether the answer to `transformation` cannot depend on `Accept`, so that all clients share one variant.
pub(crate) fn has_fixed_format(transformation: &Transformation) -> bool {
    transformation.wants_original()
        || requested_format(transformation).is_some_and(|format| {
            matches!(
                format,
                Format::Original | Format::Jpeg | Format::Png | Format::WebP | Format::Avif
            )
        })
}

/// The row of the failure table for what the engine says.
pub(crate) fn failure_of(error: &ImagingError) -> AttemptFailure {
    let mut failure = AttemptFailure::new(reason_of(error)).with_note(error.to_string());
    failure.limit = error.exceeded_limit().map(|limit| LimitBreach {
        name: limit.name,
        found: limit.found,
        allowed: limit.allowed,
    });
    if let ImagingError::NotAnImage { looks_like } = cause(error) {
        failure.looks_like = Some(domain_looks_like(*looks_like));
    }
    failure
}

/// What is wrong, wherever it is.
fn cause(error: &ImagingError) -> &ImagingError {
    match error {
        ImagingError::Layer { error, .. } => cause(error),
        error => error,
    }
}

fn reason_of(error: &ImagingError) -> Reason {
    match cause(error) {
        ImagingError::Empty => Reason::BodyEmpty,
        ImagingError::NotAnImage { .. } => Reason::NotAnImage,
        ImagingError::FormatUnsupported { .. } => Reason::FormatUnsupported,
        ImagingError::Truncated => Reason::ImageTruncated,
        ImagingError::Corrupt { .. } => Reason::ImageCorrupt,
        ImagingError::SvgRejected { .. } => Reason::SvgRejected,
        ImagingError::SourceTooLarge { .. } => Reason::SourceTooLarge,
        ImagingError::SourceResolution { .. } => Reason::SourceResolutionTooLarge,
        ImagingError::TooManyFrames { .. } => Reason::TooManyFrames,
        ImagingError::OutputTooLarge { .. } => Reason::OutputTooLarge,
        ImagingError::Timeout => Reason::ProcessingTimeout,
        ImagingError::Encode { .. } => Reason::EncodeFailed,
        // The first is answered as a refusal before it gets here; of the second there is the cause.
        ImagingError::InvalidTransformation { .. } | ImagingError::Layer { .. } => Reason::Internal,
    }
}

/// Whether the original's bytes are delivered whatever the transformation's layers say.
pub(crate) fn passes_untouched(original: &[u8], transformation: &Transformation) -> bool {
    passes_through(sniff(original), transformation)
}

/// Originals pass through when that is asked for, when they are drawings, and when nothing is asked of what is no picture.
fn passes_through(sniffed: Sniffed, transformation: &Transformation) -> bool {
    if transformation.wants_original() {
        return true;
    }
    match sniffed {
        Sniffed::Svg => !requested_format(transformation).is_some_and(is_raster_format),
        Sniffed::Other(_) | Sniffed::UnsupportedImage(_) => transformation.is_empty(),
        Sniffed::Image(_) | Sniffed::Empty => false,
    }
}

fn requested_format(transformation: &Transformation) -> Option<Format> {
    let mut steps = transformation.steps.iter().rev();
    steps.find_map(|step| step.format)
}

fn is_raster_format(format: Format) -> bool {
    matches!(
        format,
        Format::Jpeg | Format::Png | Format::WebP | Format::Avif
    )
}

fn untouched(original: &Original, sniffed: Sniffed) -> Delivered {
    let (content_type, extension, is_raster) = match sniffed {
        Sniffed::Image(format) => (
            format.content_type().to_owned(),
            Some(format.extension()),
            true,
        ),
        Sniffed::Svg => ("image/svg+xml".to_owned(), Some("svg"), false),
        Sniffed::Other(_) | Sniffed::UnsupportedImage(_) | Sniffed::Empty => {
            (declared_type(original), None, false)
        }
    };
    Delivered {
        body: original.bytes.clone(),
        content_type,
        extension,
        is_raster,
        varies_by_accept: false,
        focus_fallback: None,
    }
}

/// The origin's own media type where it is one; unknown bytes otherwise.
fn declared_type(original: &Original) -> String {
    let is_type = |text: &&str| {
        text.len() <= 128 && text.contains('/') && text.bytes().all(|b| (0x20..0x7f).contains(&b))
    };
    let declared = original
        .content_type
        .as_deref()
        .map(str::trim)
        .filter(is_type);
    // what isn't SVG to us may still be to a browser, and wasn't made safe
    let is_safe = |text: &&str| !text.to_ascii_lowercase().contains("svg");
    let declared = declared.filter(is_safe);
    declared.unwrap_or("application/octet-stream").to_owned()
}

fn variant(original: &Original, order: &PictureOrder, delivered: Delivered) -> Variant {
    Variant {
        etag: etag_of(&delivered.body),
        coded: CodedBodies::of(&delivered.body, &delivered.content_type),
        last_modified: original.last_modified.as_deref().and_then(past_date),
        canonical_link: order.canonical_link.clone(),
        focus_fallback: delivered.focus_fallback,
        is_private: original.is_private || order.layer_files.is_private(),
        lifetime: None,
        body: delivered.body,
        content_type: delivered.content_type,
        extension: delivered.extension,
        is_raster: delivered.is_raster,
        varies_by_accept: delivered.varies_by_accept,
    }
}

fn past_date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

fn domain_looks_like(found: limpid_imaging::LooksLike) -> LooksLike {
    match found {
        limpid_imaging::LooksLike::Html => LooksLike::Html,
        limpid_imaging::LooksLike::Json => LooksLike::Json,
        limpid_imaging::LooksLike::Xml => LooksLike::Xml,
        limpid_imaging::LooksLike::Text => LooksLike::Text,
        limpid_imaging::LooksLike::Pdf => LooksLike::Pdf,
        limpid_imaging::LooksLike::Media => LooksLike::Media,
        limpid_imaging::LooksLike::Archive => LooksLike::Archive,
        limpid_imaging::LooksLike::OtherImage => LooksLike::OtherImage,
        limpid_imaging::LooksLike::Binary => LooksLike::Binary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No original and no transformation is known to reach it: it would be a fault of an encoder or of ours.
    #[test]
    fn a_picture_that_cannot_be_written_is_the_platforms_failure() {
        let error = ImagingError::Encode {
            format: "WebP",
            detail: "the encoder gave up".to_owned(),
        };
        let failure = failure_of(&error);
        assert_eq!(failure.reason, Reason::EncodeFailed);
        assert!(failure.note.unwrap().contains("the encoder gave up"));
    }
}
