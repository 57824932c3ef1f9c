//! Pixels to bytes, one module per codec.

use std::time::Instant;

use crate::{
    deadline::check_deadline,
    error::ImagingError,
    format::{Encoding, ImageFormat, Rivals},
    geometry::Size,
    picture::Picture,
    planes::Planes,
    steps,
};

pub(crate) mod animation;
mod avif;
mod colors;
mod gif;
mod jpeg;
mod png;
mod webp;

/// Pictures of no more colours than a palette holds are drawings, screens and signs, which are often smaller without loss.
const FEW_COLORS: usize = 256;

/// An encoded picture.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) format: ImageFormat,
    pub(crate) bytes: Vec<u8>,
}

/// How good the result is to be. Units: 1 to 100.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quality {
    /// What the URL asks for.
    pub(crate) asked: Option<u8>,
    /// What lossy formats get where it asks for nothing.
    pub(crate) usual: u8,
}

impl Quality {
    pub(crate) fn lossy(self) -> u8 {
        self.asked.unwrap_or(self.usual)
    }
}

/// How the result is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) quality: Quality,
    /// JPEG in several scans, each finer.
    pub(crate) is_progressive: bool,
    /// WebP and PNG keep every pixel, whatever the quality.
    pub(crate) is_lossless: bool,
    /// When nobody waits for it any more.
    pub(crate) deadline: Option<Instant>,
}

/// Encodes a picture in sRGB. No metadata and no profile are written.
pub(crate) fn encode(
    picture: Picture,
    encoding: Encoding,
    wanted: Wanted,
) -> Result<Encoded, ImagingError> {
    match encoding {
        Encoding::One(format) => encode_as(picture, format, wanted),
        Encoding::SmallerOfJpegAndPng => {
            let png = encode_as(picture.clone(), ImageFormat::Png, wanted)?;
            check_deadline(wanted.deadline)?;
            let jpeg = encode_as(picture, ImageFormat::Jpeg, wanted)?;
            Ok(if png.bytes.len() <= jpeg.bytes.len() {
                png
            } else {
                jpeg
            })
        }
    }
}

/// Encodes a picture in the format chosen for it and in those that may turn out smaller, and gives the smallest; of equal ones
/// the format chosen.
pub(crate) fn encode_smallest(
    picture: Picture,
    usual: ImageFormat,
    rivals: Rivals,
    wanted: Wanted,
) -> Result<Encoded, ImagingError> {
    if rivals == Rivals::default() || wanted.is_lossless {
        return encode_as(picture, usual, wanted);
    }
    let lossless = match rivals.lossless {
        Some(accept) => colors::are_few(&picture, FEW_COLORS, wanted.deadline)?.then_some(accept),
        None => None,
    };
    let mut others = Vec::new();
    if rivals.jpeg {
        others.push((ImageFormat::Jpeg, wanted));
    }
    if rivals.webp {
        others.push((ImageFormat::WebP, wanted));
    }
    if let Some(accept) = lossless {
        let lossless = Wanted {
            is_lossless: true,
            ..wanted
        };
        others.push((ImageFormat::Png, lossless));
        if accept.webp {
            others.push((ImageFormat::WebP, lossless));
        }
    }
    let mut smallest = encode_as(picture.clone(), usual, wanted)?;
    for (format, wanted) in others {
        check_deadline(wanted.deadline)?;
        match encode_as(picture.clone(), format, wanted) {
            Ok(other) if other.bytes.len() < smallest.bytes.len() => smallest = other,
            Ok(_) => {}
            // what cannot be written is no smaller; the format chosen is there
            Err(_) => check_deadline(wanted.deadline)?,
        }
    }
    Ok(smallest)
}

