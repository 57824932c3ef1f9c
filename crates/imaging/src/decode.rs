//! Bytes to pixels, one module per codec. Callers have probed the header and checked the limits.

use crate::{
    error::ImagingError, format::ImageFormat, limits::Limits, picture::Picture, probe::ImageInfo,
};

pub(crate) mod animation;
mod avif;
mod gif;
pub(crate) mod jpeg;
mod jxl;
pub(crate) mod other;
mod png;
mod webp;

/// What to decode and how much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecodeRequest<'a> {
    pub(crate) source: &'a [u8],
    pub(crate) info: &'a ImageInfo,
    pub(crate) limits: &'a Limits,
    /// The decoder may leave out pixels down to 1/`shrink` of each side, if that saves it work.
    pub(crate) shrink: u32,
}

/// The stored picture: not yet turned upright, not yet in sRGB.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) picture: Picture,
    /// Decoded pixels per stored pixel, across and down. Not the quotient of the rounded sizes: the last column of a shrunk
    /// picture may stand for part of a block only, and counting it as whole would shift everything by a fraction of a pixel.
    pub(crate) scale: (f64, f64),
    /// The embedded colour profile.
    pub(crate) profile: Option<Vec<u8>>,
}

impl Decoded {
    pub(crate) fn unscaled(picture: Picture, profile: Option<Vec<u8>>) -> Self {
        Self {
            picture,
            scale: (1.0, 1.0),
            profile,
        }
    }
}

/// Decodes the first frame.
///
/// Errors: `Truncated`, `Corrupt`, `FormatUnsupported`, `SourceResolution`.
pub(crate) fn decode(request: &DecodeRequest<'_>) -> Result<Decoded, ImagingError> {
    match request.info.format {
        ImageFormat::Jpeg => jpeg::decode(request),
        ImageFormat::Png => png::decode(request),
        ImageFormat::WebP => webp::decode(request),
        ImageFormat::Avif => avif::decode(request),
        ImageFormat::Gif => gif::decode(request),
        ImageFormat::Jxl => jxl::decode(request),
        ImageFormat::Bmp | ImageFormat::Tiff | ImageFormat::Ico => other::decode(request),
    }
}
