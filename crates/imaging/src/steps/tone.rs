//! Colour by colour: grey, contrast, tint.

use std::time::Instant;

use limpid_delivery_url::transformation::Colorize;

use super::channel::{clamped, luma, map_colors, mixed};
use crate::{
    deadline::Watch,
    error::ImagingError,
    picture::{Channels, Picture},
};

/// Part of the pixels at either end that `e-contrast` lets go, so that a few specks don't prevent it: one in this many.
const CLIPPED_ONE_IN: u64 = 200;

/// `e-grayscale`
///
/// Errors: `Timeout`, like those of its neighbours.
pub(super) fn grayscale(
    mut picture: Picture,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    map_colors(&mut picture, deadline, |color| [luma(color); 3])?;
    Ok(picture)
}

/// `e-contrast`: the brightnesses that occur are stretched over all there are, for the three channels alike so that hues
/// stay.
pub(super) fn contrast(
    mut picture: Picture,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let histogram = brightnesses(&picture, deadline)?;
    let total: u64 = histogram.iter().sum();
    let enough = total / CLIPPED_ONE_IN;
    let dark = level_of(histogram.into_iter().zip(0..256), enough);
    let bright = level_of(histogram.into_iter().zip(0..256).rev(), enough);
    let (Some(dark), Some(bright)) = (dark, bright) else {
        return Ok(picture);
    };
    let range = bright - dark;
    if range <= 0 || range >= 255 {
        return Ok(picture);
    }
    let mut stretched = [0; 256];
    for (to, level) in stretched.iter_mut().zip(0..) {
        *to = clamped(((level - dark) * 255 + range / 2).div_euclid(range));
    }
    let stretch = |level: u8| stretched.get(usize::from(level)).copied().unwrap_or(level);
    map_colors(&mut picture, deadline, |color| color.map(stretch))?;
    Ok(picture)
}

/// The level at which more than `enough` pixels have been counted.
fn level_of(mut levels: impl Iterator<Item = (u64, i32)>, enough: u64) -> Option<i32> {
    let mut sum = 0;
    let reached = levels.find(|(count, _)| {
        sum += count;
        sum > enough
    });
    reached.map(|(_, level)| level)
}

/// Of everything that can be seen.
fn brightnesses(picture: &Picture, deadline: Option<Instant>) -> Result<[u64; 256], ImagingError> {
    let mut watch = Watch::new(deadline);
    let mut histogram = [0; 256];
    let mut count = |color| {
        if let Some(count) = histogram.get_mut(usize::from(luma(color))) {
            *count += 1;
        }
    };
    for row in picture.rows() {
        watch.count(picture.size.width as usize)?;
        match picture.channels {
            Channels::Rgb => {
                for color in row.as_chunks::<3>().0 {
                    count(*color);
                }
            }
            Channels::Rgba => {
                for [red, green, blue, alpha] in row.as_chunks::<4>().0 {
                    if *alpha > 0 {
                        count([*red, *green, *blue]);
                    }
                }
            }
        }
    }
    Ok(histogram)
}

/// `e-colorize`: every brightness in shades of one colour, black and white staying what they are.
pub(super) fn colorize(
    mut picture: Picture,
    colorize: Colorize,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let Colorize { color, intensity } = colorize;
    let weight = (u32::from(intensity) * 256 + 50) / 100;
    let shade = |channel: u8| {
        let mut shades = [0; 256];
        for (shade, level) in shades.iter_mut().zip(0..) {
            let channel = i32::from(channel);
            *shade = clamped(if level <= 128 {
                (channel * level + 64) / 128
            } else {
                channel + ((255 - channel) * (level - 128) + 63) / 127
            });
        }
        shades
    };
    let shades = [color.red, color.green, color.blue].map(shade);
    map_colors(&mut picture, deadline, |color| {
        let level = usize::from(luma(color));
        let mut tinted = color;
        for (channel, shades) in tinted.iter_mut().zip(&shades) {
            let shade = shades.get(level).copied().unwrap_or_default();
            *channel = mixed(*channel, shade, weight);
        }
        tinted
    })?;
    Ok(picture)
}
