//! Luma and chroma to RGB.
//!
//! Source: ITU-T H.273 section 8.3 (matrix coefficients, range).

use super::av1::Coded;
use crate::{error::ImagingError, geometry::Size, probe::avif::CodePoints};

/// How samples become RGB.
#[derive(Clone, Copy)]
struct Conversion {
    luma_offset: f32,
    luma_scale: f32,
    chroma_offset: f32,
    chroma_scale: f32,
    red_weight: f32,
    blue_weight: f32,
}

/// The colours of a picture, row by row.
pub(super) struct Rows {
    coded: Coded,
    conversion: Conversion,
    is_identity: bool,
    /// The row that comes next.
    next: usize,
    luma: Vec<u16>,
    chroma: [Vec<u16>; 2],
}

impl Rows {
    pub(super) fn new(coded: Coded, code_points: CodePoints) -> Result<Self, ImagingError> {
        Ok(Self {
            conversion: Conversion::of(coded.bit_depth, code_points)?,
            is_identity: code_points.matrix == 0,
            coded,
            next: 0,
            luma: Vec::new(),
            chroma: [Vec::new(), Vec::new()],
        })
    }

    /// Of the whole picture.
    pub(super) fn size(&self) -> Size {
        self.coded.size
    }

    /// Puts red, green and blue of the next row into `row`.
    pub(super) fn read(&mut self, row: &mut [u8]) {
        let conversion = self.conversion;
        self.coded.read_row(0, self.next, &mut self.luma);
        let pixels = row.as_chunks_mut::<3>().0.iter_mut().zip(&self.luma);
        if self.coded.is_gray() {
            pixels.for_each(|(pixel, luma)| *pixel = [conversion.gray(*luma); 3]);
            self.next += 1;
            return;
        }
        let (is_half_wide, is_half_high) = self.coded.is_halved;
        let [first, second] = &mut self.chroma;
        let is_new = !is_half_high || self.next.is_multiple_of(2);
        if is_new {
            let row = self.next >> u32::from(is_half_high);
            self.coded.read_row(1, row, first);
            self.coded.read_row(2, row, second);
        }
        for (column, (pixel, luma)) in pixels.enumerate() {
            let column = column >> u32::from(is_half_wide);
            let chroma = |row: &[u16]| row.get(column).copied().unwrap_or_default();
            let (first, second) = (chroma(first), chroma(second));
            *pixel = if self.is_identity {
                // stored as green, blue, red
                [
                    conversion.gray(second),
                    conversion.gray(*luma),
                    conversion.gray(first),
                ]
            } else {
                conversion.rgb(*luma, first, second)
            };
        }
        self.next += 1;
    }
}

impl Conversion {
    fn of(bit_depth: u32, code_points: CodePoints) -> Result<Self, ImagingError> {
        let (red_weight, blue_weight) = match code_points.matrix {
            1 => (0.2126, 0.0722),
            4 => (0.30, 0.11),
            7 => (0.212, 0.087),
            9 | 10 => (0.2627, 0.0593),
            // identity needs none; unspecified is BT.601 by convention
            0 | 2 | 3 | 5 | 6 => (0.299, 0.114),
            _ => {
                return Err(ImagingError::FormatUnsupported {
                    found: "AVIF with these matrix coefficients",
                });
            }
        };
        let unit = f32::from(1u16 << bit_depth.clamp(8, 12).saturating_sub(8));
        let largest = 256.0 * unit - 1.0;
        let (luma_offset, luma_range, chroma_range) = if code_points.is_full_range {
            (0.0, largest, largest)
        } else {
            (16.0 * unit, 219.0 * unit, 224.0 * unit)
        };
        Ok(Self {
            luma_offset,
            luma_scale: 255.0 / luma_range,
            chroma_offset: 128.0 * unit,
            chroma_scale: 255.0 / chroma_range,
            red_weight,
            blue_weight,
        })
    }

    fn gray(self, sample: u16) -> u8 {
        to_byte((f32::from(sample) - self.luma_offset) * self.luma_scale)
    }

    fn rgb(self, luma: u16, blue_difference: u16, red_difference: u16) -> [u8; 3] {
        let luma = (f32::from(luma) - self.luma_offset) * self.luma_scale;
        let blue_difference = (f32::from(blue_difference) - self.chroma_offset) * self.chroma_scale;
        let red_difference = (f32::from(red_difference) - self.chroma_offset) * self.chroma_scale;
        let red = luma + 2.0 * (1.0 - self.red_weight) * red_difference;
        let blue = luma + 2.0 * (1.0 - self.blue_weight) * blue_difference;
        let green_weight = 1.0 - self.red_weight - self.blue_weight;
        let green = (luma - self.red_weight * red - self.blue_weight * blue) / green_weight;
        [to_byte(red), to_byte(green), to_byte(blue)]
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of a byte first"
)]
fn to_byte(value: f32) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as u8
}
