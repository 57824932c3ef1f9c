//! Rounded corners.

use std::time::Instant;

use crate::{deadline::Watch, error::ImagingError, picture::Picture};

/// Makes what lies outside rounded corners transparent. The plan has seen to it that neighbours don't overlap.
///
/// Units: px, clockwise from the top left.
///
/// Errors: `Timeout`.
pub(super) fn round(
    picture: Picture,
    corners: [u32; 4],
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    if corners == [0; 4] {
        return Ok(picture);
    }
    let mut picture = picture.into_rgba();
    let thinned = |[_, _, _, alpha]: &mut [u8; 4], coverage: f32| {
        *alpha = super::channel::rounded(f32::from(*alpha) * coverage);
    };
    each_corner_pixel(&mut picture, corners, deadline, thinned)?;
    Ok(picture)
}

/// Shows every pixel of the four corner boxes with how much of it lies inside the rounded shape, 0 to 1.
pub(super) fn each_corner_pixel(
    picture: &mut Picture,
    corners: [u32; 4],
    deadline: Option<Instant>,
    change: impl Fn(&mut [u8; 4], f32),
) -> Result<(), ImagingError> {
    let mut watch = Watch::new(deadline);
    let [top_left, top_right, bottom_right, bottom_left] = corners;
    let height = picture.size.height;
    for (row, y) in picture.rows_mut().zip(0..height) {
        let from_bottom = height - 1 - y;
        let pixels = row.as_chunks_mut::<4>().0;
        watch.count(pixels.len())?;
        for (radius, depth) in [(top_left, y), (bottom_left, from_bottom)] {
            if depth < radius {
                fade(pixels.iter_mut(), radius, depth, &change);
            }
        }
        for (radius, depth) in [(top_right, y), (bottom_right, from_bottom)] {
            if depth < radius {
                fade(pixels.iter_mut().rev(), radius, depth, &change);
            }
        }
    }
    Ok(())
}

/// From the side inwards, `depth` rows away from the edge.
fn fade<'a>(
    pixels: impl Iterator<Item = &'a mut [u8; 4]>,
    radius: u32,
    depth: u32,
    change: impl Fn(&mut [u8; 4], f32),
) {
    for (pixel, distance) in pixels.zip(0..radius) {
        change(pixel, coverage(radius, distance, depth));
    }
}

/// How much of a pixel lies inside the circle: all of it where its centre is half a pixel inside, nothing where it is
/// half a pixel outside.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a fraction of a pixel, of which a byte's precision is needed"
)]
fn coverage(radius: u32, across: u32, down: u32) -> f32 {
    let away = |from_edge: u32| f64::from(radius) - f64::from(from_edge) - 0.5;
    let (across, down) = (away(across), away(down));
    let distance = (across * across + down * down).sqrt();
    (f64::from(radius) - distance + 0.5).clamp(0.0, 1.0) as f32
}
