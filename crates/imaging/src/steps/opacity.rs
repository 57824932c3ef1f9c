//! `o`: the picture fades, over nothing or over a colour.

use std::time::Instant;

use super::background;
use crate::{
    deadline::Watch, error::ImagingError, picture::Picture, plan::effects::PlannedOpacity,
};

/// Makes the picture let through what lies behind it.
///
/// Errors: `Timeout`.
pub(super) fn fade(
    picture: Picture,
    opacity: PlannedOpacity,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let faded = if opacity.percent >= 100 {
        picture
    } else {
        thinned(picture, u32::from(opacity.percent), deadline)?
    };
    match opacity.background {
        Some(color) => background::composite(faded, color, deadline),
        None => Ok(faded),
    }
}

fn thinned(
    picture: Picture,
    percent: u32,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let mut picture = picture.into_rgba();
    let mut watch = Watch::new(deadline);
    for row in picture.rows_mut() {
        let pixels = row.as_chunks_mut::<4>().0;
        watch.count(pixels.len())?;
        for [_, _, _, alpha] in pixels {
            let rest = (u32::from(*alpha) * percent + 50) / 100;
            *alpha = u8::try_from(rest).unwrap_or(u8::MAX);
        }
    }
    Ok(picture)
}
