//! Everything a step does to pixels that are in their place, in the order of the plan's fields.

use std::time::Instant;

use super::{
    blur::{Kernel, blur},
    border, check_deadline, distort, gradient, opacity, radius, replace_color, shadow, sharpen,
    tone,
};
use crate::{error::ImagingError, geometry::Size, picture::Picture, plan::effects::PlannedEffects};

/// Applies the effects; the result has size `to`.
pub(super) fn apply(
    picture: Picture,
    effects: &PlannedEffects,
    to: Size,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    if *effects == PlannedEffects::default() {
        return Ok(picture);
    }
    let picture = filters(picture, effects, deadline)?;
    check_deadline(deadline)?;
    let mut picture = picture;
    if let Some(opacity) = effects.opacity {
        picture = opacity::fade(picture, opacity, deadline)?;
    }
    if let Some(corners) = effects.radius {
        picture = radius::round(picture, corners, deadline)?;
    }
    if let Some(border) = effects.border {
        picture = border::frame(picture, border, (to, effects.radius), deadline)?;
    }
    Ok(picture)
}

fn filters(
    picture: Picture,
    effects: &PlannedEffects,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let mut picture = picture;
    if let Some(replace) = effects.replace_color {
        picture = replace_color::replace(picture, replace, deadline)?;
    }
    if let Some(plan) = &effects.distort {
        check_deadline(deadline)?;
        picture = distort::distort(picture, plan, deadline)?;
    }
    if let Some(sigma) = effects.blur {
        check_deadline(deadline)?;
        picture = blur(picture, &Kernel::gaussian(f64::from(sigma), 0.0), deadline)?;
    }
    if effects.grayscale {
        picture = tone::grayscale(picture, deadline)?;
    }
    if effects.contrast {
        picture = tone::contrast(picture, deadline)?;
    }
    for mask in [effects.sharpen, effects.unsharp_mask]
        .into_iter()
        .flatten()
    {
        check_deadline(deadline)?;
        picture = sharpen::sharpen(picture, mask, deadline)?;
    }
    if let Some(colorize) = effects.colorize {
        picture = tone::colorize(picture, colorize, deadline)?;
    }
    if let Some(gradient) = &effects.gradient {
        check_deadline(deadline)?;
        picture = gradient::lay_over(picture, gradient, deadline)?;
    }
    if let Some(shadow) = effects.shadow {
        check_deadline(deadline)?;
        picture = shadow::cast(picture, shadow, deadline)?;
    }
    Ok(picture)
}
