//! Perspective and arc as exact sizes. Source: `imagekit.md` 5.7.

use limpid_delivery_url::transformation::{Color, Distort};

use super::invalid;
use crate::{
    error::ImagingError,
    geometry::{Size, whole_pixels},
};

/// An arc flatter than this bends no picture by a whole pixel. Units: degrees.
const FLAT_DEGREES: f64 = 0.01;
const CLEAR: Color = Color {
    red: 0,
    green: 0,
    blue: 0,
    alpha: 0,
};

/// A picture bent or tilted onto a canvas that just holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedDistort {
    /// How.
    pub shape: Shape,
    /// Size of the canvas.
    pub size: Size,
    /// Around the picture: `bg`, else nothing.
    pub outside: Color,
}

/// How a picture is distorted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Where the corners go on the canvas, clockwise from the top left, each x then y; convex. Units: px.
    Perspective([[f64; 2]; 4]),
    /// Bent about a centre below the picture, or above where `is_downward`.
    Arc {
        /// How much of the circle the picture spans, above 0. Units: radians.
        span: f64,
        /// Radius of the outer edge. Units: px.
        outer: f64,
        /// Whether the middle hangs down.
        is_downward: bool,
    },
}

/// Plans a distortion; none where nothing would move.
pub(super) fn plan(
    distort: Distort,
    input: Size,
    background: Option<Color>,
) -> Result<Option<PlannedDistort>, ImagingError> {
    let (shape, size) = match distort {
        Distort::Perspective(corners) => perspective(corners)?,
        Distort::Arc(degrees) if !degrees.is_finite() || degrees.abs() < FLAT_DEGREES => {
            return Ok(None);
        }
        Distort::Arc(degrees) => arc(degrees, input),
    };
    Ok(Some(PlannedDistort {
        shape,
        size,
        outside: background.unwrap_or(CLEAR),
    }))
}

fn perspective(corners: [[i32; 2]; 4]) -> Result<(Shape, Size), ImagingError> {
    let wide = corners.map(|corner| corner.map(i64::from));
    let [first, second, third, fourth] = wide;
    let turns = [
        turn(first, second, third),
        turn(second, third, fourth),
        turn(third, fourth, first),
        turn(fourth, first, second),
    ];
    if !turns.iter().all(|turn| *turn > 0) && !turns.iter().all(|turn| *turn < 0) {
        return Err(invalid(
            "the corners of e-distort-p must make a shape without dents or crossings; give them clockwise from the top left",
        ));
    }
    let bounds = |axis: fn([i64; 2]) -> i64| {
        let values = wide.map(axis);
        let least = values.iter().copied().min().unwrap_or_default();
        let most = values.iter().copied().max().unwrap_or_default();
        (least, u32::try_from(most - least).unwrap_or(u32::MAX))
    };
    let (left, width) = bounds(|[x, _]| x);
    let (top, height) = bounds(|[_, y]| y);
    let moved = wide.map(|[x, y]| [distance(x, left), distance(y, top)]);
    Ok((Shape::Perspective(moved), Size { width, height }))
}

/// Above 0 for a right turn at `corner`. Coordinates are at most a million, so the product fits.
fn turn(before: [i64; 2], corner: [i64; 2], after: [i64; 2]) -> i64 {
    let ([before_x, before_y], [x, y], [after_x, after_y]) = (before, corner, after);
    (x - before_x) * (after_y - y) - (y - before_y) * (after_x - x)
}

fn distance(value: i64, from: i64) -> f64 {
    f64::from(u32::try_from(value - from).unwrap_or(u32::MAX))
}

/// The middle row keeps its length; rows beyond the centre of the circle vanish.
fn arc(degrees: f64, input: Size) -> (Shape, Size) {
    let span = degrees.abs().min(360.0).to_radians();
    let (width, height) = (f64::from(input.width), f64::from(input.height));
    let outer = width / span + height / 2.0;
    let inner = (outer - height).max(0.0);
    let half = span / 2.0;
    let size = if half <= std::f64::consts::FRAC_PI_2 {
        Size {
            width: whole_pixels(2.0 * outer * half.sin()),
            height: whole_pixels(outer - inner * half.cos()),
        }
    } else {
        Size {
            width: whole_pixels(2.0 * outer),
            height: whole_pixels(outer - outer * half.cos()),
        }
    };
    let shape = Shape::Arc {
        span,
        outer,
        is_downward: degrees < 0.0,
    };
    (shape, size)
}
