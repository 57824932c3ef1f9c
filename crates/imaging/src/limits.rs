//! How large sources and results may be. Every check is arithmetic on numbers from a header or a plan, so nothing has
//! been allocated when one fails.

use crate::{error::ImagingError, geometry::Size};

/// Limits of one tenant. Source of the defaults: `imagekit.md` section 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_field_names,
    reason = "the names of the configuration keys"
)]
pub struct Limits {
    /// Bytes of a source.
    pub max_source_bytes: u64,
    /// Pixels of a source, and of the result of every single step.
    pub max_pixels: u64,
    /// Frames × area of an animated source. Units: px.
    pub max_frame_pixels: u64,
}

/// Bytes of a PDF or PostScript file. Source: `imagekit.md` section 2, "fixed".
const MAX_DOCUMENT_BYTES: u64 = 5 * 1024 * 1024;

/// Checks the length of a document. None is drawn, but one that is too long is refused for that.
///
/// Errors: `SourceTooLarge`.
pub(crate) fn check_document_bytes(length: usize) -> Result<(), ImagingError> {
    let found = length as u64;
    if found > MAX_DOCUMENT_BYTES {
        return Err(ImagingError::SourceTooLarge {
            found,
            allowed: MAX_DOCUMENT_BYTES,
        });
    }
    Ok(())
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_source_bytes: 40 * 1024 * 1024,
            max_pixels: 100_000_000,
            max_frame_pixels: 100_000_000,
        }
    }
}

impl Limits {
    /// Checks the length of a source.
    ///
    /// Errors: `Empty`, `SourceTooLarge`.
    pub fn check_source_bytes(&self, length: usize) -> Result<(), ImagingError> {
        let found = length as u64;
        if found == 0 {
            return Err(ImagingError::Empty);
        }
        if found > self.max_source_bytes {
            return Err(ImagingError::SourceTooLarge {
                found,
                allowed: self.max_source_bytes,
            });
        }
        Ok(())
    }

    /// Checks what a header declares.
    ///
    /// Errors: `SourceResolution`, `TooManyFrames`.
    pub fn check_source(&self, size: Size, frames: u32) -> Result<(), ImagingError> {
        let Size { width, height } = size;
        if size.area() > self.max_pixels {
            return Err(ImagingError::SourceResolution {
                width,
                height,
                allowed: self.max_pixels,
            });
        }
        let all_frames = size.area().saturating_mul(u64::from(frames));
        if frames > 1 && all_frames > self.max_frame_pixels {
            return Err(ImagingError::TooManyFrames {
                frames,
                width,
                height,
                allowed: self.max_frame_pixels,
            });
        }
        Ok(())
    }

    /// Checks what a step would make of every frame of an animation.
    ///
    /// Errors: `OutputTooLarge`.
    pub fn check_frames(&self, size: Size, frames: u32) -> Result<(), ImagingError> {
        let Size { width, height } = size;
        if size.area().saturating_mul(u64::from(frames)) > self.max_frame_pixels {
            return Err(ImagingError::OutputTooLarge {
                what: "output resolution of all frames",
                width,
                height,
                allowed: self.max_frame_pixels,
            });
        }
        Ok(())
    }

    /// Checks what a step would make.
    ///
    /// Errors: `OutputTooLarge`.
    pub fn check_step(&self, size: Size) -> Result<(), ImagingError> {
        let Size { width, height } = size;
        if size.area() > self.max_pixels {
            return Err(ImagingError::OutputTooLarge {
                what: "output resolution",
                width,
                height,
                allowed: self.max_pixels,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_of_the_largest_header_does_not_wrap_around() {
        let size = Size {
            width: u32::MAX,
            height: u32::MAX,
        };
        assert!(matches!(
            Limits::default().check_source(size, 1),
            Err(ImagingError::SourceResolution { .. })
        ));
        assert!(Limits::default().check_source(size, u32::MAX).is_err());
    }

    #[test]
    fn exactly_the_limit_passes_and_one_more_does_not() {
        let limits = Limits {
            max_source_bytes: 10,
            max_pixels: 100,
            max_frame_pixels: 200,
        };
        assert_eq!(limits.check_source_bytes(10), Ok(()));
        assert!(limits.check_source_bytes(11).is_err());
        assert_eq!(limits.check_source_bytes(0), Err(ImagingError::Empty));
        assert_eq!(
            limits.check_source(
                Size {
                    width: 10,
                    height: 10
                },
                2
            ),
            Ok(())
        );
        assert!(
            limits
                .check_source(
                    Size {
                        width: 10,
                        height: 10
                    },
                    3
                )
                .is_err()
        );
        assert!(
            limits
                .check_step(Size {
                    width: 101,
                    height: 1
                })
                .is_err()
        );
    }
}
