//! Unsharp masking: what a blur takes away is added once more.

use std::time::Instant;

use limpid_delivery_url::transformation::UnsharpMask;

use super::{
    blur::{Kernel, blur},
    channel::clamped,
};
use crate::{deadline::Watch, error::ImagingError, picture::Picture};

/// Amounts are in 2⁻⁸; the largest the grammar allows, 1000 times 255 levels, fits 32 bits.
const AMOUNT_UNIT: f64 = 256.0;
/// Source: the grammar, `imagekit.md` 5.7 allows any.
const MAX_AMOUNT: f64 = 1_000.0;

/// `e-sharpen` and `e-usm`. The threshold is a fraction of all levels, below which differences are left alone.
///
/// Errors: `Timeout`.
pub(super) fn sharpen(
    picture: Picture,
    mask: UnsharpMask,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let kernel = Kernel::gaussian(mask.sigma, mask.radius);
    let blurred = blur(picture.clone(), &kernel, deadline)?;
    let amount = rounded(mask.amount.clamp(0.0, MAX_AMOUNT) * AMOUNT_UNIT);
    let threshold = rounded((mask.threshold * 255.0).clamp(0.0, 255.0));
    let sharpened = |(channel, blurred): (&mut u8, &u8)| {
        let difference = i32::from(*channel) - i32::from(*blurred);
        let added = if difference.abs() > threshold {
            difference * amount
        } else {
            0
        };
        *channel = clamped(i32::from(*channel) + ((added + 128) >> 8));
    };
    let mut picture = picture;
    let (count, width) = (picture.channels.count(), picture.size.width as usize);
    let mut watch = Watch::new(deadline);
    for (row, blurred) in picture.rows_mut().zip(blurred.rows()) {
        watch.count(width)?;
        let pixels = row.chunks_exact_mut(count);
        for (pixel, blurred) in pixels.zip(blurred.chunks_exact(count)) {
            pixel.iter_mut().zip(blurred).take(3).for_each(sharpened);
        }
    }
    Ok(picture)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to small ranges first"
)]
fn rounded(value: f64) -> i32 {
    value.round() as i32
}
