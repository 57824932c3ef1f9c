//! `cr`: one colour becomes another.

use std::time::Instant;

use limpid_delivery_url::transformation::ReplaceColor;

use super::{
    channel::{clamped, mixed, scaled},
    dominant::dominant,
};
use crate::{
    deadline::Watch,
    error::ImagingError,
    picture::{Channels, Picture},
};

/// From here to the tolerance the replacement fades out, so that soft edges stay soft. Units: 256ths of the tolerance.
const FADE_FROM: u32 = 192;
/// Black and white are this far apart. Units: levels.
const LARGEST_DISTANCE: f64 = 441.672_955_930_063_7;

/// Replaces colours within the tolerance. Shades of the old colour become the same shades of the new one.
///
/// Errors: `Timeout`.
pub(super) fn replace(
    picture: Picture,
    replace: ReplaceColor,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let mut watch = Watch::new(deadline);
    let from = replace.from.unwrap_or_else(|| dominant(&picture));
    let weights = weights(replace.tolerance);
    let reach = u32::try_from(weights.len()).unwrap_or(u32::MAX);
    let swap = Swap {
        farthest: reach.saturating_mul(reach),
        from: [from.red, from.green, from.blue].map(i32::from),
        to: [replace.to.red, replace.to.green, replace.to.blue].map(i32::from),
        weights,
    };
    if replace.to.alpha == u8::MAX && picture.channels == Channels::Rgb {
        let mut picture = picture;
        for row in picture.rows_mut() {
            let pixels = row.as_chunks_mut::<3>().0;
            watch.count(pixels.len())?;
            for pixel in pixels {
                *pixel = swap.apply(*pixel).0;
            }
        }
        return Ok(picture);
    }
    let mut picture = picture.into_rgba();
    for row in picture.rows_mut() {
        let pixels = row.as_chunks_mut::<4>().0;
        watch.count(pixels.len())?;
        for pixel in pixels {
            let [red, green, blue, alpha] = *pixel;
            let ([red, green, blue], weight) = swap.apply([red, green, blue]);
            let through = mixed(u8::MAX, replace.to.alpha, weight);
            *pixel = [red, green, blue, scaled(alpha, through)];
        }
    }
    Ok(picture)
}

struct Swap {
    from: [i32; 3],
    to: [i32; 3],
    /// Square of the largest distance at which anything is replaced.
    farthest: u32,
    /// How much is replaced at each distance. Units: 256ths; the index in levels.
    weights: Vec<u32>,
}

impl Swap {
    fn apply(&self, color: [u8; 3]) -> ([u8; 3], u32) {
        let mut squares = 0_u32;
        for (channel, from) in color.iter().zip(self.from) {
            squares += (i32::from(*channel) - from).unsigned_abs().pow(2);
        }
        if squares > self.farthest {
            return (color, 0);
        }
        let distance = squares.isqrt() as usize;
        let weight = self.weights.get(distance).copied().unwrap_or_default();
        if weight == 0 {
            return (color, 0);
        }
        let mut replaced = color;
        for ((channel, from), to) in replaced.iter_mut().zip(self.from).zip(self.to) {
            let shade = clamped(i32::from(*channel) - from + to);
            *channel = mixed(*channel, shade, weight);
        }
        (replaced, weight)
    }
}

/// By distance, as far as anything is replaced.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 442"
)]
fn weights(tolerance: u8) -> Vec<u32> {
    let reach = (f64::from(tolerance.min(100)) / 100.0 * LARGEST_DISTANCE).round() as u32;
    let part = |distance: u32| distance * 256 / reach.max(1);
    let weight = |distance: u32| {
        let beyond = part(distance).saturating_sub(FADE_FROM);
        256 - (beyond * 256 / (257 - FADE_FROM)).min(256)
    };
    (0..=reach).map(weight).collect()
}
