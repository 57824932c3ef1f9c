//! BMP, TIFF and ICO by the `image` crate, with its limits set. What is cut out of a BMP without compression or of a TIFF of
//! several strips or rows of tiles is decoded band by band.

use std::io::{BufRead, Cursor, ErrorKind, Seek};

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader};

use bands::{Bands, Rows};
use bitmap::Bitmap;
use strips::Strips;

use super::{DecodeRequest, Decoded, png};
use crate::{
    error::ImagingError,
    format::ImageFormat,
    geometry::Size,
    limits::Limits,
    picture::{Channels, Picture},
    probe::{corrupt, exif, ico},
};

mod bands;
mod bitmap;
mod spliced;
mod strips;

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
    let pixels = Pixels {
        has_alpha,
        is_multiplied: request.info.format == ImageFormat::Tiff
            && has_alpha
            && exif::has_associated_alpha(request.source),
    };
    let (source, size) = (request.source, request.info.stored_size);
    match request.info.format {
        _ if request.cut.is_none() => {}
        ImageFormat::Bmp => {
            if let Some(bitmap) = Bitmap::of(source, size)? {
                return by_bands(bitmap, request, pixels, profile);
            }
        }
        ImageFormat::Tiff => {
            if let Some(strips) = Strips::of(source, size) {
                return by_bands(strips, request, pixels, profile);
            }
        }
        _ => {}
    }
    Ok(Decoded::unscaled(pixels.read(decoder)?, profile))
}

fn by_bands<'a>(
    bands: impl Bands<'a>,
    request: &DecodeRequest<'a>,
    pixels: Pixels,
    profile: Option<Vec<u8>>,
) -> Result<Decoded, ImagingError> {
    let mut rows = Rows::new(bands, request, pixels);
    let decoded = Decoded::of_rows(&mut rows, request, profile)?;
    rows.finish()?;
    Ok(decoded)
}

/// What is made of a decoder's pixels.
#[derive(Debug, Clone, Copy)]
struct Pixels {
    has_alpha: bool,
    /// Whether colours are stored multiplied by it.
    is_multiplied: bool,
}

impl Pixels {
    fn read(self, decoder: impl ImageDecoder) -> Result<Picture, ImagingError> {
        let image = DynamicImage::from_decoder(decoder).map_err(to_error)?;
        let size = Size {
            width: image.width(),
            height: image.height(),
        };
        let (channels, pixels) = if self.has_alpha {
            (Channels::Rgba, image.into_rgba8().into_raw())
        } else {
            (Channels::Rgb, image.into_rgb8().into_raw())
        };
        let mut picture = Picture {
            size,
            channels,
            pixels,
        };
        if self.is_multiplied {
            picture.unmultiply();
        }
        Ok(picture)
    }
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
    open(Cursor::new(bytes), format, limits)
}

fn open<'a>(
    file: impl BufRead + Seek + 'a,
    format: ImageFormat,
    limits: &Limits,
) -> Result<impl ImageDecoder + 'a, ImagingError> {
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
    let mut reader = ImageReader::with_format(file, format);
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