/// Planes in the format chosen for them and in those that may turn out smaller.
pub(crate) fn encode_smallest_planes(
    planes: Planes,
    usual: ImageFormat,
    rivals: Rivals,
    (quality, deadline): (u8, Option<Instant>),
) -> Result<Encoded, ImagingError> {
    let others = [
        (rivals.jpeg, ImageFormat::Jpeg),
        (rivals.webp, ImageFormat::WebP),
    ];
    let mut smallest: Option<Encoded> = None;
    for (_, format) in others.into_iter().filter(|(is_rival, _)| *is_rival) {
        let other = encode_planes(planes.clone(), format, quality, deadline);
        check_deadline(deadline)?;
        let Ok(other) = other else {
            continue;
        };
        if smallest
            .as_ref()
            .is_none_or(|smallest| other.bytes.len() < smallest.bytes.len())
        {
            smallest = Some(other);
        }
    }
    let first = encode_planes(planes, usual, quality, deadline)?;
    Ok(match smallest {
        Some(smallest) if smallest.bytes.len() < first.bytes.len() => smallest,
        _ => first,
    })
}

/// Encodes planes as JPEG, WebP or AVIF. Their differences are halved, or not where [`keeps_full_chroma`] says so.
fn encode_planes(
    planes: Planes,
    format: ImageFormat,
    quality: u8,
    deadline: Option<Instant>,
) -> Result<Encoded, ImagingError> {
    let size = planes.size();
    let bytes = match format {
        ImageFormat::Jpeg => jpeg::planes::encode(&planes, quality),
        ImageFormat::WebP => webp::planes::encode(&planes, quality, deadline),
        ImageFormat::Avif => avif::encode_planes(planes, quality),
        ImageFormat::Png
        | ImageFormat::Gif
        | ImageFormat::Jxl
        | ImageFormat::Bmp
        | ImageFormat::Tiff
        | ImageFormat::Ico => Err("not a format of planes".to_owned()),
    };
    encoded(bytes, (format, size), deadline)
}

/// Whether a format stores colour differences as large as luma at a quality.
pub(crate) fn keeps_full_chroma(format: ImageFormat, quality: u8) -> bool {
    format == ImageFormat::Jpeg && jpeg::keeps_full_chroma(quality)
}

fn encode_as(
    picture: Picture,
    format: ImageFormat,
    wanted: Wanted,
) -> Result<Encoded, ImagingError> {
    let Wanted {
        quality,
        is_progressive,
        is_lossless,
        deadline,
    } = wanted;
    let size = picture.size;
    let bytes = match format {
        ImageFormat::Jpeg => {
            let flat = steps::flatten(picture, deadline)?;
            check_deadline(deadline)?;
            if is_progressive {
                jpeg::encode_progressive(&flat, quality.lossy())
            } else {
                jpeg::encode(&flat, quality.lossy())
            }
        }
        ImageFormat::Png => png::encode(&picture, quality.asked.filter(|_| !is_lossless), deadline),
        ImageFormat::WebP if is_lossless => webp::encode_lossless(&picture, deadline),
        ImageFormat::WebP => webp::encode(&picture, quality.lossy(), deadline),
        ImageFormat::Avif => avif::encode(&picture, quality.lossy(), deadline),
        ImageFormat::Gif => gif::encode(picture, deadline),
        ImageFormat::Jxl | ImageFormat::Bmp | ImageFormat::Tiff | ImageFormat::Ico => {
            Err("not a delivery format".to_owned())
        }
    };
    encoded(bytes, (format, size), deadline)
}

/// Whether an encoder may find that a picture, though its sides fit, is more than its format can describe.
pub(crate) fn may_not_fit(format: ImageFormat, size: Size) -> bool {
    format == ImageFormat::WebP && size.area() > webp::ALWAYS_FITS
}

/// Encoders that end because nobody waits any more, or because of a limit of their format, say so in words.
fn encoded(
    bytes: Result<Vec<u8>, String>,
    (format, size): (ImageFormat, Size),
    deadline: Option<Instant>,
) -> Result<Encoded, ImagingError> {
    match bytes {
        Ok(bytes) => Ok(Encoded { format, bytes }),
        Err(detail) => {
            check_deadline(deadline)?;
            if detail == webp::TOO_MANY_BLOCKS {
                return Err(ImagingError::OutputTooLarge {
                    what: "WebP resolution of so detailed a picture",
                    width: size.width,
                    height: size.height,
                    allowed: webp::ALWAYS_FITS,
                });
            }
            Err(ImagingError::Encode {
                format: format.name(),
                detail,
            })
        }
    }
}

#[cfg(test)]
mod tests;
