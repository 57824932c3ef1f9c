//! `lm-displace`: a layer that isn't seen but moves the pixels under it.

use std::time::Instant;

use super::sample;
use crate::{
    error::ImagingError,
    picture::{Channels, Picture},
};

/// Value of a channel that moves nothing: the middle.
const STILL: f64 = 127.5;

/// Takes every pixel under the map from where the map points: its red, from 0 to 255, from `strength` px left to as far
/// right, its green likewise up and down. Where the map is transparent it moves less. Beyond the edge the edge goes on.
///
/// Errors: `Timeout`.
pub(crate) fn displace(
    picture: Picture,
    map: &Picture,
    (place, strength): ((i64, i64), (i64, i64)),
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let (to, size) = (picture.size, picture.size);
    let map = Map {
        picture: map,
        place,
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "coordinates of the grammar, below 2^20"
    )]
    let (across, down) = (strength.0 as f64, strength.1 as f64);
    let last = |side: u32| f64::from(side) - 0.5;
    sample::warp(picture, (to, None), deadline, |x, y| {
        let Some((red, green)) = map.at(x, y) else {
            return Some((x, y));
        };
        let from_x = (x + red * across).clamp(0.5, last(size.width).max(0.5));
        let from_y = (y + green * down).clamp(0.5, last(size.height).max(0.5));
        Some((from_x, from_y))
    })
}

struct Map<'a> {
    picture: &'a Picture,
    place: (i64, i64),
}

impl Map<'_> {
    /// Red and green from -1 to 1, by a place on the base.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "places inside a picture, from 0 to its side"
    )]
    fn at(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let column = usize::try_from(x.floor() as i64 - self.place.0).ok()?;
        let row = usize::try_from(y.floor() as i64 - self.place.1).ok()?;
        if column >= self.picture.size.width as usize {
            return None;
        }
        let count = self.picture.channels.count();
        let row = self.picture.rows().nth(row)?;
        let pixel = row.get(column * count..(column + 1) * count)?;
        let alpha = match (self.picture.channels, pixel.last()) {
            (Channels::Rgba, Some(alpha)) => f64::from(*alpha) / 255.0,
            _ => 1.0,
        };
        let moved =
            |value: Option<&u8>| value.map(|value| (f64::from(*value) - STILL) / STILL * alpha);
        Some((moved(pixel.first())?, moved(pixel.get(1))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;

    /// Columns of rising red.
    fn ramp() -> Picture {
        let size = Size {
            width: 8,
            height: 2,
        };
        let mut picture = Picture::zeroed(size, Channels::Rgb);
        for row in picture.rows_mut() {
            for (pixel, red) in row.as_chunks_mut::<3>().0.iter_mut().zip(0..) {
                *pixel = [red * 10, 0, 0];
            }
        }
        picture
    }

    fn reds(picture: &Picture) -> Vec<u8> {
        picture
            .pixels
            .chunks(3)
            .take(8)
            .map(|pixel| pixel[0])
            .collect()
    }

    fn moved(color: [u8; 4], strength: (i64, i64)) -> Vec<u8> {
        let size = Size {
            width: 4,
            height: 2,
        };
        let map = Picture::filled(size, Channels::Rgba, color);
        reds(&displace(ramp(), &map, ((2, 0), strength), None).expect("in time"))
    }

    #[test]
    fn white_takes_pixels_from_the_right_and_black_from_the_left() {
        assert_eq!(moved([255; 4], (2, 0)), [0, 10, 40, 50, 60, 70, 60, 70]);
        assert_eq!(
            moved([0, 0, 0, 255], (2, 0)),
            [0, 10, 0, 10, 20, 30, 60, 70]
        );
        assert_eq!(moved([255; 4], (-2, 0)), [0, 10, 0, 10, 20, 30, 60, 70]);
        assert_eq!(moved([255; 4], (900, 900)), [0, 10, 70, 70, 70, 70, 60, 70]);
    }

    #[test]
    fn a_clear_map_moves_nothing() {
        assert_eq!(moved([255, 255, 255, 0], (2, 2)), reds(&ramp()));
    }
}
