//! Gaussian blur in time that doesn't depend on its radius.
//!
//! Small kernels are applied as they are; large ones as three box filters of the same variance, each a running sum.
//! Colours are multiplied by alpha for it, in 16 bits, so that clear neighbours lend no colour. Pixels beyond the edge
//! look like the edge.
//!
//! Both directions use the same code on strips: some rows, or some columns, copied so that the pixels that belong to one
//! position along the filter lie together. The inner loops then run over neighbours in memory.

use std::time::Instant;

use crate::{
    deadline::Watch,
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
};

/// Channel values handled together at one position along the filter; two buffers of a strip of 4000 px fit the level 2 cache.
const LANES: usize = 96;
/// From here on three boxes are as good as the kernel, and cheaper. Units: px.
const BOX_SIGMA: f64 = 2.0;
/// Farther than this from its middle a Gaussian is below a 16-bit step. Units: standard deviations.
const REACH: f64 = 3.0;
/// A kernel of weights reaches at most this far. Units: px.
const MAX_WEIGHTED_REACH: u32 = 6;
/// Weights are in 2⁻¹⁵.
const WEIGHT_BITS: u32 = 15;

/// A filter for one direction.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kernel {
    /// Weights from the middle outwards, which with their mirror image sum to 2¹⁵.
    Weights(Vec<u32>),
    /// How far each of three boxes reaches to either side. Units: px.
    Boxes([u32; 3]),
}

impl Kernel {
    /// A Gaussian of this standard deviation, cut off at `reach` where that is above 0. Units: px.
    pub(super) fn gaussian(sigma: f64, reach: f64) -> Self {
        let sigma = if sigma.is_finite() {
            sigma.clamp(0.0, 1_000.0)
        } else {
            0.0
        };
        let full = (sigma * REACH).ceil();
        let reach = if reach > 0.0 {
            reach.ceil().min(full)
        } else {
            full
        };
        if sigma < BOX_SIGMA || reach <= f64::from(MAX_WEIGHTED_REACH) {
            return Self::Weights(weights(sigma, whole(reach).min(MAX_WEIGHTED_REACH)));
        }
        Self::Boxes(boxes(variance(sigma, whole(reach))))
    }

    fn is_identity(&self) -> bool {
        match self {
            Self::Weights(weights) => weights.len() <= 1,
            Self::Boxes(reaches) => *reaches == [0; 3],
        }
    }
}

/// Blurs in both directions.
///
/// Errors: `Timeout`.
pub(super) fn blur(
    picture: Picture,
    kernel: &Kernel,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    if kernel.is_identity() {
        return Ok(picture);
    }
    match picture.channels {
        Channels::Rgb => blurred::<3>(picture, kernel, deadline),
        Channels::Rgba => blurred::<4>(picture, kernel, deadline),
    }
}

fn blurred<const N: usize>(
    mut picture: Picture,
    kernel: &Kernel,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let mut watch = Watch::new(deadline);
    let Size { width, height } = picture.size;
    let (width, height) = (width as usize, height as usize);
    let mut across = vec![[0_u16; N]; width * height];
    let mut strip = Strip::new(kernel);
    let rows = LANES / N;
    let bands = picture.pixels.as_chunks::<N>().0.chunks(width * rows);
    for (from, to) in bands.zip(across.chunks_mut(width * rows)) {
        let lines = from.len() / width;
        watch.count(from.len())?;
        strip.load(width, lines, |position, line| {
            from.get(line * width + position)
                .map(|pixel| weighted(*pixel))
        });
        strip.filter(width, lines * N);
        strip.store(width, lines, |position, line, value| {
            if let Some(target) = to.get_mut(line * width + position) {
                *target = value;
            }
        });
    }
    let pixels = picture.pixels.as_chunks_mut::<N>().0;
    for first in (0..width).step_by(rows) {
        let lines = rows.min(width - first);
        watch.count(lines * height)?;
        strip.load(height, lines, |position, line| {
            across.get(position * width + first + line).copied()
        });
        strip.filter(height, lines * N);
        strip.store(height, lines, |position, line, value| {
            if let Some(target) = pixels.get_mut(position * width + first + line) {
                *target = unweighted(value);
            }
        });
    }
    Ok(picture)
}

/// Colour times alpha.
fn weighted<const N: usize>(pixel: [u8; N]) -> [u16; N] {
    let alpha = if N == 4 {
        pixel.last().copied().unwrap_or(u8::MAX)
    } else {
        u8::MAX
    };
    let mut weighted = pixel.map(|channel| u16::from(channel) * u16::from(alpha));
    if N == 4
        && let Some(last) = weighted.last_mut()
    {
        *last = u16::from(alpha) * 255;
    }
    weighted
}

