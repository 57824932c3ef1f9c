//! Bytes to pixels, one module per codec. Callers have probed the header and checked the limits.

use std::time::Instant;

use crate::{
    error::ImagingError,
    format::ImageFormat,
    limits::Limits,
    picture::Picture,
    probe::ImageInfo,
    rows::{self, Cut, RowSource},
    steps::resize_rows,
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
    /// What a decoder that gives rows may cut out and make smaller on the way; `None` where that takes other pixels too.
    pub(crate) cut: Option<Cut>,
    /// When nobody waits any more.
    pub(crate) deadline: Option<Instant>,
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
    /// Whether the picture is already what the request's `cut` asks for.
    pub(crate) is_cut: bool,
}

impl Decoded {
    /// Cut on the way where that is asked for.
    fn of_rows(
        source: &mut dyn RowSource,
        request: &DecodeRequest<'_>,
        profile: Option<Vec<u8>>,
    ) -> Result<Self, ImagingError> {
        let picture = match request.cut {
            Some(cut) => resize_rows(source, cut, request.deadline)?,
            None => rows::whole(source, request.deadline)?,
        };
        Ok(Self {
            is_cut: request.cut.is_some(),
            ..Self::unscaled(picture, profile)
        })
    }

    pub(crate) fn unscaled(picture: Picture, profile: Option<Vec<u8>>) -> Self {
        Self {
            picture,
            scale: (1.0, 1.0),
            profile,
            is_cut: false,
        }
    }
}

/// Decodes the first frame.
///
/// The deadline is looked at while rows or parts are decoded by JPEG up to 6/8 of its size, PNG that isn't interlaced or is
/// large, BMP and TIFF in bands, AVIF in tiles, and between frames; elsewhere before and after, and by AVIF and JPEG XL also
/// while colours are made of what was decoded.
///
/// Errors: `Truncated`, `Corrupt`, `FormatUnsupported`, `SourceResolution`, `Timeout`.
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

#[cfg(test)]
mod tests;
