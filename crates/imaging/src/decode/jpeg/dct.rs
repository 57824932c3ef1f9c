//! The inverse DCT at a fraction of its size: of a block's 8 × 8 frequencies the lowest N × N make N × N pixels, which is the
//! sharpest picture of that size without frequencies it can't show. Integers only, so every machine gives the same pixels.
//!
//! Source: ITU-T T.81 section A.3.3; the transform's N-point form has the same cosines at N places, and the same scale.

#![expect(
    clippy::inline_always,
    reason = "these make up one loop, compiled twice: for any processor and for those with wide vectors"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "indices are below 8 in arrays of 8 and 64, by the types' own bounds"
)]

use std::{array, f64::consts::PI, sync::LazyLock};

/// Coefficients of a block, row by row, multiplied by their quantisation steps.
pub(super) type Coefficients = [i16; 64];

/// Bits behind the point of the cosines.
const COSINE_BITS: u32 = 12;
/// Bits behind the point of the intermediate: its values are below 2¹² in pictures, and saturate in what isn't one.
const BETWEEN_BITS: u32 = 3;
const FIRST_SHIFT: u32 = COSINE_BITS - BETWEEN_BITS;
/// The transform leaves a factor of 8.
const SECOND_SHIFT: u32 = COSINE_BITS + BETWEEN_BITS + 3;
/// Samples are stored around 0.
const LEVEL: i32 = 128;

/// What every frequency adds at every place of an N-point transform: by place, then frequency.
type Cosines = [[i16; 8]; 8];

static COSINES: LazyLock<[Cosines; 9]> = LazyLock::new(|| array::from_fn(cosines));

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "numbers up to 16, and cosines of 13 bits"
)]
fn cosines(points: usize) -> Cosines {
    let cosine = |place: usize, frequency: usize| {
        if place >= points || frequency >= points {
            return 0;
        }
        let angle = (2 * place + 1) as f64 * frequency as f64 * PI / (2 * points) as f64;
        let norm = if frequency == 0 { 1.0 } else { 2.0_f64.sqrt() };
        (norm * angle.cos() * f64::from(1 << COSINE_BITS)).round() as i16
    };
    array::from_fn(|place| array::from_fn(|frequency| cosine(place, frequency)))
}

/// The mean of a block.
#[inline(always)]
pub(super) fn mean(dc: i32) -> u8 {
    to_sample((dc.wrapping_add(4)) >> 3)
}

/// Makes N × N pixels at the start of `rows`, which are `stride` apart.
pub(super) fn inverse<const N: usize>(coefficients: &Coefficients, rows: &mut [u8], stride: usize) {
    let cosines = &COSINES[N];
    let rounded = |sum: i32, shift: u32| (sum + (1 << (shift - 1))) >> shift;
    let mut between = [[0_i16; N]; N];
    for (row, cosines) in between.iter_mut().zip(cosines) {
        for (column, value) in row.iter_mut().enumerate() {
            let products = coefficients.iter().skip(column).step_by(8).zip(cosines);
            let sum = products
                .map(|(coefficient, cosine)| i32::from(*coefficient) * i32::from(*cosine))
                .sum();
            *value = saturated(rounded(sum, FIRST_SHIFT));
        }
    }
    for (row, out) in between.iter().zip(rows.chunks_mut(stride)) {
        for (sample, cosines) in out.iter_mut().zip(cosines).take(N) {
            let products = row.iter().zip(cosines);
            let sum = products
                .map(|(value, cosine)| i32::from(*value) * i32::from(*cosine))
                .sum();
            *sample = to_sample(rounded(sum, SECOND_SHIFT));
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to the range first"
)]
fn saturated(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[inline(always)]
#[expect(
    clippy::cast_sign_loss,
    reason = "clamped to the range of a byte first"
)]
fn to_sample(value: i32) -> u8 {
    value.wrapping_add(LEVEL).clamp(0, 255) as u8
}

#[cfg(target_arch = "x86_64")]
pub(super) mod wide;