fn unweighted<const N: usize>(pixel: [u16; N]) -> [u8; N] {
    let byte = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
    if N != 4 {
        return pixel.map(|channel| byte((u32::from(channel) + 127) / 255));
    }
    let alpha = u32::from(pixel.last().copied().unwrap_or_default());
    if alpha < 128 {
        return [0; N];
    }
    let mut straight = pixel.map(|channel| byte((u32::from(channel) * 255 + alpha / 2) / alpha));
    if let Some(last) = straight.last_mut() {
        *last = byte((alpha + 127) / 255);
    }
    straight
}

/// Some lines of a picture side by side, and the filter that runs along them.
struct Strip<'a> {
    kernel: &'a Kernel,
    values: Vec<u16>,
    /// The result of the pass before.
    spare: Vec<u16>,
}

impl<'a> Strip<'a> {
    fn new(kernel: &'a Kernel) -> Self {
        Self {
            kernel,
            values: Vec::new(),
            spare: Vec::new(),
        }
    }

    fn load<const N: usize>(
        &mut self,
        length: usize,
        lines: usize,
        pixel: impl Fn(usize, usize) -> Option<[u16; N]>,
    ) {
        self.values.resize(length * lines * N, 0);
        self.spare.resize(length * lines * N, 0);
        let groups = self.values.as_chunks_mut::<N>().0.chunks_mut(lines.max(1));
        for (position, group) in groups.enumerate() {
            for (line, value) in group.iter_mut().enumerate() {
                *value = pixel(position, line).unwrap_or([0; N]);
            }
        }
    }

    fn store<const N: usize>(
        &self,
        length: usize,
        lines: usize,
        mut put: impl FnMut(usize, usize, [u16; N]),
    ) {
        let groups = self.values.as_chunks::<N>().0.chunks(lines.max(1));
        for (position, group) in groups.enumerate().take(length) {
            for (line, value) in group.iter().enumerate() {
                put(position, line, *value);
            }
        }
    }

    fn filter(&mut self, length: usize, lanes: usize) {
        match self.kernel {
            Kernel::Weights(weights) => {
                weighted_pass(&self.values, &mut self.spare, (length, lanes), weights);
                std::mem::swap(&mut self.values, &mut self.spare);
            }
            Kernel::Boxes(reaches) => {
                for reach in reaches {
                    box_pass(
                        &self.values,
                        &mut self.spare,
                        (length, lanes),
                        *reach as usize,
                    );
                    std::mem::swap(&mut self.values, &mut self.spare);
                }
            }
        }
    }
}

/// The values at one position; positions beyond the end are the last one.
fn at(values: &[u16], position: usize, (length, lanes): (usize, usize)) -> &[u16] {
    let start = position.min(length.saturating_sub(1)) * lanes;
    values.get(start..start + lanes).unwrap_or_default()
}

fn weighted_pass(from: &[u16], to: &mut [u16], shape: (usize, usize), weights: &[u32]) {
    let mut sums = [0_u32; LANES];
    for (position, group) in to.chunks_exact_mut(shape.1.max(1)).enumerate() {
        sums.fill(1 << (WEIGHT_BITS - 1));
        for (distance, weight) in weights.iter().enumerate() {
            let before = at(from, position.saturating_sub(distance), shape);
            let after = at(from, position + distance, shape);
            for ((sum, before), after) in sums.iter_mut().zip(before).zip(after) {
                *sum += (u32::from(*before) + u32::from(*after)) * weight;
            }
        }
        for (to, sum) in group.iter_mut().zip(&sums) {
            *to = u16::try_from(sum >> WEIGHT_BITS).unwrap_or(u16::MAX);
        }
    }
}

fn box_pass(from: &[u16], to: &mut [u16], shape: (usize, usize), reach: usize) {
    let mut sums = [0_u32; LANES];
    let count = 2 * reach + 1;
    // a sum over 2ᵏ ≥ count fits 16 bits, and 2ᵏ / count in 2⁻¹⁵ does too: then products fit 32, which any processor
    // multiplies several of at once. What rounding costs is a hundredth of a level.
    let shift = count.next_power_of_two().trailing_zeros();
    let half = (1_u32 << shift) >> 1;
    let factor = (1_u64 << (15 + shift)) + reach as u64;
    let factor = u32::try_from(factor / count as u64).unwrap_or(u32::MAX);
    for offset in 0..=2 * reach {
        for (sum, value) in sums
            .iter_mut()
            .zip(at(from, offset.saturating_sub(reach), shape))
        {
            *sum += u32::from(*value);
        }
    }
    for (position, group) in to.chunks_exact_mut(shape.1.max(1)).enumerate() {
        let leaving = at(from, position.saturating_sub(reach), shape);
        let entering = at(from, position + reach + 1, shape);
        let changes = sums.iter_mut().zip(leaving).zip(entering);
        for (to, ((sum, leaving), entering)) in group.iter_mut().zip(changes) {
            let mean = (((*sum + half) >> shift) * factor + (1 << 14)) >> 15;
            *to = u16::try_from(mean).unwrap_or(u16::MAX);
            *sum = *sum + u32::from(*entering) - u32::from(*leaving);
        }
    }
}

