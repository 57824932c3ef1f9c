//! Luma and chroma to RGB.
//!
//! Source: ITU-T H.273 section 8.3 (matrix coefficients, range).

use super::av1::{Coded, SamplePlane};
use crate::{
    error::ImagingError,
    picture::{Channels, Picture, pixel_count},
    probe::avif::CodePoints,
};

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

pub(super) fn to_rgb(coded: &Coded, code_points: CodePoints) -> Result<Picture, ImagingError> {
    let conversion = Conversion::of(coded.bit_depth, code_points)?;
    let mut pixels = Vec::with_capacity(pixel_count(coded.size) * 3);
    match coded.planes.as_slice() {
        [luma, first, second] => {
            let is_identity = code_points.matrix == 0;
            let (is_half_wide, is_half_high) = coded.is_halved;
            for (row, lumas) in luma.samples.chunks_exact(luma.width).enumerate() {
                let chroma_row = if is_half_high { row / 2 } else { row };
                let (first, second) = (row_of(first, chroma_row), row_of(second, chroma_row));
                for (column, luma) in lumas.iter().enumerate() {
                    let column = if is_half_wide { column / 2 } else { column };
                    let chroma = |row: &[u16]| row.get(column).copied().unwrap_or_default();
                    let (first, second) = (chroma(first), chroma(second));
                    pixels.extend(if is_identity {
                        // stored as green, blue, red
                        [
                            conversion.gray(second),
                            conversion.gray(*luma),
                            conversion.gray(first),
                        ]
                    } else {
                        conversion.rgb(*luma, first, second)
                    });
                }
            }
        }
        [luma, ..] => pixels.extend(
            luma.samples
                .iter()
                .flat_map(|sample| [conversion.gray(*sample); 3]),
        ),
        [] => {}
    }
    Ok(Picture {
        size: coded.size,
        channels: Channels::Rgb,
        pixels,
    })
}

fn row_of(plane: &SamplePlane, row: usize) -> &[u16] {
    plane
        .samples
        .get(row * plane.width..)
        .and_then(|rest| rest.get(..plane.width))
        .unwrap_or_default()
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
