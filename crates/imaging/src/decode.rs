//! Bytes to pixels, one module per codec. Callers have probed the header and checked the limits.

use std::time::Instant;

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
/// The deadline is looked at while rows or parts are decoded by JPEG up to 6/8 of its size, PNG that isn't interlaced, AVIF in
/// tiles, and between frames; elsewhere before and after.
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
mod tests {
    use std::io::Cursor;

    use image::{Delay, DynamicImage, Frame, RgbaImage, codecs::gif::GifEncoder};

    use super::*;
    use crate::probe::probe;

    fn outcome(source: &[u8], deadline: Option<Instant>) -> Result<Decoded, ImagingError> {
        let info = probe(source)?;
        let request = DecodeRequest {
            source,
            info: &info,
            limits: &Limits::default(),
            shrink: 1,
            deadline,
        };
        if info.frames > 1 {
            animation::still(&request, info.frames - 1)
        } else {
            decode(&request)
        }
    }

    #[test]
    fn a_deadline_that_has_passed_ends_the_decode_at_the_next_row_or_frame() {
        let picture = || RgbaImage::from_pixel(64, 48, image::Rgba([200, 100, 50, 255]));
        let mut png = Cursor::new(Vec::new());
        DynamicImage::from(picture())
            .write_to(&mut png, image::ImageFormat::Png)
            .unwrap();
        let mut gif = Vec::new();
        let frame = || Frame::from_parts(picture(), 0, 0, Delay::from_numer_denom_ms(100, 1));
        GifEncoder::new(&mut gif)
            .encode_frames([frame(), frame()])
            .unwrap();
        for source in [png.get_ref(), &gif] {
            assert!(outcome(source, None).is_ok());
            let late = outcome(source, Some(Instant::now()));
            assert_eq!(late.unwrap_err(), ImagingError::Timeout);
        }
    }
}
