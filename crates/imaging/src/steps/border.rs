//! `b`: a frame outside the picture. Around rounded corners it is rounded too.

use std::time::Instant;

use super::{
    background::{channels_for, pixel_of},
    channel, pad, radius,
};
use crate::{
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
    plan::effects::PlannedBorder,
};

/// Puts a border around a picture whose corners have been rounded by `corners`.
///
/// Errors: `Timeout`.
pub(super) fn frame(
    picture: Picture,
    border: PlannedBorder,
    (to, corners): (Size, Option<[u32; 4]>),
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let PlannedBorder { width, color } = border;
    let Some(corners) = corners.filter(|corners| *corners != [0; 4]) else {
        let channels = channels_for(picture.channels, color);
        let mut framed = Picture::filled(to, channels, pixel_of(color));
        let picture = if channels == Channels::Rgba {
            picture.into_rgba()
        } else {
            picture
        };
        framed.paste(&picture, width as usize, width as usize);
        return Ok(framed);
    };
    let mut picture = picture.into_rgba();
    let bordered = |pixel: &mut [u8; 4], coverage: f32| {
        *pixel = beside(*pixel, pixel_of(color), 1.0 - coverage);
    };
    radius::each_corner_pixel(&mut picture, corners, deadline, bordered)?;
    let framed = pad::pad(&picture, to, (width, width), color);
    let outer = corners.map(|corner| if corner == 0 { 0 } else { corner + width });
    radius::round(framed, outer, deadline)
}

/// Two colours that share a pixel without overlapping: the second fills `part` of it.
fn beside(pixel: [u8; 4], other: [u8; 4], part: f32) -> [u8; 4] {
    let ([red, green, blue, alpha], [other_red, other_green, other_blue, other_alpha]) =
        (pixel, other);
    let first = f32::from(alpha);
    let second = f32::from(other_alpha) * part;
    let sum = first + second;
    if sum <= 0.0 {
        return [0; 4];
    }
    let mix = |left: u8, right: u8| {
        channel::rounded((f32::from(left) * first + f32::from(right) * second) / sum)
    };
    [
        mix(red, other_red),
        mix(green, other_green),
        mix(blue, other_blue),
        channel::rounded(sum),
    ]
}
