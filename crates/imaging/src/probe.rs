//! What a header says, read without a decoder and without allocating for pixels.

use crate::{error::ImagingError, format::ImageFormat, geometry::Size};

/// What the header of a picture says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageInfo {
    /// The format.
    pub format: ImageFormat,
    /// Size as stored, before the orientation is applied.
    pub stored_size: Size,
    /// How the stored picture has to be turned.
    pub orientation: Orientation,
    /// Whether the format says that there may be transparency.
    pub has_alpha: bool,
    /// Frames, at least 1; counting stops where a limit is certain to be exceeded.
    pub frames: u32,
    /// Whether a colour profile is embedded.
    pub has_profile: bool,
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
}

/// Reads the header of a picture.
///
/// Errors: `Empty`, `NotAnImage`, `FormatUnsupported`, `Truncated`, `Corrupt`.
pub fn probe(bytes: &[u8]) -> Result<ImageInfo, ImagingError> {
    let _ = bytes;
    todo!()
}
