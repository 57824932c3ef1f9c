//! What a planned step does to pixels, one module per operation.

use std::time::Instant;

use crate::{
    error::ImagingError,
    picture::Picture,
    plan::{Canvas, PlannedStep, Turn},
};

mod background;
mod orient;
mod pad;
mod resize;
mod rotate;

pub(crate) use background::flatten;
pub(crate) use orient::orient;
pub(crate) use resize::resize;

/// The whole of a step.
pub(crate) fn apply(
    picture: Picture,
    step: &PlannedStep,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let resized = resize(picture, step.crop, step.scaled)?;
    finish(resized, step, deadline)
}

/// What a step does after its crop and resize.
pub(crate) fn finish(
    picture: Picture,
    step: &PlannedStep,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    check_deadline(deadline)?;
    let mut picture = picture;
    if let Some(color) = step.background {
        picture = background::composite(picture, color);
    }
    if let Some(Canvas {
        size,
        left,
        top,
        color,
    }) = step.canvas
    {
        picture = pad::pad(&picture, size, (left, top), color);
    }
    match step.turn {
        Some(Turn::Quarter(orientation)) => picture = orient(picture, orientation),
        Some(Turn::Angle { degrees, corners }) => {
            picture = rotate::rotate(picture, degrees, step.size, corners);
        }
        None => {}
    }
    if let Some(orientation) = step.flip {
        picture = orient(picture, orientation);
    }
    check_deadline(deadline)?;
    Ok(picture)
}

/// Whether somebody still waits.
pub(crate) fn check_deadline(deadline: Option<Instant>) -> Result<(), ImagingError> {
    match deadline {
        Some(deadline) if Instant::now() >= deadline => Err(ImagingError::Timeout),
        _ => Ok(()),
    }
}
