//! Rotation by any angle, sampled between the four nearest pixels.

use limpid_delivery_url::transformation::Color;

use super::background::{channels_for, pixel_of};
use crate::{
    geometry::Size,
    picture::{Channels, Picture},
};

/// Opaque pictures have black corners unless `bg` says otherwise; transparent ones transparent corners.
const BLACK: Color = Color {
    red: 0,
    green: 0,
    blue: 0,
    alpha: u8::MAX,
};
const CLEAR: Color = Color {
    red: 0,
    green: 0,
    blue: 0,
    alpha: 0,
};

/// Turns clockwise about the centre into a picture of size `to`, which the plan has made large enough.
pub(super) fn rotate(picture: Picture, degrees: f64, to: Size, corners: Option<Color>) -> Picture {
    let default = if picture.channels == Channels::Rgba {
        CLEAR
    } else {
        BLACK
    };
    let color = corners.unwrap_or(default);
    let channels = channels_for(picture.channels, color);
    let source = if channels == Channels::Rgba {
        picture.into_rgba()
    } else {
        picture
    };
    match channels {
        Channels::Rgb => turn::<3>(&source, degrees, to, color),
        Channels::Rgba => turn::<4>(&source, degrees, to, color),
    }
}

fn turn<const N: usize>(source: &Picture, degrees: f64, to: Size, color: Color) -> Picture {
    let mut result = Picture::filled(to, source.channels, pixel_of(color));
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let center = |size: Size| (f64::from(size.width) / 2.0, f64::from(size.height) / 2.0);
    let ((source_x, source_y), (target_x, target_y)) = (center(source.size), center(to));
    let sampler = Sampler::<N> {
        pixels: source.pixels.as_chunks().0,
        size: source.size,
        outside: pixel_of(color),
    };
    for (row, y) in result.rows_mut().zip(0u32..) {
        let down = f64::from(y) + 0.5 - target_y;
        for (pixel, x) in row.as_chunks_mut::<N>().0.iter_mut().zip(0u32..) {
            let across = f64::from(x) + 0.5 - target_x;
            // the inverse rotation, from pixel centre to pixel centre
            let from_x = across * cosine + down * sine + source_x - 0.5;
            let from_y = down * cosine - across * sine + source_y - 0.5;
            if let Some(sample) = sampler.at(from_x, from_y) {
                *pixel = sample;
            }
        }
    }
    result
}

struct Sampler<'a, const N: usize> {
    pixels: &'a [[u8; N]],
    size: Size,
    outside: [u8; 4],
}

impl<const N: usize> Sampler<'_, N> {
    /// `None` where no pixel of the source is within reach.
    fn at(&self, x: f64, y: f64) -> Option<[u8; N]> {
        let (width, height) = (f64::from(self.size.width), f64::from(self.size.height));
        if x <= -1.0 || y <= -1.0 || x >= width || y >= height {
            return None;
        }
        let (left, top) = (x.floor(), y.floor());
        let (right_part, bottom_part) = (x - left, y - top);
        let mut sums = [0.0; N];
        let mut opacity = 0.0;
        for (column, row, weight) in [
            (left, top, (1.0 - right_part) * (1.0 - bottom_part)),
            (left + 1.0, top, right_part * (1.0 - bottom_part)),
            (left, top + 1.0, (1.0 - right_part) * bottom_part),
            (left + 1.0, top + 1.0, right_part * bottom_part),
        ] {
            let pixel = self.pixel(column, row);
            // colours weigh by their opacity, so that clear neighbours don't darken an edge
            let alpha = if N == 4 {
                f64::from(pixel.last().copied().unwrap_or(u8::MAX)) / 255.0
            } else {
                1.0
            };
            opacity += weight * alpha;
            for (sum, channel) in sums.iter_mut().zip(pixel) {
                *sum += weight * alpha * f64::from(channel);
            }
        }
        let mut sample = sums.map(|sum| {
            if opacity > 0.0 {
                to_byte(sum / opacity)
            } else {
                0
            }
        });
        if N == 4
            && let Some(alpha) = sample.last_mut()
        {
            *alpha = to_byte(opacity * 255.0);
        }
        Some(sample)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked against the size first"
    )]
    fn pixel(&self, column: f64, row: f64) -> [u8; N] {
        let is_inside = column >= 0.0
            && row >= 0.0
            && column < f64::from(self.size.width)
            && row < f64::from(self.size.height);
        let index = row.max(0.0) as usize * self.size.width as usize + column.max(0.0) as usize;
        let outside = || self.outside.first_chunk().copied().unwrap_or([0; N]);
        if is_inside {
            self.pixels.get(index).copied().unwrap_or_else(outside)
        } else {
            outside()
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of a byte first"
)]
fn to_byte(value: f64) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as u8
}
