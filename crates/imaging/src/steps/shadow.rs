//! `e-shadow`: what is opaque casts a soft shadow on what lies behind it.

use std::time::Instant;

use limpid_delivery_url::transformation::Color;

use super::{
    background::over,
    blur::{Kernel, blur},
};
use crate::{
    deadline::Watch,
    error::ImagingError,
    picture::{Channels, Picture},
    plan::effects::PlannedShadow,
};

/// Puts the shadow behind the picture.
///
/// Errors: `InvalidTransformation` where nothing of the picture is transparent; `Timeout`.
pub(super) fn cast(
    picture: Picture,
    shadow: PlannedShadow,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    if !picture.is_transparent() {
        return Err(ImagingError::InvalidTransformation {
            sentence: "e-shadow needs a picture with transparency, and this one does not have transparency"
                .to_owned(),
        });
    }
    let kernel = Kernel::gaussian(f64::from(shadow.blur), 0.0);
    let soft = blur(silhouette(&picture, shadow), &kernel, deadline)?;
    let mut picture = picture;
    let mut watch = Watch::new(deadline);
    for (row, soft) in picture.rows_mut().zip(soft.rows()) {
        let pixels = row.as_chunks_mut::<4>().0;
        watch.count(pixels.len())?;
        for (pixel, [_, _, _, alpha]) in pixels.iter_mut().zip(soft.as_chunks::<4>().0) {
            let dark = Color {
                red: 0,
                green: 0,
                blue: 0,
                alpha: *alpha,
            };
            *pixel = over(*pixel, dark);
        }
    }
    Ok(picture)
}

/// In black, thinned to the strength and moved to its place; what leaves the picture is lost.
fn silhouette(picture: &Picture, shadow: PlannedShadow) -> Picture {
    let mut cast = Picture::zeroed(picture.size, Channels::Rgba);
    let away = |offset: i32| usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
    let towards = |offset: i32| {
        if offset > 0 {
            (away(offset), 0)
        } else {
            (0, away(offset))
        }
    };
    let ((to_left, from_left), (to_top, from_top)) = (towards(shadow.x), towards(shadow.y));
    let strength = u32::from(shadow.saturation);
    let rows = cast
        .rows_mut()
        .skip(to_top)
        .zip(picture.rows().skip(from_top));
    for (row, source) in rows {
        let targets = row.as_chunks_mut::<4>().0.iter_mut().skip(to_left);
        let sources = source.as_chunks::<4>().0.iter().skip(from_left);
        for ([_, _, _, alpha], [_, _, _, opaque]) in targets.zip(sources) {
            *alpha = u8::try_from((u32::from(*opaque) * strength + 50) / 100).unwrap_or(u8::MAX);
        }
    }
    cast
}
