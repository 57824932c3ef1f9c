//! Integer arithmetic of sizes and boxes: rounding in one place, and never a size without an area.

use limpid_delivery_url::transformation::Anchor;

/// Width and height.
///
/// Units: px.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

/// A box inside a picture, from its top left corner. Fractions are allowed: a crop that is scaled needn't begin on a
/// whole pixel.
///
/// Units: px.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Region {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl From<Region> for limpid_resample::Part {
    fn from(region: Region) -> Self {
        Self {
            left: region.left,
            top: region.top,
            width: region.width,
            height: region.height,
        }
    }
}

impl Size {
    /// Width × height; fits, since both are below 2³².
    pub fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Width and height exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            width: self.height,
            height: self.width,
        }
    }

    /// The largest size of the same proportions that fits inside `frame`; one side is exact, the other rounded.
    #[must_use]
    pub fn scaled_inside(self, frame: Self) -> Self {
        if self.is_wider_than(frame) {
            self.with_width(frame.width)
        } else {
            self.with_height(frame.height)
        }
    }

    /// The smallest size of the same proportions that covers `frame`; one side is exact, the other rounded.
    #[must_use]
    pub fn scaled_to_cover(self, frame: Self) -> Self {
        if self.is_wider_than(frame) {
            self.with_height(frame.height)
        } else {
            self.with_width(frame.width)
        }
    }

    /// The same proportions with this width.
    #[must_use]
    pub fn with_width(self, width: u32) -> Self {
        Self {
            width,
            height: scale_rounded(self.height, width, self.width),
        }
    }

    /// The same proportions with this height.
    #[must_use]
    pub fn with_height(self, height: u32) -> Self {
        Self {
            width: scale_rounded(self.width, height, self.height),
            height,
        }
    }

    /// Whether both sides are at most those of `other`.
    pub fn fits_inside(self, other: Self) -> bool {
        self.width <= other.width && self.height <= other.height
    }

    /// The whole of it as a region.
    pub fn region(self) -> Region {
        Region {
            left: 0.0,
            top: 0.0,
            width: f64::from(self.width),
            height: f64::from(self.height),
        }
    }

    /// The largest region with the proportions of `shape`, placed by `anchor`.
    pub fn crop_to_shape(self, shape: Self, anchor: Anchor) -> Region {
        let (width, height) = (f64::from(self.width), f64::from(self.height));
        let (shape_width, shape_height) = (f64::from(shape.width), f64::from(shape.height));
        let (crop_width, crop_height) = if self.is_wider_than(shape) {
            ((height * shape_width / shape_height).min(width), height)
        } else {
            (width, (width * shape_height / shape_width).min(height))
        };
        let (across, down) = anchor_fractions(anchor);
        Region {
            left: (width - crop_width) * across,
            top: (height - crop_height) * down,
            width: crop_width,
            height: crop_height,
        }
    }

    fn is_wider_than(self, other: Self) -> bool {
        // width/height > other.width/other.height, without dividing
        u64::from(self.width) * u64::from(other.height)
            > u64::from(other.width) * u64::from(self.height)
    }
}

impl Region {
    /// The same region of a picture scaled by a factor across and one down.
    #[must_use]
    pub fn scaled_by(self, (across, down): (f64, f64)) -> Self {
        Self {
            left: self.left * across,
            top: self.top * down,
            width: self.width * across,
            height: self.height * down,
        }
    }
}

/// Where the free space goes: the part of it that lies left of and above the picture.
pub fn anchor_fractions(anchor: Anchor) -> (f64, f64) {
    match anchor {
        Anchor::Center => (0.5, 0.5),
        Anchor::Top => (0.5, 0.0),
        Anchor::Left => (0.0, 0.5),
        Anchor::Bottom => (0.5, 1.0),
        Anchor::Right => (1.0, 0.5),
        Anchor::TopLeft => (0.0, 0.0),
        Anchor::TopRight => (1.0, 0.0),
        Anchor::BottomLeft => (0.0, 1.0),
        Anchor::BottomRight => (1.0, 1.0),
    }
}

/// Free space in front of a picture that leaves `free` px, placed by `anchor`; the odd pixel of a centred picture goes behind it.
pub fn anchored_offset(free_width: u32, free_height: u32, anchor: Anchor) -> (u32, u32) {
    let part = |free: u32, fraction: f64| {
        if fraction >= 1.0 {
            free
        } else if fraction <= 0.0 {
            0
        } else {
            free / 2
        }
    };
    let (across, down) = anchor_fractions(anchor);
    (part(free_width, across), part(free_height, down))
}

/// Rounds a length that was computed as a fraction to whole pixels: nearest, at least 1, never past `u32`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range first; NaN becomes 1"
)]
pub fn whole_pixels(length: f64) -> u32 {
    length.round().max(1.0).min(f64::from(u32::MAX)) as u32
}

/// `length * numerator / denominator`, to the nearest, at least 1.
fn scale_rounded(length: u32, numerator: u32, denominator: u32) -> u32 {
    let denominator = u64::from(denominator.max(1));
    let scaled = (u64::from(length) * u64::from(numerator) + denominator / 2) / denominator;
    u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTRAIT: Size = Size {
        width: 740,
        height: 1000,
    };

    #[test]
    fn the_documented_portrait_scales_to_the_documented_sizes() {
        let frame = Size {
            width: 300,
            height: 200,
        };
        assert_eq!(
            PORTRAIT.scaled_inside(frame),
            Size {
                width: 148,
                height: 200
            }
        );
        assert_eq!(
            PORTRAIT.scaled_to_cover(frame),
            Size {
                width: 300,
                height: 405
            }
        );
    }

    #[test]
    fn a_sliver_never_vanishes() {
        let sliver = Size {
            width: 10_000,
            height: 1,
        };
        assert_eq!(
            sliver.with_width(10),
            Size {
                width: 10,
                height: 1
            }
        );
    }

    #[test]
    fn a_crop_keeps_the_side_its_anchor_names() {
        let square = Size {
            width: 100,
            height: 100,
        };
        let right = PORTRAIT.crop_to_shape(square, Anchor::BottomRight);
        assert_eq!(
            (right.left, right.top, right.width, right.height),
            (0.0, 260.0, 740.0, 740.0)
        );
        let top = PORTRAIT.crop_to_shape(square, Anchor::Top);
        assert_eq!((top.left, top.top), (0.0, 0.0));
    }

    #[test]
    fn nonsense_lengths_become_one_pixel_or_the_largest() {
        assert_eq!(whole_pixels(f64::NAN), 1);
        assert_eq!(whole_pixels(-3.0), 1);
        assert_eq!(whole_pixels(f64::INFINITY), u32::MAX);
        assert_eq!(whole_pixels(2.5), 3);
    }
}
