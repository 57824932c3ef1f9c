//! Pictures read between their pixels, for whatever doesn't map pixels to pixels.

use std::time::Instant;

use limpid_delivery_url::transformation::Color;

use super::background::{channels_for, pixel_of};
use crate::{
    deadline::Watch,
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
};

/// Opaque pictures stand on black unless `bg` says otherwise; transparent ones on nothing.
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

/// Makes a picture of size `to`: each pixel's centre is looked up in the source at the place `inverse` gives, mixed from the
/// four nearest pixels. Where it gives none, or one outside, `outside` shows.
///
/// Errors: `Timeout`.
pub(super) fn warp(
    source: Picture,
    (to, outside): (Size, Option<Color>),
    deadline: Option<Instant>,
    inverse: impl Fn(f64, f64) -> Option<(f64, f64)>,
) -> Result<Picture, ImagingError> {
    let watch = Watch::new(deadline);
    let default = if source.channels == Channels::Rgba {
        CLEAR
    } else {
        BLACK
    };
    let color = outside.unwrap_or(default);
    let channels = channels_for(source.channels, color);
    match channels {
        Channels::Rgb => warped::<3>(&source, (to, color), watch, inverse),
        Channels::Rgba => warped::<4>(&source.into_rgba(), (to, color), watch, inverse),
    }
}

fn warped<const N: usize>(
    source: &Picture,
    (to, color): (Size, Color),
    mut watch: Watch,
    inverse: impl Fn(f64, f64) -> Option<(f64, f64)>,
) -> Result<Picture, ImagingError> {
    let mut result = Picture::filled(to, source.channels, pixel_of(color));
    let sampler = Sampler::<N> {
        pixels: source.pixels.as_chunks().0,
        size: source.size,
        outside: pixel_of(color).first_chunk().copied().unwrap_or([0; N]),
    };
    for (row, y) in result.rows_mut().zip(0_u32..) {
        let y = f64::from(y) + 0.5;
        watch.count(to.width as usize)?;
        for (pixel, x) in row.as_chunks_mut::<N>().0.iter_mut().zip(0_u32..) {
            if let Some((from_x, from_y)) = inverse(f64::from(x) + 0.5, y)
                && let Some(sample) = sampler.at(from_x - 0.5, from_y - 0.5)
            {
                *pixel = sample;
            }
        }
    }
    Ok(result)
}

struct Sampler<'a, const N: usize> {
    pixels: &'a [[u8; N]],
    size: Size,
    outside: [u8; N],
}

impl<const N: usize> Sampler<'_, N> {
    /// The colour at a place, whole numbers being centres of pixels; `None` where no pixel of the source is within reach.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked against the size first"
    )]
    fn at(&self, x: f64, y: f64) -> Option<[u8; N]> {
        let (width, height) = (f64::from(self.size.width), f64::from(self.size.height));
        // so written, nothing that isn't a number passes
        if !(x > -1.0 && y > -1.0 && x < width && y < height) {
            return None;
        }
        // both are above -1, so that one more makes them positive, and cutting off is rounding down
        let fixed = |place: f64| ((place + 1.0) * 256.0 + 0.5) as i64;
        let (fixed_x, fixed_y) = (fixed(x), fixed(y));
        let (left, top) = ((fixed_x >> 8) - 1, (fixed_y >> 8) - 1);
        let (right_part, bottom_part) = ((fixed_x & 255) as u32, (fixed_y & 255) as u32);
        let weights = [
            (256 - right_part) * (256 - bottom_part),
            right_part * (256 - bottom_part),
            (256 - right_part) * bottom_part,
            right_part * bottom_part,
        ];
        let pixels = self.four(left, top);
        Some(
            if N == 4 && pixels.iter().any(|pixel| pixel.last() != Some(&u8::MAX)) {
                transparent(pixels, weights)
            } else {
                opaque(pixels, weights)
            },
        )
    }

    /// A pixel, its right neighbour and the two below.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be inside first, and what is inside is in memory"
    )]
    fn four(&self, left: i64, top: i64) -> [[u8; N]; 4] {
        let width = i64::from(self.size.width);
        let is_within = |x: i64, y: i64| {
            (0..width).contains(&x) && (0..i64::from(self.size.height)).contains(&y)
        };
        if is_within(left, top) && is_within(left + 1, top + 1) {
            let first = (top * width + left) as usize;
            let below = first + self.size.width as usize;
            let pair = |start: usize| self.pixels.get(start..)?.first_chunk::<2>();
            if let (Some([a, b]), Some([c, d])) = (pair(first), pair(below)) {
                return [*a, *b, *c, *d];
            }
        }
        let pixel = |x: i64, y: i64| {
            let index = (y * width + x) as usize;
            self.pixels.get(index).copied().unwrap_or(self.outside)
        };
        [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(across, down)| {
            let (x, y) = (left + across, top + down);
            if is_within(x, y) {
                pixel(x, y)
            } else {
                self.outside
            }
        })
    }
}

/// Units: weights in 2⁻¹⁶, together 1.
fn opaque<const N: usize>(pixels: [[u8; N]; 4], weights: [u32; 4]) -> [u8; N] {
    let mut sums = [1_u32 << 15; N];
    for (pixel, weight) in pixels.iter().zip(weights) {
        for (sum, channel) in sums.iter_mut().zip(pixel) {
            *sum += weight * u32::from(*channel);
        }
    }
    sums.map(|sum| u8::try_from(sum >> 16).unwrap_or(u8::MAX))
}

/// Colours weigh by their opacity, so that clear neighbours don't darken an edge. 2¹⁶ · 255 · 255 just fits 32 bits.
fn transparent<const N: usize>(pixels: [[u8; N]; 4], weights: [u32; 4]) -> [u8; N] {
    let mut sums = [0_u32; N];
    let mut opacity = 0;
    for (pixel, weight) in pixels.iter().zip(weights) {
        let weight = weight * u32::from(pixel.last().copied().unwrap_or(u8::MAX));
        opacity += weight;
        for (sum, channel) in sums.iter_mut().zip(pixel) {
            *sum += weight * u32::from(*channel);
        }
    }
    let divisor = opacity.max(1);
    // 64 bits, because rounding adds to what just fits
    let nearest = |sum: u32| (u64::from(sum) + u64::from(divisor / 2)) / u64::from(divisor);
    let mut sample = sums.map(|sum| u8::try_from(nearest(sum)).unwrap_or(u8::MAX));
    if let Some(alpha) = sample.last_mut() {
        *alpha = u8::try_from((opacity + (1 << 15)) >> 16).unwrap_or(u8::MAX);
    }
    sample
}
