//! Any transformation of a picture of any size within the limits: a plan that keeps to them at every step, or a reason.
//! Shape of an input: `640x480 w-300,h-200:rt-90`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use limpid_delivery_url::transformation;
use limpid_imaging::{
    Inputs, Limits,
    geometry::Size,
    plan::{PlannedStep, Surroundings, Turn, plan_in},
};

/// The file of every layer that is called `a`: 2 × 2 px or so.
const LAYER: &[u8] = include_bytes!("../seeds/probe/png_rgba");

fuzz_target!(|text: &str| {
    let Some((size, transformation)) = text.split_once(' ') else {
        return;
    };
    let Some((width, height)) = size.split_once('x') else {
        return;
    };
    let (Ok(width), Ok(height)) = (width.parse(), height.parse()) else {
        return;
    };
    let source = Size { width, height };
    let limits = Limits::default();
    if source.area() == 0 || limits.check_source(source, 1).is_err() {
        return;
    }
    let Ok(transformation) = transformation::parse(transformation) else {
        return;
    };
    let inputs: Inputs<'_> = [("a", LAYER)].into_iter().collect();
    let surroundings = Surroundings::of_original(&limits, &inputs);
    let Ok(plan) = plan_in(&transformation, source, &surroundings) else {
        return;
    };
    let mut input = source;
    for step in &plan.steps {
        check(step, input, &limits, text);
        input = step.size;
    }
    assert!(plan.original || plan.size == input, "{text}");
    assert_eq!(plan.layers.len(), plan.steps.len(), "{text}");
});

/// What a step cuts out lies in its input, and nothing it makes is empty or beyond the limits.
fn check(step: &PlannedStep, input: Size, limits: &Limits, text: &str) {
    let crop = step.crop;
    let (width, height) = (f64::from(input.width), f64::from(input.height));
    assert!(crop.left >= 0.0 && crop.top >= 0.0, "{text}: {crop:?}");
    assert!(crop.width > 0.0 && crop.height > 0.0, "{text}: {crop:?}");
    assert!(crop.left + crop.width <= width + 1e-6, "{text}: {crop:?}");
    assert!(crop.top + crop.height <= height + 1e-6, "{text}: {crop:?}");
    let canvas = step.canvas.map(|canvas| {
        assert!(
            canvas.left + step.scaled.width <= canvas.size.width,
            "{text}"
        );
        assert!(
            canvas.top + step.scaled.height <= canvas.size.height,
            "{text}"
        );
        canvas.size
    });
    let turned = match step.turn {
        Some(Turn::Angle { size, .. }) => Some(size),
        Some(Turn::Quarter(_)) | None => None,
    };
    for size in [Some(step.scaled), canvas, turned, Some(step.size)] {
        let Some(size) = size else { continue };
        assert!(size.area() > 0, "{text}: {size:?}");
        assert!(limits.check_step(size).is_ok(), "{text}: {size:?}");
    }
}
