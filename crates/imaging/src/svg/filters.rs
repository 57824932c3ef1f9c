//! How much work filters ask for whose cost per pixel the document chooses: a radius, a matrix, a number of octaves. The
//! others go over their area once, which `budget` counts.

use resvg::{
    tiny_skia::Transform,
    usvg::filter::{Filter, Kind},
};

use crate::geometry::Size;

/// A filter works on up to this many times the canvas. Source: resvg's `max_filter_bbox`, 5 by 5.
const FILTER_AREA: f64 = 25.0;
/// Steps of one octave of noise in four channels, in comparisons of pixels.
const OCTAVE_STEPS: f64 = 40.0;

/// Steps it takes to apply a filter under a transformation, on a canvas of this size.
pub(super) fn steps(filter: &Filter, transform: Transform, canvas: Size) -> f64 {
    let (across, down) = transform.get_scale();
    let (across, down) = (f64::from(across), f64::from(down));
    let rect = filter.rect();
    let wanted = f64::from(rect.width()) * across * f64::from(rect.height()) * down;
    #[expect(clippy::cast_precision_loss, reason = "areas are far below 2^53")]
    let most = canvas.area() as f64 * FILTER_AREA;
    // what isn't a number counts as too large
    let area = if wanted < most { wanted } else { most };
    let steps = filter.primitives().iter().map(|primitive| {
        let each = match primitive.kind() {
            Kind::Morphology(kind) => {
                let columns = 2.0 * f64::from(kind.radius_x().get()) * across + 1.0;
                let rows = 2.0 * f64::from(kind.radius_y().get()) * down + 1.0;
                (columns * rows).min(area)
            }
            Kind::ConvolveMatrix(kind) => {
                f64::from(kind.matrix().columns()) * f64::from(kind.matrix().rows())
            }
            Kind::Turbulence(kind) => f64::from(kind.num_octaves()) * OCTAVE_STEPS,
            _ => 0.0,
        };
        each * area
    });
    steps.sum()
}