/// The middle counts twice where a pass adds both sides, so its weight is halved.
fn weights(sigma: f64, reach: u32) -> Vec<u32> {
    if sigma <= 0.0 || reach == 0 {
        return vec![1 << (WEIGHT_BITS - 1)];
    }
    let exact: Vec<f64> = (0..=reach)
        .map(|distance| gaussian(sigma, distance))
        .collect();
    let sum: f64 = 2.0 * exact.iter().sum::<f64>() - exact.first().copied().unwrap_or(0.0);
    let unit = f64::from(1_u32 << WEIGHT_BITS) / sum;
    let mut weights: Vec<u32> = exact
        .iter()
        .map(|weight| whole((weight * unit).round()))
        .collect();
    let outer: u32 = weights.iter().skip(1).sum();
    if let Some(middle) = weights.first_mut() {
        // what rounding lost or gained goes to the middle, so that an even picture stays as it is
        *middle = ((1 << WEIGHT_BITS) - 2 * outer) / 2;
    }
    weights
}

fn gaussian(sigma: f64, distance: u32) -> f64 {
    let ratio = f64::from(distance) / sigma;
    (-0.5 * ratio * ratio).exp()
}

/// Of a Gaussian cut off at `reach`. Units: px².
fn variance(sigma: f64, reach: u32) -> f64 {
    let (mut sum, mut squares) = (0.0, 0.0);
    for distance in 0..=reach {
        let sides = if distance == 0 { 1.0 } else { 2.0 };
        let weight = sides * gaussian(sigma, distance);
        sum += weight;
        squares += weight * f64::from(distance) * f64::from(distance);
    }
    squares / sum
}

/// Three boxes that together have this variance, as nearly as whole pixels allow. A box of width w has (w² − 1) / 12.
fn boxes(variance: f64) -> [u32; 3] {
    let width = (4.0 * variance + 1.0).sqrt();
    let narrow = whole(((width - 1.0) / 2.0).floor());
    let of_width = |reach: u32| {
        let width = f64::from(2 * reach + 1);
        (width * width - 1.0) / 12.0
    };
    let missing = variance - 3.0 * of_width(narrow);
    let step = of_width(narrow + 1) - of_width(narrow);
    let wider = whole((missing / step).round()).min(3);
    let reach = |index: u32| if index < wider { narrow + 1 } else { narrow };
    [reach(0), reach(1), reach(2)]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "kernel sizes: thousands at most; casts saturate"
)]
fn whole(value: f64) -> u32 {
    value.max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_three_boxes_have_the_variance_asked_for() {
        for sigma in [0.3, 0.5, 1.0, 1.5, 1.99] {
            let Kernel::Weights(weights) = Kernel::gaussian(sigma, 0.0) else {
                panic!("{sigma} needs no boxes");
            };
            assert_eq!(2 * weights.iter().sum::<u32>(), 1 << WEIGHT_BITS, "{sigma}");
        }
        for sigma in [2.4, 3.7, 10.0, 55.0, 100.0] {
            let Kernel::Boxes(reaches) = Kernel::gaussian(sigma, 0.0) else {
                panic!("{sigma} is too wide for weights");
            };
            let variance: f64 = reaches
                .iter()
                .map(|reach| (f64::from(2 * reach + 1).powi(2) - 1.0) / 12.0)
                .sum();
            let error = (variance.sqrt() - sigma).abs() / sigma;
            assert!(error < 0.06, "{sigma}: {reaches:?}, {variance}");
        }
        assert!(Kernel::gaussian(0.0, 0.0).is_identity());
        assert!(Kernel::gaussian(f64::NAN, f64::NAN).is_identity());
    }

    #[test]
    fn a_bright_block_becomes_a_symmetric_hill_of_the_same_sum() {
        for sigma in [1.0, 3.0] {
            let size = Size {
                width: 61,
                height: 61,
            };
            let mut picture = Picture::filled(size, Channels::Rgb, [0, 0, 0, 255]);
            // one pixel spread thin would be less than half a level everywhere
            for y in 20..41 {
                for x in 20..41 {
                    picture.pixels[(y * 61 + x) * 3] = 200;
                }
            }
            let sum: u64 = picture.pixels.iter().map(|value| u64::from(*value)).sum();
            let hill = blur(picture, &Kernel::gaussian(sigma, 0.0), None).expect("in time");
            let after: u64 = hill.pixels.iter().map(|value| u64::from(*value)).sum();
            assert!(sum.abs_diff(after) * 200 < sum, "{sigma}: {sum} {after}");
            let red = |x: usize, y: usize| hill.pixels[(y * 61 + x) * 3];
            assert_eq!(red(18, 30), red(42, 30));
            assert_eq!(red(30, 18), red(18, 30));
        }
    }
}
