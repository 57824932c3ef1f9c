//! BMP, TIFF and ICO headers, read by the `image` crate's decoders before they touch a pixel.

use image::ImageDecoder as _;

use super::{ImageInfo, Orientation, exif, ico, png};
use crate::{decode, error::ImagingError, format::ImageFormat, geometry::Size, limits::Limits};

pub(super) fn info(bytes: &[u8], format: ImageFormat) -> Result<ImageInfo, ImagingError> {
    if format == ImageFormat::Ico
        && let Some(picture) = ico::embedded_png(bytes)
    {
        // icons neither move nor turn
        return Ok(ImageInfo {
            format,
            frames: 1,
            orientation: Orientation::Upright,
            ..png::Header::parse(picture)?.info()
        });
    }
    // the header is read to be judged, so only what makes a header absurd is refused here
    let decoder = decode::other::decoder(
        bytes,
        format,
        &Limits {
            max_pixels: u64::MAX,
            ..Limits::default()
        },
    )?;
    let (width, height) = decoder.dimensions();
    let orientation = if format == ImageFormat::Tiff {
        exif::orientation(bytes)
    } else {
        Orientation::Upright
    };
    Ok(ImageInfo {
        format,
        stored_size: Size { width, height },
        orientation,
        has_alpha: decoder.color_type().has_alpha(),
        frames: 1,
        has_profile: false,
        quality: None,
    })
}
