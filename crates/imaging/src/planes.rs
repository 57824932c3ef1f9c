//! Pictures as planes of luma and colour differences, as JPEG, WebP and AVIF hold them: BT.601, full range, differences
//! centred between the luma samples they belong to.

use std::time::Instant;

use limpid_resample::{Filter, Layout, Request, Source};

use crate::{
    error::ImagingError,
    geometry::{Region, Size},
    picture::{Channels, Picture, pixel_count},
    probe::Orientation,
    steps::in_bands,
};

/// One plane of 8-bit samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plane {
    /// Columns and rows that hold picture; a partly covered last one counts.
    pub(crate) size: Size,
    /// Samples from one row to the next.
    pub(crate) stride: usize,
    pub(crate) samples: Vec<u8>,
}

/// A whole picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planes {
    pub(crate) luma: Plane,
    /// Blue and red difference, as large as luma or half of it each way, rounded up; none in grey pictures.
    pub(crate) chroma: Option<[Plane; 2]>,
}

impl Plane {
    /// A plane of zeroes with room beyond its picture.
    pub(crate) fn blank(size: Size, stride: usize, rows: usize) -> Self {
        Self {
            size,
            stride,
            samples: vec![0; stride * rows],
        }
    }

    /// A plane of one value without room beyond.
    pub(crate) fn filled(size: Size, value: u8) -> Self {
        Self {
            size,
            stride: size.width as usize,
            samples: vec![value; pixel_count(size)],
        }
    }

    /// The rows of the picture, without what lies beyond.
    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        let width = self.size.width as usize;
        let rows = self.samples.chunks_exact(self.stride.max(1));
        rows.take(self.size.height as usize)
            .map(move |row| row.get(..width).unwrap_or(row))
    }

    /// The picture continued to a size by its last column and row, or cut to it, without room beyond.
    pub(crate) fn extended_to(&self, size: Size) -> Self {
        let width = size.width as usize;
        let mut samples = Vec::with_capacity(pixel_count(size));
        for row in self.rows().take(size.height as usize) {
            let kept = row.get(..width).unwrap_or(row);
            samples.extend_from_slice(kept);
            let last = kept.last().copied().unwrap_or_default();
            samples.extend(std::iter::repeat_n(last, width - kept.len()));
        }
        while samples.len() < pixel_count(size) && samples.len() >= width {
            samples.extend_from_within(samples.len() - width..);
        }
        Self {
            size,
            stride: width,
            samples,
        }
    }

    /// Makes a region, which may be partly beyond the last column or row, `to` large.
    pub(crate) fn resized(&self, region: Region, to: Size) -> Result<Self, ImagingError> {
        self.resized_in_time(region, to, None)
    }

    /// The same, as long as somebody waits.
    ///
    /// Errors: `Timeout`, `Encode`.
    pub(crate) fn resized_in_time(
        &self,
        region: Region,
        to: Size,
        deadline: Option<Instant>,
    ) -> Result<Self, ImagingError> {
        let right = whole_up(region.left + region.width).max(self.size.width);
        let bottom = whole_up(region.top + region.height).max(self.size.height);
        if right > self.size.width || bottom > self.size.height {
            let size = Size {
                width: right,
                height: bottom,
            };
            return self.extended_to(size).resized_in_time(region, to, deadline);
        }
        if to == self.size && region == self.size.region() {
            return Ok(self.extended_to(to));
        }
        self.scaled(region, to, deadline)
    }

    fn scaled(
        &self,
        region: Region,
        to: Size,
        deadline: Option<Instant>,
    ) -> Result<Self, ImagingError> {
        let source = Source {
            samples: &self.samples,
            layout: Layout::Grey,
            stride: u32::try_from(self.stride).map_err(|error| ImagingError::Encode {
                format: "resized plane",
                detail: error.to_string(),
            })?,
            width: self.size.width,
            height: self.size.height,
        };
        // a box that is larger than the picture by a rounding error only is refused as well
        let part = Region {
            width: region.width.min(f64::from(self.size.width) - region.left),
            height: region.height.min(f64::from(self.size.height) - region.top),
            ..region
        };
        let request = Request {
            part: part.into(),
            width: to.width,
            height: to.height,
            filter: Filter::Lanczos3,
            weigh_by_alpha: false,
        };
        Ok(Self {
            size: to,
            stride: to.width as usize,
            samples: in_bands(&source, request, deadline)?,
        })
    }

    /// Turns a stored plane without room beyond its picture upright.
    pub(crate) fn oriented(self, orientation: Orientation) -> Self {
        let turned = if orientation.swaps_sides() {
            self.transposed()
        } else {
            self
        };
        match orientation {
            Orientation::Upright | Orientation::Transposed => turned,
            Orientation::MirroredAcross | Orientation::Turned90 => turned.mirrored_across(),
            Orientation::MirroredDown | Orientation::Turned270 => turned.mirrored_down(),
            Orientation::Turned180 | Orientation::Transversed => {
                turned.mirrored_across().mirrored_down()
            }
        }
    }

    fn mirrored_across(mut self) -> Self {
        let stride = self.stride.max(1);
        for row in self.samples.chunks_exact_mut(stride) {
            row.reverse();
        }
        self
    }

    fn mirrored_down(&self) -> Self {
        Self {
            size: self.size,
            stride: self.size.width as usize,
            samples: self.rows().rev().flatten().copied().collect(),
        }
    }

    fn transposed(&self) -> Self {
        let size = self.size.transposed();
        let mut result = Self::filled(size, 0);
        let stride = result.stride;
        for (x, row) in self.rows().enumerate() {
            let column = result.samples.iter_mut().skip(x).step_by(stride.max(1));
            column.zip(row).for_each(|(to, from)| *to = *from);
        }
        result
    }
}

