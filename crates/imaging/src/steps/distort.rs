//! `e-distort`: perspective and arc.

use std::time::Instant;

use super::{resize, sample::warp};
use crate::{
    error::ImagingError,
    geometry::{Size, whole_pixels},
    picture::Picture,
    plan::effects::{PlannedDistort, Shape},
};

/// A picture that shrinks by more than this is made smaller first: reading between four pixels would skip the others.
const MAX_SHRINK: f64 = 1.5;

/// Bends or tilts the picture.
///
/// Errors: `Timeout`, `Encode`.
pub(super) fn distort(
    picture: Picture,
    plan: &PlannedDistort,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    match plan.shape {
        Shape::Perspective(corners) => perspective(picture, corners, plan, deadline),
        Shape::Arc {
            span,
            outer,
            is_downward,
        } => arc(picture, (span, outer, is_downward), plan, deadline),
    }
}

fn perspective(
    picture: Picture,
    corners: [[f64; 2]; 4],
    plan: &PlannedDistort,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let picture = shrunk(picture, corners, deadline)?;
    let canvas = (plan.size, Some(plan.outside));
    let Some(inverse) = Projection::to_square(corners) else {
        // the plan refuses shapes without area; one too thin for arithmetic shows nothing
        return warp(picture, canvas, deadline, |_, _| None);
    };
    let (width, height) = (
        f64::from(picture.size.width),
        f64::from(picture.size.height),
    );
    warp(picture, canvas, deadline, |x, y| {
        let (across, down) = inverse.apply(x, y)?;
        Some((across * width, down * height))
    })
}

/// The picture, no more than `MAX_SHRINK` times as large as its longest sides will be.
fn shrunk(
    picture: Picture,
    corners: [[f64; 2]; 4],
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let length =
        |[from_x, from_y]: [f64; 2], [to_x, to_y]: [f64; 2]| (to_x - from_x).hypot(to_y - from_y);
    let [top_left, top_right, bottom_right, bottom_left] = corners;
    let across = length(top_left, top_right).max(length(bottom_left, bottom_right));
    let down = length(top_left, bottom_left).max(length(top_right, bottom_right));
    let side = |now: u32, then: f64| {
        if f64::from(now) > then * MAX_SHRINK {
            whole_pixels(then).min(now)
        } else {
            now
        }
    };
    let to = Size {
        width: side(picture.size.width, across),
        height: side(picture.size.height, down),
    };
    let whole = picture.size.region();
    resize(picture, whole, to, deadline)
}

/// A projective map of the plane.
struct Projection([[f64; 3]; 3]);

impl Projection {
    /// From a shape of four corners to the square from 0 to 1. Source: Heckbert, "Fundamentals of texture mapping and image
    /// warping" (1989), section 2.2.3.
    fn to_square(corners: [[f64; 2]; 4]) -> Option<Self> {
        let [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = corners;
        let (sum_x, sum_y) = (x0 - x1 + x2 - x3, y0 - y1 + y2 - y3);
        let (dx1, dx2) = (x1 - x2, x3 - x2);
        let (dy1, dy2) = (y1 - y2, y3 - y2);
        let divisor = dx1 * dy2 - dx2 * dy1;
        if divisor == 0.0 {
            return None;
        }
        let right = (sum_x * dy2 - dx2 * sum_y) / divisor;
        let below = (dx1 * sum_y - sum_x * dy1) / divisor;
        // the rows of the map from the square to the shape; the last is `right`, `below`, 1
        let (xx, xy) = (x1 - x0 + right * x1, x3 - x0 + below * x3);
        let (yx, yy) = (y1 - y0 + right * y1, y3 - y0 + below * y3);
        // the adjugate: the inverse up to a factor, which makes no difference to a projection
        Some(Self([
            [yy - y0 * below, x0 * below - xy, xy * y0 - x0 * yy],
            [y0 * right - yx, xx - x0 * right, x0 * yx - xx * y0],
            [
                yx * below - yy * right,
                xy * right - xx * below,
                xx * yy - xy * yx,
            ],
        ]))
    }

    fn apply(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let [across, down, weight] = self
            .0
            .map(|[of_x, of_y, alone]| of_x * x + of_y * y + alone);
        (weight != 0.0).then(|| (across / weight, down / weight))
    }
}

/// The picture's columns become radii, its rows arcs; its bottom row is the innermost.
fn arc(
    picture: Picture,
    (span, outer, is_downward): (f64, f64, bool),
    plan: &PlannedDistort,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let canvas = (plan.size, Some(plan.outside));
    let (width, height) = (
        f64::from(picture.size.width),
        f64::from(picture.size.height),
    );
    let (middle, canvas_height) = (
        f64::from(plan.size.width) / 2.0,
        f64::from(plan.size.height),
    );
    warp(picture, canvas, deadline, |x, y| {
        let y = if is_downward { canvas_height - y } else { y };
        let (across, up) = (x - middle, outer - y);
        let radius = (across * across + up * up).sqrt();
        if !(outer - height - 1.0..=outer + 1.0).contains(&radius) {
            return None;
        }
        let angle = across.atan2(up);
        let from_x = (angle / span + 0.5) * width;
        let from_y = outer - radius;
        // beyond its ends the arc doesn't begin anew
        let from_y = if is_downward { height - from_y } else { from_y };
        (-1.0..=width + 1.0)
            .contains(&from_x)
            .then_some((from_x, from_y))
    })
}
