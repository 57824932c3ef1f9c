//! Arithmetic of single channels, and of pictures colour by colour.

use std::time::Instant;

use crate::{
    deadline::Watch,
    error::ImagingError,
    picture::{Channels, Picture},
};

/// To the nearest level there is.
pub(super) fn clamped(value: i32) -> u8 {
    u8::try_from(value.clamp(0, 255)).unwrap_or_default()
}

/// `value * by / 255`, rounded.
pub(super) fn scaled(value: u8, by: u8) -> u8 {
    let product = u32::from(value) * u32::from(by) + 127;
    u8::try_from(product / 255).unwrap_or(u8::MAX)
}

/// A fraction of a level to the nearest level.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of a byte first; NaN becomes 0"
)]
pub(super) fn rounded(value: f32) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as u8
}

/// How bright a colour is. Source of the weights: Rec. ITU-R BT.709, here in 256ths.
pub(super) fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 54 * u32::from(red) + 183 * u32::from(green) + 19 * u32::from(blue) + 128;
    u8::try_from(sum / 256).unwrap_or(u8::MAX)
}

/// Part of the way from one level to another. Units: `weight` in 256ths.
pub(super) fn mixed(from: u8, to: u8, weight: u32) -> u8 {
    let sum = u32::from(from) * (256 - weight.min(256)) + u32::from(to) * weight.min(256) + 128;
    u8::try_from(sum / 256).unwrap_or(u8::MAX)
}

/// Changes the colour of every pixel; alpha stays.
///
/// Errors: `Timeout`.
pub(super) fn map_colors(
    picture: &mut Picture,
    deadline: Option<Instant>,
    map: impl Fn([u8; 3]) -> [u8; 3],
) -> Result<(), ImagingError> {
    let (width, channels) = (picture.size.width as usize, picture.channels);
    let mut watch = Watch::new(deadline);
    for row in picture.rows_mut() {
        watch.count(width)?;
        match channels {
            Channels::Rgb => {
                for pixel in row.as_chunks_mut::<3>().0 {
                    *pixel = map(*pixel);
                }
            }
            Channels::Rgba => {
                for pixel in row.as_chunks_mut::<4>().0 {
                    let [red, green, blue, alpha] = *pixel;
                    let [red, green, blue] = map([red, green, blue]);
                    *pixel = [red, green, blue, alpha];
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_every_scale_are_exact() {
        assert_eq!(
            (scaled(255, 255), scaled(255, 0), scaled(200, 128)),
            (255, 0, 100)
        );
        assert_eq!(
            (mixed(10, 250, 0), mixed(10, 250, 256), mixed(0, 100, 128)),
            (10, 250, 50)
        );
        assert_eq!((luma([255; 3]), luma([0; 3]), luma([77; 3])), (255, 0, 77));
        assert_eq!(
            (
                rounded(-1.0),
                rounded(f32::NAN),
                rounded(254.5),
                rounded(1e9)
            ),
            (0, 0, 255, 255)
        );
        assert_eq!((clamped(-7), clamped(300)), (0, 255));
    }
}