impl Planes {
    /// Size of the picture. Units: px.
    pub(crate) fn size(&self) -> Size {
        self.luma.size
    }

    /// Turns stored planes upright.
    pub(crate) fn oriented(self, orientation: Orientation) -> Self {
        Self {
            luma: self.luma.oriented(orientation),
            chroma: self
                .chroma
                .map(|planes| planes.map(|plane| plane.oriented(orientation))),
        }
    }

    /// Colours of planes that are all as large as luma.
    pub(crate) fn into_rgb(self) -> Picture {
        let size = self.size();
        let mut picture = Picture::zeroed(size, Channels::Rgb);
        let gray = Plane::filled(
            Size {
                width: size.width,
                height: 1,
            },
            128,
        );
        let luma = self.luma.rows();
        match &self.chroma {
            Some([blue, red]) => {
                let differences = blue.rows().zip(red.rows());
                for ((row, luma), (blue, red)) in picture.rows_mut().zip(luma).zip(differences) {
                    to_rgb(row, luma, blue, red);
                }
            }
            None => {
                for (row, luma) in picture.rows_mut().zip(luma) {
                    to_rgb(row, luma, &gray.samples, &gray.samples);
                }
            }
        }
        picture
    }
}

/// Half of each side, rounded up.
pub(crate) fn halved(size: Size) -> Size {
    Size {
        width: size.width.div_ceil(2),
        height: size.height.div_ceil(2),
    }
}

/// Source: ITU-T T.871 section 7, in 16 bits behind the point as libjpeg does it.
fn to_rgb(row: &mut [u8], luma: &[u8], blue: &[u8], red: &[u8]) {
    const HALF: i32 = 1 << 15;
    const RED_BY_RED: i32 = 91_881;
    const GREEN_BY_BLUE: i32 = -22_554;
    const GREEN_BY_RED: i32 = -46_802;
    const BLUE_BY_BLUE: i32 = 116_130;
    let pixels = row.as_chunks_mut::<3>().0.iter_mut();
    for (((pixel, luma), blue), red) in pixels.zip(luma).zip(blue).zip(red) {
        let luma = i32::from(*luma);
        let (blue, red) = (i32::from(*blue) - 128, i32::from(*red) - 128);
        *pixel = [
            luma + ((RED_BY_RED * red + HALF) >> 16),
            luma + ((GREEN_BY_BLUE * blue + GREEN_BY_RED * red + HALF) >> 16),
            luma + ((BLUE_BY_BLUE * blue + HALF) >> 16),
        ]
        .map(to_byte);
    }
}

#[expect(
    clippy::cast_sign_loss,
    reason = "clamped to the range of a byte first"
)]
fn to_byte(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

/// A length to the next whole sample, but for rounding errors.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range first"
)]
fn whole_up(length: f64) -> u32 {
    (length - 1e-6).ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(width: u32, height: u32) -> Plane {
        let size = Size { width, height };
        let mut plane = Plane::filled(size, 0);
        (0_u8..)
            .zip(&mut plane.samples)
            .for_each(|(number, sample)| *sample = number);
        plane
    }

    #[test]
    fn planes_are_turned_as_pictures_are() {
        let plane = counting(3, 2);
        for (orientation, expected) in [
            (Orientation::Upright, [0, 1, 2, 3, 4, 5]),
            (Orientation::MirroredAcross, [2, 1, 0, 5, 4, 3]),
            (Orientation::Turned180, [5, 4, 3, 2, 1, 0]),
            (Orientation::MirroredDown, [3, 4, 5, 0, 1, 2]),
            (Orientation::Transposed, [0, 3, 1, 4, 2, 5]),
            (Orientation::Turned90, [3, 0, 4, 1, 5, 2]),
            (Orientation::Transversed, [5, 2, 4, 1, 3, 0]),
            (Orientation::Turned270, [2, 5, 1, 4, 0, 3]),
        ] {
            assert_eq!(
                plane.clone().oriented(orientation).samples,
                expected,
                "{orientation:?}"
            );
        }
    }

    #[test]
    fn a_plane_is_continued_by_its_last_column_and_row() {
        let extended = counting(2, 2).extended_to(Size {
            width: 3,
            height: 3,
        });
        assert_eq!(extended.samples, [0, 1, 1, 2, 3, 3, 2, 3, 3]);
    }

    #[test]
    fn a_region_that_reaches_beyond_the_picture_is_resized_from_its_continuation() {
        let plane = Plane::filled(
            Size {
                width: 5,
                height: 5,
            },
            77,
        );
        let region = Region {
            left: 0.0,
            top: 0.0,
            width: 5.6,
            height: 5.6,
        };
        let resized = plane
            .resized(
                region,
                Size {
                    width: 3,
                    height: 3,
                },
            )
            .unwrap();
        assert_eq!(resized.samples, [77; 9]);
    }
}
