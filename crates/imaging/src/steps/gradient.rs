//! `e-gradient`: a ramp between two colours laid over the picture.

use std::time::Instant;

use limpid_delivery_url::transformation::Color;

use super::background::over;
use crate::{
    deadline::Watch,
    error::ImagingError,
    picture::{Channels, Picture},
    plan::effects::PlannedGradient,
};

/// Colours in between are looked up; more steps than two channels' levels can't be told apart.
const STEPS: usize = 1024;

/// Lays the gradient over the picture.
///
/// Errors: `Timeout`.
pub(super) fn lay_over(
    picture: Picture,
    gradient: &PlannedGradient,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let mut watch = Watch::new(deadline);
    let ramp = Ramp::new(gradient.from, gradient.to);
    let (sine, cosine) = f64::from(gradient.direction).to_radians().sin_cos();
    let (width, height) = (
        f64::from(picture.size.width),
        f64::from(picture.size.height),
    );
    let line = width * sine.abs() + height * cosine.abs();
    // from pixel centre to pixel centre, along the line, whose middle is the picture's
    let across = sine / gradient.ramp;
    let along = |x: f64, y: f64| {
        let from_middle = (x - width / 2.0) * sine - (y - height / 2.0) * cosine;
        (from_middle + line / 2.0) / gradient.ramp
    };
    let mut picture = picture;
    let (channels, columns) = (picture.channels, picture.size.width as usize);
    for (row, y) in picture.rows_mut().zip(0_u32..) {
        watch.count(columns)?;
        let start = along(0.5, f64::from(y) + 0.5);
        let front = |x: u32| ramp.at(start + across * f64::from(x));
        match channels {
            Channels::Rgb => {
                let pixels = row.as_chunks_mut::<3>().0.iter_mut();
                pixels
                    .zip(0_u32..)
                    .for_each(|(pixel, x)| lay_opaque(pixel, front(x)));
            }
            Channels::Rgba => {
                let pixels = row.as_chunks_mut::<4>().0.iter_mut();
                pixels
                    .zip(0_u32..)
                    .for_each(|(pixel, x)| lay(pixel, front(x)));
            }
        }
    }
    Ok(picture)
}

/// What lies under an opaque pixel stays opaque, which spares two divisions of three.
fn lay_opaque(pixel: &mut [u8; 3], [red, green, blue, alpha]: [u8; 4]) {
    let (front, back) = (u32::from(alpha), u32::from(u8::MAX - alpha));
    for (channel, over) in pixel.iter_mut().zip([red, green, blue]) {
        let mixed = (u32::from(over) * front + u32::from(*channel) * back + 127) / 255;
        *channel = u8::try_from(mixed).unwrap_or(u8::MAX);
    }
}

fn lay(pixel: &mut [u8; 4], front: [u8; 4]) {
    let [red, green, blue, alpha] = *pixel;
    let back = Color {
        red,
        green,
        blue,
        alpha,
    };
    *pixel = over(front, back);
}

struct Ramp {
    colors: Vec<[u8; 4]>,
}

impl Ramp {
    fn new(from: Color, to: Color) -> Self {
        let colors = (0..=STEPS).map(|step| between(from, to, step)).collect();
        Self { colors }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "clamped to the steps there are"
    )]
    fn at(&self, part: f64) -> [u8; 4] {
        let step = (part.clamp(0.0, 1.0) * STEPS as f64 + 0.5) as usize;
        self.colors.get(step).copied().unwrap_or_default()
    }
}

/// Colours are mixed by their opacity, so that a ramp to transparent doesn't pass through grey. Source: CSS Images 3, 3.4.2.
fn between(from: Color, to: Color, step: usize) -> [u8; 4] {
    let step = step as u64;
    let whole = STEPS as u64;
    let first = u64::from(from.alpha) * (whole - step);
    let second = u64::from(to.alpha) * step;
    let sum = first + second;
    if sum == 0 {
        return [0; 4];
    }
    let byte = |value: u64| u8::try_from(value).unwrap_or(u8::MAX);
    let mix = |left: u8, right: u8| {
        byte((u64::from(left) * first + u64::from(right) * second + sum / 2) / sum)
    };
    [
        mix(from.red, to.red),
        mix(from.green, to.green),
        mix(from.blue, to.blue),
        byte((sum + whole / 2) / whole),
    ]
}
