//! BMP, TIFF and ICO by the `image` crate, with its limits set.

use std::io::{Cursor, ErrorKind};

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader};

use super::{DecodeRequest, Decoded, png};
use crate::{
    error::ImagingError,
    format::ImageFormat,
    geometry::Size,
    limits::Limits,
    picture::{Channels, Picture},
    probe::{corrupt, exif, ico},
};

/// The widest sample these formats have, four channels of it.
const MAX_BYTES_PER_PIXEL: u64 = 16;
const SMALLEST_ALLOCATION_BYTES: u64 = 64 << 20;

pub(super) fn decode(request: &DecodeRequest<'_>) -> Result<Decoded, ImagingError> {
    if request.info.format == ImageFormat::Ico
        && let Some(source) = ico::embedded_png(request.source)
    {
        return png::decode(&DecodeRequest {
            source,
            // the size it has isn't the one that was planned with
            cut: None,
            ..*request
        });
    }
    let mut decoder = decoder(request.source, request.info.format, request.limits)?;
    let profile = decoder.icc_profile().ok().flatten();
    let (width, height) = decoder.dimensions();
    if (Size { width, height }) != request.info.stored_size {
        return Err(corrupt("the header changed between two readings"));
    }
    let has_alpha = request.info.has_alpha;
    let image = DynamicImage::from_decoder(decoder).map_err(to_error)?;
    let size = Size {
        width: image.width(),
        height: image.height(),
    };
    let is_multiplied = request.info.format == ImageFormat::Tiff
        && has_alpha
        && exif::has_associated_alpha(request.source);
    let (channels, pixels) = if has_alpha {
        (Channels::Rgba, image.into_rgba8().into_raw())
    } else {
        (Channels::Rgb, image.into_rgb8().into_raw())
    };
    let mut picture = Picture {
        size,
        channels,
        pixels,
    };
    if is_multiplied {
        picture.unmultiply();
    }
    Ok(Decoded::unscaled(picture, profile))
}

/// A decoder that has read the header and knows its limits.
pub(crate) fn decoder<'a>(
    bytes: &'a [u8],
    format: ImageFormat,
    limits: &Limits,
) -> Result<impl ImageDecoder + 'a, ImagingError> {
    if format == ImageFormat::Tiff && !exif::is_readable_layout(bytes) {
        return Err(ImagingError::FormatUnsupported {
            found: "this flavour of BMP, TIFF or ICO",
        });
    }
    let format = match format {
        ImageFormat::Bmp => image::ImageFormat::Bmp,
        ImageFormat::Tiff => image::ImageFormat::Tiff,
        ImageFormat::Ico => image::ImageFormat::Ico,
        ImageFormat::Jpeg
        | ImageFormat::Png
        | ImageFormat::WebP
        | ImageFormat::Avif
        | ImageFormat::Gif
        | ImageFormat::Jxl => {
            return Err(corrupt("this format has a decoder of its own"));
        }
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut bounds = image::Limits::no_limits();
    let most = limits.max_pixels.saturating_mul(MAX_BYTES_PER_PIXEL);
    bounds.max_alloc = Some(most.max(SMALLEST_ALLOCATION_BYTES));
    reader.limits(bounds);
    reader.into_decoder().map_err(to_error)
}

fn to_error(error: ImageError) -> ImagingError {
    match error {
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImagingError::Truncated
        }
        ImageError::Unsupported(_) => ImagingError::FormatUnsupported {
            found: "this flavour of BMP, TIFF or ICO",
        },
        error => corrupt(error.to_string()),
    }
}
