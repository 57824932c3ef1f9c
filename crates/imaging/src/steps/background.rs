//! Colours behind transparent pixels.

use std::time::Instant;

use limpid_delivery_url::transformation::Color;

use crate::{
    deadline::Watch,
    error::ImagingError,
    picture::{Channels, Picture},
};

/// What stands behind transparency in formats without it, where no `bg` says otherwise. Source: `imagekit.md` 5.7.
const BLACK: Color = Color {
    red: 0,
    green: 0,
    blue: 0,
    alpha: u8::MAX,
};

/// Puts a colour behind the picture. Behind an opaque one nothing of it shows.
///
/// Errors: `Timeout`.
pub(super) fn composite(
    picture: Picture,
    color: Color,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    if !picture.is_transparent() {
        return Ok(picture);
    }
    let mut picture = picture;
    let mut watch = Watch::new(deadline);
    for row in picture.rows_mut() {
        let pixels = row.as_chunks_mut::<4>().0;
        watch.count(pixels.len())?;
        for pixel in pixels {
            *pixel = over(*pixel, color);
        }
    }
    Ok(if color.alpha == u8::MAX {
        picture.into_rgb()
    } else {
        picture
    })
}

/// Makes the picture opaque.
///
/// Errors: `Timeout`.
pub(crate) fn flatten(
    picture: Picture,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    Ok(composite(picture, BLACK, deadline)?.into_rgb())
}

/// As an RGBA pixel for a picture of these channels.
pub(super) fn pixel_of(color: Color) -> [u8; 4] {
    [color.red, color.green, color.blue, color.alpha]
}

/// The channels a picture needs to show a colour.
pub(super) fn channels_for(picture: Channels, color: Color) -> Channels {
    if picture == Channels::Rgba || color.alpha < u8::MAX {
        Channels::Rgba
    } else {
        Channels::Rgb
    }
}

/// Source over background, neither multiplied by alpha. Source: W3C Compositing level 1, section 5.
pub(crate) fn over(pixel: [u8; 4], background: Color) -> [u8; 4] {
    over_pixel(pixel, pixel_of(background))
}

/// The same with a pixel behind.
pub(super) fn over_pixel(
    [red, green, blue, alpha]: [u8; 4],
    [back_red, back_green, back_blue, back_alpha]: [u8; 4],
) -> [u8; 4] {
    let front = u32::from(alpha) * 255;
    let back = u32::from(back_alpha) * u32::from(u8::MAX - alpha);
    let sum = front + back;
    if sum == 0 {
        return [0; 4];
    }
    let mix = |front_channel: u8, back_channel: u8| {
        let mixed =
            (u32::from(front_channel) * front + u32::from(back_channel) * back + sum / 2) / sum;
        u8::try_from(mixed).unwrap_or(u8::MAX)
    };
    let opacity = u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX);
    [
        mix(red, back_red),
        mix(green, back_green),
        mix(blue, back_blue),
        opacity,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Color = Color {
        red: 255,
        green: 255,
        blue: 255,
        alpha: 255,
    };

    #[test]
    fn an_opaque_pixel_hides_the_background_and_a_clear_one_shows_it() {
        assert_eq!(over([10, 20, 30, 255], WHITE), [10, 20, 30, 255]);
        assert_eq!(over([10, 20, 30, 0], WHITE), [255, 255, 255, 255]);
        assert_eq!(over([0, 0, 0, 128], WHITE), [127, 127, 127, 255]);
    }

    #[test]
    fn a_clear_background_changes_nothing() {
        let clear = Color { alpha: 0, ..WHITE };
        assert_eq!(over([10, 20, 30, 40], clear), [10, 20, 30, 40]);
        assert_eq!(over([10, 20, 30, 0], clear), [0, 0, 0, 0]);
    }
}
