//! Rotation by any angle, sampled between the four nearest pixels.

use std::time::Instant;

use limpid_delivery_url::transformation::Color;

use super::sample::warp;
use crate::{error::ImagingError, geometry::Size, picture::Picture};

/// Turns clockwise about the centre into a picture of size `to`, which the plan has made large enough.
///
/// Errors: `Timeout`.
pub(super) fn rotate(
    picture: Picture,
    degrees: f64,
    (to, corners): (Size, Option<Color>),
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let center = |size: Size| (f64::from(size.width) / 2.0, f64::from(size.height) / 2.0);
    let ((source_x, source_y), (target_x, target_y)) = (center(picture.size), center(to));
    warp(picture, (to, corners), deadline, |x, y| {
        let (across, down) = (x - target_x, y - target_y);
        // the inverse rotation
        Some((
            across * cosine + down * sine + source_x,
            down * cosine - across * sine + source_y,
        ))
    })
}
