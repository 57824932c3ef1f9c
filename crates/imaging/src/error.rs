//! Why a picture could not be made. Serving maps each variant to one row of the failure table.

use crate::sniff::LooksLike;

/// Why a transformation was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImagingError {
    /// The source has no bytes. At fault: whoever stored it.
    #[error("the source is empty")]
    Empty,
    /// The source is something else. At fault: whoever stored it.
    #[error("the source is no image; it looks like {}", .looks_like.as_str())]
    NotAnImage {
        /// What the bytes look like.
        looks_like: LooksLike,
    },
    /// An image, but of a format or flavour this engine doesn't decode.
    #[error("{found} is not supported{}", instead_of(.found))]
    FormatUnsupported {
        /// The format by its usual name, e.g. `HEIC`.
        found: &'static str,
    },
    /// The source ends early. At fault: whoever stored it, or the transfer that stored it.
    #[error("the source ends before the picture is complete")]
    Truncated,
    /// The source contradicts itself or its format.
    #[error("the source is damaged: {detail}")]
    Corrupt {
        /// What the decoder said; for people, never sent to clients.
        detail: String,
    },
    /// An SVG document that is malformed, beyond measure, or can't be made safe. At fault: whoever stored it.
    #[error("the SVG is not acceptable: {reason}")]
    SvgRejected {
        /// What is wrong with it; for people, never sent to clients.
        reason: String,
    },
    /// The source has more bytes than allowed.
    ///
    /// Units: bytes.
    #[error("the source has {found} bytes, {allowed} are allowed")]
    SourceTooLarge {
        /// Size of the source.
        found: u64,
        /// The limit.
        allowed: u64,
    },
    /// The source declares more pixels than allowed; nothing was decoded.
    ///
    /// Units: px.
    #[error("the source is {width} x {height} px, {allowed} px are allowed")]
    SourceResolution {
        /// Declared width.
        width: u32,
        /// Declared height.
        height: u32,
        /// The limit for the area.
        allowed: u64,
    },
    /// Frames times area is more than allowed.
    #[error(
        "the source has {frames} frames of {width} x {height} px, {allowed} px are allowed in all"
    )]
    TooManyFrames {
        /// Frames counted before counting stopped.
        frames: u32,
        /// Width of the canvas. Units: px.
        width: u32,
        /// Height of the canvas. Units: px.
        height: u32,
        /// The limit for frames × area. Units: px.
        allowed: u64,
    },
    /// The result of a step, or the result in the format asked for, would be larger than allowed. At fault: the request.
    #[error("the {what} would be {width} x {height} px, {allowed} px are allowed")]
    OutputTooLarge {
        /// Which limit: `output resolution`, or `WebP side` and the like.
        what: &'static str,
        /// Width of the result. Units: px.
        width: u32,
        /// Height of the result. Units: px.
        height: u32,
        /// The limit: an area for resolutions, a length for sides. Units: px.
        allowed: u64,
    },
    /// The transformation makes no sense for this picture. At fault: the request.
    #[error("invalid transformation: {sentence}")]
    InvalidTransformation {
        /// One sentence without full stop that may be shown to the client.
        sentence: String,
    },
    /// Something is wrong with a file that a layer needs. At fault: as for the original.
    #[error("layer input \"{input}\": {error}")]
    Layer {
        /// The path in the transformation.
        input: String,
        /// What is wrong.
        error: Box<Self>,
    },
    /// The deadline passed.
    #[error("the picture was not ready in time")]
    Timeout,
    /// An encoder failed. At fault: this platform.
    #[error("cannot encode {format}: {detail}")]
    Encode {
        /// The format by its usual name.
        format: &'static str,
        /// What the encoder said.
        detail: String,
    },
}

/// What to do about a whole format that isn't read; flavours and fonts need other advice.
fn instead_of(found: &str) -> &'static str {
    match found {
        "HEIC" | "JPEG 2000" | "Photoshop" | "PostScript" | "PDF" | "BigTIFF" | "OpenEXR"
        | "QOI" => "; convert it to JPEG, PNG, WebP, AVIF or JPEG XL",
        _ => "",
    }
}

/// A limit and what exceeded it, each with its unit, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceededLimit {
    /// Name of the limit, e.g. `input image resolution`.
    pub name: String,
    /// What was found.
    pub found: String,
    /// What is allowed.
    pub allowed: String,
}

impl ImagingError {
    /// The limit behind this error, for the variants that are about one.
    pub fn exceeded_limit(&self) -> Option<ExceededLimit> {
        let limit = |name: &str, found: String, allowed: String| {
            Some(ExceededLimit {
                name: name.to_owned(),
                found,
                allowed,
            })
        };
        match self {
            Self::SourceTooLarge { found, allowed } => limit(
                "input image size",
                format!("{found} bytes"),
                format!("{allowed} bytes"),
            ),
            Self::SourceResolution {
                width,
                height,
                allowed,
            } => limit(
                "input image resolution",
                format!("{width}x{height} px"),
                format!("{allowed} px"),
            ),
            Self::TooManyFrames {
                frames,
                width,
                height,
                allowed,
            } => limit(
                "input image frames",
                format!("{frames} frames of {width}x{height} px"),
                format!("{allowed} px in all frames"),
            ),
            Self::OutputTooLarge {
                what,
                width,
                height,
                allowed,
            } => limit(
                what,
                format!("{width}x{height} px"),
                format!("{allowed} px"),
            ),
            Self::Layer { error, .. } => error.exceeded_limit(),
            Self::Empty
            | Self::NotAnImage { .. }
            | Self::FormatUnsupported { .. }
            | Self::Truncated
            | Self::Corrupt { .. }
            | Self::SvgRejected { .. }
            | Self::InvalidTransformation { .. }
            | Self::Timeout
            | Self::Encode { .. } => None,
        }
    }
}
