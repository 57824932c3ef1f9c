//! What a planned step does to pixels, one module per operation.

use std::time::Instant;

use crate::{
    error::ImagingError,
    picture::Picture,
    plan::{PlannedStep, Turn},
};

mod backdrop;
mod background;
pub(crate) mod blend;
mod blur;
mod border;
mod channel;
pub(crate) mod displace;
mod distort;
mod dominant;
mod effects;
pub(crate) mod focus;
mod gradient;
mod opacity;
mod orient;
mod pad;
mod radius;
mod replace_color;
mod resize;
mod rotate;
mod sample;
mod shadow;
mod sharpen;
mod tone;
mod trim;

pub(crate) use crate::deadline::check_deadline;
pub(crate) use background::{flatten, over};
pub(crate) use orient::orient;
pub(crate) use resize::{in_bands, resize, resize_rows};
pub(crate) use trim::Kept;

/// What a step does after its crop and resize.
pub(crate) fn finish(
    picture: Picture,
    step: &PlannedStep,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    check_deadline(deadline)?;
    let mut picture = picture;
    if let Some(color) = step.background {
        picture = background::composite(picture, color, deadline)?;
    } else if step.is_on_dominant && picture.is_transparent() {
        let color = dominant::dominant(&picture);
        picture = background::composite(picture, color, deadline)?;
    }
    if let Some(canvas) = &step.canvas {
        picture = if let Some(backdrop) = canvas.backdrop {
            backdrop::pad(&picture, canvas, backdrop, deadline)?
        } else {
            let place = (canvas.left, canvas.top);
            pad::pad(&picture, canvas.size, place, canvas.color)
        };
        check_deadline(deadline)?;
    }
    match step.turn {
        Some(Turn::Quarter(orientation)) => picture = orient(picture, orientation, deadline)?,
        Some(Turn::Angle {
            degrees,
            size,
            corners,
        }) => picture = rotate::rotate(picture, degrees, (size, corners), deadline)?,
        None => {}
    }
    if let Some(orientation) = step.flip {
        picture = orient(picture, orientation, deadline)?;
    }
    check_deadline(deadline)?;
    effects::apply(picture, &step.effects, step.size, deadline)
}

#[cfg(test)]
mod tests;
