//! `o`: the picture fades, over nothing or over a colour.

use super::background;
use crate::{picture::Picture, plan::effects::PlannedOpacity};

/// Makes the picture let through what lies behind it.
pub(super) fn fade(picture: Picture, opacity: PlannedOpacity) -> Picture {
    let faded = if opacity.percent >= 100 {
        picture
    } else {
        thinned(picture, u32::from(opacity.percent))
    };
    match opacity.background {
        Some(color) => background::composite(faded, color),
        None => faded,
    }
}

fn thinned(picture: Picture, percent: u32) -> Picture {
    let mut picture = picture.into_rgba();
    for [_, _, _, alpha] in picture.pixels.as_chunks_mut::<4>().0 {
        let rest = (u32::from(*alpha) * percent + 50) / 100;
        *alpha = u8::try_from(rest).unwrap_or(u8::MAX);
    }
    picture
}
