//! Padding that shows something of the picture: itself blurred, its dominant colour, or a gradient of several.

use std::time::Instant;

use limpid_delivery_url::transformation::{Anchor, Backdrop, Color};

use super::{
    background::{over, pixel_of},
    blur::{Kernel, blur},
    channel::{clamped, map_colors},
    dominant::{Part, dominant, dominant_of_part},
    flatten, resize,
};
use crate::{
    deadline::Watch,
    error::ImagingError,
    geometry::{Size, whole_pixels},
    picture::{Channels, Picture},
    plan::Canvas,
};

/// `blurred` without an intensity.
const DEFAULT_INTENSITY: u8 = 40;
/// Standard deviation of the blur at intensity 100, as a part of the canvas's longer side.
const STRONGEST_BLUR: f64 = 0.1;
/// A blur of more than this is made on a smaller picture, which then is enlarged. Units: px.
const SIGMA_ON_SMALL: f64 = 4.0;

/// Puts the picture on a canvas made from itself.
///
/// Errors: `Timeout`, `Encode`.
pub(super) fn pad(
    picture: &Picture,
    canvas: &Canvas,
    backdrop: Backdrop,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let mut behind = match backdrop {
        Backdrop::Blurred {
            intensity,
            brightness,
        } => blurred(picture, canvas.size, (intensity, brightness), deadline)?,
        Backdrop::Dominant => {
            let color = pixel_of(dominant(picture));
            Picture::filled(canvas.size, Channels::Rgb, color)
        }
        Backdrop::GradientDominant { colors } => gradient(picture, canvas, colors, deadline)?,
    };
    if picture.channels == Channels::Rgb {
        behind.paste(picture, canvas.left as usize, canvas.top as usize);
        return Ok(behind);
    }
    let mut watch = Watch::new(deadline);
    let rows = behind
        .rows_mut()
        .skip(canvas.top as usize)
        .zip(picture.rows());
    for (row, source) in rows {
        watch.count(picture.size.width as usize)?;
        let pixels = row
            .as_chunks_mut::<3>()
            .0
            .iter_mut()
            .skip(canvas.left as usize);
        for (pixel, front) in pixels.zip(source.as_chunks::<4>().0) {
            let [red, green, blue] = *pixel;
            let alpha = u8::MAX;
            let [red, green, blue, _] = over(
                *front,
                Color {
                    red,
                    green,
                    blue,
                    alpha,
                },
            );
            *pixel = [red, green, blue];
        }
    }
    Ok(behind)
}

/// The picture itself, opaque, covering the canvas, soft.
fn blurred(
    picture: &Picture,
    to: Size,
    (intensity, brightness): (Option<u8>, i16),
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let longest = f64::from(to.width.max(to.height));
    let part = f64::from(intensity.unwrap_or(DEFAULT_INTENSITY)) / 100.0;
    let sigma = part * STRONGEST_BLUR * longest;
    let factor = (sigma / SIGMA_ON_SMALL).max(1.0);
    let small = Size {
        width: whole_pixels(f64::from(to.width) / factor),
        height: whole_pixels(f64::from(to.height) / factor),
    };
    let cover = picture.size.crop_to_shape(to, Anchor::Center);
    let scaled = flatten(resize(picture.clone(), cover, small, deadline)?, deadline)?;
    let mut soft = blur(scaled, &Kernel::gaussian(sigma / factor, 0.0), deadline)?;
    if brightness != 0 {
        let brighter = |level: u8| clamped(i32::from(level) + i32::from(brightness));
        map_colors(&mut soft, deadline, |color| color.map(brighter))?;
    }
    let whole = soft.size.region();
    resize(soft, whole, to, deadline)
}

/// Between the dominant colours of the halves that lie along the padding, or of the four quarters.
fn gradient(
    picture: &Picture,
    canvas: &Canvas,
    colors: u8,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let is_beside = canvas.size.width > picture.size.width;
    let corner = |is_right: bool, is_bottom: bool| {
        let part = Part {
            is_right: (colors > 2 || is_beside).then_some(is_right),
            is_bottom: (colors > 2 || !is_beside).then_some(is_bottom),
        };
        let Color {
            red, green, blue, ..
        } = dominant_of_part(picture, part);
        [red, green, blue].map(u64::from)
    };
    let (top_left, top_right) = (corner(false, false), corner(true, false));
    let (bottom_left, bottom_right) = (corner(false, true), corner(true, true));
    let mut filled = Picture::zeroed(canvas.size, Channels::Rgb);
    let across = u64::from(canvas.size.width.max(2) - 1);
    let down = u64::from(canvas.size.height.max(2) - 1);
    let mut watch = Watch::new(deadline);
    for (row, y) in filled.rows_mut().zip(0..) {
        watch.count(canvas.size.width as usize)?;
        let left = between(top_left, bottom_left, (y, down));
        let right = between(top_right, bottom_right, (y, down));
        for (pixel, x) in row.as_chunks_mut::<3>().0.iter_mut().zip(0..) {
            let color = between(left, right, (x, across));
            *pixel = color.map(|channel| u8::try_from(channel).unwrap_or(u8::MAX));
        }
    }
    Ok(filled)
}

fn between(from: [u64; 3], to: [u64; 3], (step, steps): (u64, u64)) -> [u64; 3] {
    let step = step.min(steps);
    let mut mixed = from;
    for (channel, to) in mixed.iter_mut().zip(to) {
        *channel = (*channel * (steps - step) + to * step + steps / 2) / steps;
    }
    mixed
}
