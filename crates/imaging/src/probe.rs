//! What a header says, read without a decoder and without allocating for pixels.

use crate::{
    error::ImagingError,
    format::ImageFormat,
    geometry::{Region, Size},
    sniff::{LooksLike, Sniffed, sniff},
};

pub(crate) mod avif;
pub(crate) mod boxes;
pub(crate) mod exif;
mod fields;
pub(crate) mod gif;
pub(crate) mod ico;
pub(crate) mod jpeg;
pub(crate) mod jxl;
mod other;
pub(crate) mod png;
pub(crate) mod webp;

/// What the header of a picture says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageInfo {
    /// The format.
    pub format: ImageFormat,
    /// Size as stored, before the orientation is applied; JPEG XL is turned upright by its decoder and counts as stored so.
    pub stored_size: Size,
    /// How the stored picture has to be turned.
    pub orientation: Orientation,
    /// Whether the format says that there may be transparency.
    pub has_alpha: bool,
    /// Frames, at least 1; counting stops where a limit is certain to be exceeded.
    pub frames: u32,
    /// Whether a colour profile is embedded.
    pub has_profile: bool,
    /// The quality, 1 to 100, that a JPEG was stored with, by the scale that its encoders share.
    pub quality: Option<u8>,
}

impl ImageInfo {
    /// Size as it is to be seen.
    pub fn size(&self) -> Size {
        if self.orientation.swaps_sides() {
            self.stored_size.transposed()
        } else {
            self.stored_size
        }
    }
}

/// How a stored picture has to be turned to be upright. Source: EXIF 2.32, tag 0x0112.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Orientation {
    /// 1: as stored.
    #[default]
    Upright,
    /// 2: mirrored left to right.
    MirroredAcross,
    /// 3: turned by 180°.
    Turned180,
    /// 4: mirrored top to bottom.
    MirroredDown,
    /// 5: rows and columns exchanged.
    Transposed,
    /// 6: to be turned clockwise by 90°.
    Turned90,
    /// 7: rows and columns exchanged along the other diagonal.
    Transversed,
    /// 8: to be turned clockwise by 270°.
    Turned270,
}

impl Orientation {
    /// The orientation of an EXIF value; anything unknown is upright.
    pub fn from_exif(value: u32) -> Self {
        match value {
            2 => Self::MirroredAcross,
            3 => Self::Turned180,
            4 => Self::MirroredDown,
            5 => Self::Transposed,
            6 => Self::Turned90,
            7 => Self::Transversed,
            8 => Self::Turned270,
            _ => Self::Upright,
        }
    }

    /// Whether width and height change places.
    pub fn swaps_sides(self) -> bool {
        matches!(
            self,
            Self::Transposed | Self::Turned90 | Self::Transversed | Self::Turned270
        )
    }

    /// Where a region of the upright picture lies in the stored one.
    pub(crate) fn stored_region(self, upright: Region, stored: Size) -> Region {
        let Region {
            left,
            top,
            width,
            height,
        } = upright;
        let (stored_width, stored_height) = (f64::from(stored.width), f64::from(stored.height));
        match self {
            Self::Upright => upright,
            Self::MirroredAcross => Region {
                left: stored_width - left - width,
                ..upright
            },
            Self::Turned180 => Region {
                left: stored_width - left - width,
                top: stored_height - top - height,
                ..upright
            },
            Self::MirroredDown => Region {
                top: stored_height - top - height,
                ..upright
            },
            Self::Transposed => Region {
                left: top,
                top: left,
                width: height,
                height: width,
            },
            Self::Turned90 => Region {
                left: top,
                top: stored_height - left - width,
                width: height,
                height: width,
            },
            Self::Transversed => Region {
                left: stored_width - top - height,
                top: stored_height - left - width,
                width: height,
                height: width,
            },
            Self::Turned270 => Region {
                left: stored_width - top - height,
                top: left,
                width: height,
                height: width,
            },
        }
    }
}

/// Reads the header of a picture.
///
/// Errors: `Empty`, `NotAnImage`, `FormatUnsupported`, `Truncated`, `Corrupt`.
pub fn probe(bytes: &[u8]) -> Result<ImageInfo, ImagingError> {
    let format = match sniff(bytes) {
        Sniffed::Image(format) => format,
        Sniffed::Empty => return Err(ImagingError::Empty),
        Sniffed::UnsupportedImage(found) => return Err(ImagingError::FormatUnsupported { found }),
        Sniffed::Other(LooksLike::Pdf) => {
            return Err(ImagingError::FormatUnsupported { found: "PDF" });
        }
        Sniffed::Svg => {
            return Err(ImagingError::NotAnImage {
                looks_like: LooksLike::Xml,
            });
        }
        Sniffed::Other(looks_like) => return Err(ImagingError::NotAnImage { looks_like }),
    };
    let info = match format {
        ImageFormat::Jpeg => jpeg::Header::parse(bytes)?.info(),
        ImageFormat::Png => png::Header::parse(bytes)?.info(),
        ImageFormat::WebP => webp::Header::parse(bytes)?.info(),
        ImageFormat::Gif => gif::info(bytes)?,
        ImageFormat::Avif => avif::Container::parse(bytes)?.info(),
        ImageFormat::Jxl => jxl::Header::parse(bytes)?.info(),
        ImageFormat::Bmp | ImageFormat::Tiff | ImageFormat::Ico => other::info(bytes, format)?,
    };
    if info.stored_size.area() == 0 {
        return Err(corrupt("a side of the picture is 0"));
    }
    Ok(info)
}

/// Shorthand of the header readers.
pub(crate) fn corrupt(detail: impl Into<String>) -> ImagingError {
    ImagingError::Corrupt {
        detail: detail.into(),
    }
}
