use limpid_delivery_url::transformation::{
    Anchor, AspectRatio, Crop, DevicePixelRatio, Length, OutputOptions,
};
use proptest::prelude::*;

use super::*;

const PORTRAIT: Size = Size {
    width: 740,
    height: 1000,
};
const LANDSCAPE: Size = Size {
    width: 1200,
    height: 800,
};

fn sized(width: u32, height: u32, crop: Crop) -> Step {
    Step {
        width: Some(Length::Pixels(width)),
        height: Some(Length::Pixels(height)),
        crop: Some(crop),
        ..Step::default()
    }
}

fn planned(source: Size, steps: Vec<Step>) -> Result<Plan, ImagingError> {
    plan(&Transformation { steps }, source, &Limits::default())
}

fn result(source: Size, step: Step) -> (u32, u32) {
    let size = planned(source, vec![step]).unwrap().size;
    (size.width, size.height)
}

fn first(source: Size, step: Step) -> PlannedStep {
    planned(source, vec![step]).unwrap().steps[0]
}

fn crop_of(source: Size, step: Step) -> (f64, f64, f64, f64) {
    let Region {
        left,
        top,
        width,
        height,
    } = first(source, step).crop;
    (left, top, width, height)
}

#[test]
fn one_side_keeps_the_proportions_and_may_enlarge() {
    let width = |length| Step {
        width: Some(length),
        ..Step::default()
    };
    let height = |length| Step {
        height: Some(length),
        ..Step::default()
    };
    assert_eq!(result(LANDSCAPE, width(Length::Pixels(200))), (200, 133));
    assert_eq!(result(LANDSCAPE, height(Length::Pixels(200))), (300, 200));
    assert_eq!(result(LANDSCAPE, width(Length::Fraction(0.4))), (480, 320));
    assert_eq!(result(LANDSCAPE, width(Length::Pixels(2400))), (2400, 1600));
    let at_max = Step {
        crop: Some(Crop::AtMax),
        ..width(Length::Pixels(2400))
    };
    assert_eq!(result(LANDSCAPE, at_max), (1200, 800));
}

#[test]
fn an_aspect_ratio_gives_the_missing_side_and_is_ignored_beside_both() {
    let ratio = Some(AspectRatio {
        width: 4.0,
        height: 3.0,
    });
    let width = Step {
        width: Some(Length::Pixels(400)),
        aspect_ratio: ratio,
        ..Step::default()
    };
    assert_eq!(result(LANDSCAPE, width), (400, 300));
    let height = Step {
        height: Some(Length::Pixels(300)),
        aspect_ratio: ratio,
        ..Step::default()
    };
    assert_eq!(result(LANDSCAPE, height), (400, 300));
    let both = Step {
        aspect_ratio: ratio,
        ..sized(100, 50, Crop::Force)
    };
    assert_eq!(result(LANDSCAPE, both), (100, 50));
    assert_eq!(
        result(
            LANDSCAPE,
            Step {
                aspect_ratio: ratio,
                ..Step::default()
            }
        ),
        (1200, 800)
    );
}

#[test]
fn every_crop_gives_its_documented_size() {
    assert_eq!(result(PORTRAIT, sized(300, 200, Crop::AtMax)), (148, 200));
    assert_eq!(result(PORTRAIT, sized(300, 200, Crop::AtLeast)), (300, 405));
    assert_eq!(
        result(PORTRAIT, sized(850, 1000, Crop::AtMaxEnlarge)),
        (740, 1000)
    );
    assert_eq!(
        result(PORTRAIT, sized(1480, 2100, Crop::AtMaxEnlarge)),
        (1480, 2000)
    );
    assert_eq!(
        result(PORTRAIT, sized(1480, 2100, Crop::AtMax)),
        (740, 1000)
    );
    for exact in [
        Crop::MaintainRatio,
        Crop::Force,
        Crop::PadResize,
        Crop::PadResizeNoEnlarge,
    ] {
        assert_eq!(
            result(PORTRAIT, sized(300, 200, exact)),
            (300, 200),
            "{exact:?}"
        );
        assert_eq!(
            result(PORTRAIT, sized(3000, 200, exact)),
            (3000, 200),
            "{exact:?}"
        );
    }
}

#[test]
fn maintain_ratio_cuts_around_the_focus() {
    assert_eq!(
        crop_of(PORTRAIT, sized(300, 300, Crop::MaintainRatio)),
        (0.0, 130.0, 740.0, 740.0)
    );
    let top = Step {
        focus: Some(Focus::Anchor(Anchor::Top)),
        ..sized(300, 300, Crop::MaintainRatio)
    };
    assert_eq!(crop_of(PORTRAIT, top), (0.0, 0.0, 740.0, 740.0));
    let force = first(PORTRAIT, sized(300, 300, Crop::Force));
    assert_eq!(force.crop, PORTRAIT.region());
}

#[test]
fn maintain_ratio_without_enlarging_keeps_the_shape_or_the_frame() {
    let crop = Crop::MaintainRatioNoEnlarge;
    assert_eq!(result(PORTRAIT, sized(300, 200, crop)), (300, 200));
    assert_eq!(result(PORTRAIT, sized(1480, 1480, crop)), (740, 740));
    assert_eq!(result(PORTRAIT, sized(2000, 100, crop)), (740, 37));
}

#[test]
fn padding_is_where_the_focus_is_not() {
    let place = |focus| {
        let step = Step {
            focus: Some(Focus::Anchor(focus)),
            ..sized(500, 500, Crop::PadResize)
        };
        let canvas = first(PORTRAIT, step).canvas.unwrap();
        (canvas.left, canvas.top)
    };
    assert_eq!(place(Anchor::Center), (65, 0));
    assert_eq!(place(Anchor::Left), (0, 0));
    assert_eq!(place(Anchor::BottomRight), (130, 0));
    let wide = Step {
        focus: Some(Focus::Anchor(Anchor::Top)),
        ..sized(600, 600, Crop::PadResize)
    };
    let canvas = first(LANDSCAPE, wide).canvas.unwrap();
    assert_eq!((canvas.left, canvas.top, canvas.color), (0, 0, BLACK));
}

#[test]
fn an_extract_is_not_scaled_and_follows_anchor_corner_and_centre() {
    let extract = || sized(300, 200, Crop::Extract);
    assert_eq!(crop_of(LANDSCAPE, extract()), (450.0, 300.0, 300.0, 200.0));
    let anchored = Step {
        focus: Some(Focus::Anchor(Anchor::BottomRight)),
        ..extract()
    };
    assert_eq!(crop_of(LANDSCAPE, anchored), (900.0, 600.0, 300.0, 200.0));
    let corner = Step {
        x: Some(10),
        y: Some(20),
        ..extract()
    };
    assert_eq!(crop_of(LANDSCAPE, corner), (10.0, 20.0, 300.0, 200.0));
    let centre = Step {
        x_center: Some(160),
        y_center: Some(110),
        ..extract()
    };
    assert_eq!(crop_of(LANDSCAPE, centre), (10.0, 10.0, 300.0, 200.0));
    let over_the_edge = Step {
        x: Some(1100),
        y: Some(700),
        ..extract()
    };
    assert_eq!(
        crop_of(LANDSCAPE, over_the_edge),
        (1100.0, 700.0, 100.0, 100.0)
    );
    assert_eq!(
        result(LANDSCAPE, sized(2000, 200, Crop::Extract)),
        (1200, 200)
    );
}

#[test]
fn an_extract_outside_the_picture_is_refused() {
    let refused = [
        Step {
            x_center: Some(10),
            ..sized(300, 200, Crop::Extract)
        },
        Step {
            y_center: Some(800),
            ..sized(300, 200, Crop::Extract)
        },
        Step {
            x: Some(1200),
            ..sized(300, 200, Crop::Extract)
        },
        Step {
            y: Some(-1),
            ..sized(300, 200, Crop::Extract)
        },
        Step {
            x: Some(i32::MAX),
            y: Some(i32::MIN),
            ..sized(65_535, 1, Crop::Extract)
        },
    ];
    for step in refused {
        let outcome = planned(LANDSCAPE, vec![step]);
        assert!(
            matches!(outcome, Err(ImagingError::InvalidTransformation { .. })),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_padded_extract_has_exactly_its_size() {
    let padded = first(LANDSCAPE, sized(1400, 400, Crop::PadExtract));
    assert_eq!((padded.size.width, padded.size.height), (1400, 400));
    assert_eq!(
        padded.crop,
        Region {
            left: 0.0,
            top: 200.0,
            width: 1200.0,
            height: 400.0
        }
    );
    let canvas = padded.canvas.unwrap();
    assert_eq!((canvas.left, canvas.top, canvas.color), (100, 0, BLACK));
    assert_eq!(
        result(LANDSCAPE, sized(1400, 400, Crop::PadExtractNoShrink)),
        (1400, 800)
    );
}

#[test]
fn quarter_turns_swap_sides_and_other_angles_grow_the_picture() {
    let turned = |degrees| Step {
        rotation: Some(Rotation::Degrees(degrees)),
        ..Step::default()
    };
    assert_eq!(result(LANDSCAPE, turned(90.0)), (800, 1200));
    assert_eq!(result(LANDSCAPE, turned(-90.0)), (800, 1200));
    assert_eq!(result(LANDSCAPE, turned(180.0)), (1200, 800));
    assert_eq!(result(LANDSCAPE, turned(720.0)), (1200, 800));
    assert_eq!(
        result(LANDSCAPE, turned(-40.0)),
        result(LANDSCAPE, turned(320.0))
    );
    assert_eq!(result(LANDSCAPE, turned(45.0)), (1414, 1414));
    assert_eq!(
        first(LANDSCAPE, turned(-90.0)).turn,
        Some(Turn::Quarter(Orientation::Turned270))
    );
}

#[test]
fn the_order_of_steps_matters() {
    let resize = || sized(400, 300, Crop::MaintainRatio);
    let turn = || Step {
        rotation: Some(Rotation::Degrees(90.0)),
        ..Step::default()
    };
    let size = |steps| planned(LANDSCAPE, steps).unwrap().size;
    assert_eq!(
        size(vec![resize(), turn()]),
        Size {
            width: 300,
            height: 400
        }
    );
    assert_eq!(
        size(vec![turn(), resize()]),
        Size {
            width: 400,
            height: 300
        }
    );
}

#[test]
fn a_device_pixel_ratio_that_leads_too_far_is_ignored() {
    let times = |ratio, width| Step {
        width: Some(Length::Pixels(width)),
        device_pixel_ratio: Some(DevicePixelRatio::Times(ratio)),
        ..Step::default()
    };
    assert_eq!(result(LANDSCAPE, times(2.0, 300)), (600, 400));
    assert_eq!(result(LANDSCAPE, times(5.0, 2000)).0, 2000);
    assert_eq!(result(LANDSCAPE, times(0.1, 5)).0, 5);
}

#[test]
fn every_step_of_a_chain_is_judged_by_itself() {
    let chain = vec![
        sized(20_000, 20_000, Crop::Force),
        sized(10, 10, Crop::Force),
    ];
    let outcome = planned(LANDSCAPE, chain);
    assert!(
        matches!(
            outcome,
            Err(ImagingError::OutputTooLarge { width: 20_000, .. })
        ),
        "{outcome:?}"
    );
    let at_least = planned(
        Size {
            width: 10_000,
            height: 10,
        },
        vec![sized(10, 10_000, Crop::AtLeast)],
    );
    assert!(
        matches!(at_least, Err(ImagingError::OutputTooLarge { .. })),
        "{at_least:?}"
    );
}

#[test]
fn the_last_quality_and_format_win() {
    let step = |quality, format| Step {
        quality,
        format,
        ..Step::default()
    };
    let plan = planned(
        LANDSCAPE,
        vec![step(Some(10), Some(Format::Png)), step(Some(20), None)],
    )
    .unwrap();
    assert_eq!((plan.quality, plan.format), (Some(20), Some(Format::Png)));
}

#[test]
fn what_this_engine_cannot_do_is_refused_by_name() {
    let credentials = Step {
        output: OutputOptions {
            content_credentials: Some(true),
            ..OutputOptions::default()
        },
        ..Step::default()
    };
    let outcome = planned(LANDSCAPE, vec![credentials.clone()]);
    assert!(
        matches!(outcome, Err(ImagingError::InvalidTransformation { .. })),
        "{outcome:?}"
    );
    let original = Step {
        original: true,
        ..credentials
    };
    assert!(planned(LANDSCAPE, vec![original]).unwrap().original);
}

#[test]
fn hundreds_of_steps_are_refused() {
    let outcome = planned(LANDSCAPE, vec![sized(10, 10, Crop::Force); 500]);
    assert!(matches!(
        outcome,
        Err(ImagingError::InvalidTransformation { .. })
    ));
}

fn any_crop() -> impl Strategy<Value = Crop> {
    prop::sample::select(vec![
        Crop::MaintainRatio,
        Crop::MaintainRatioNoEnlarge,
        Crop::Force,
        Crop::AtMax,
        Crop::AtMaxEnlarge,
        Crop::AtLeast,
        Crop::PadResize,
        Crop::PadResizeNoEnlarge,
        Crop::Extract,
        Crop::PadExtract,
        Crop::PadExtractNoShrink,
    ])
}

fn any_length() -> impl Strategy<Value = Option<Length>> {
    prop_oneof![
        Just(None),
        (1u32..=65_535).prop_map(|pixels| Some(Length::Pixels(pixels))),
        (0.0001f64..=1.0).prop_map(|fraction| Some(Length::Fraction(fraction))),
    ]
}

prop_compose! {
    fn any_step()(
        width in any_length(),
        height in any_length(),
        crop in any_crop(),
        x in proptest::option::of(any::<i32>()),
        x_center in proptest::option::of(-100i32..70_000),
        degrees in proptest::option::of(-720.0f64..720.0),
    ) -> Step {
        let rotation = degrees.map(Rotation::Degrees);
        Step { width, height, crop: Some(crop), x, x_center, rotation, ..Step::default() }
    }
}

proptest! {
    #[test]
    fn whatever_is_planned_stays_inside_its_picture_and_its_limits(
        width in 1u32..20_000,
        height in 1u32..20_000,
        steps in proptest::collection::vec(any_step(), 0..4),
    ) {
        let source = Size { width, height };
        let limits = Limits::default();
        let Ok(plan) = plan(&Transformation { steps }, source, &limits) else { return Ok(()) };
        let mut input = source;
        for step in &plan.steps {
            let Region { left, top, width, height } = step.crop;
            prop_assert!(left >= 0.0 && top >= 0.0 && width > 0.0 && height > 0.0, "{step:?}");
            prop_assert!(left + width <= f64::from(input.width) + 1e-6, "{step:?} of {input:?}");
            prop_assert!(top + height <= f64::from(input.height) + 1e-6, "{step:?} of {input:?}");
            prop_assert!(step.scaled.area() > 0 && step.size.area() > 0);
            prop_assert!(step.scaled.area() <= limits.max_pixels && step.size.area() <= limits.max_pixels);
            if let Some(canvas) = step.canvas {
                prop_assert!(canvas.left + step.scaled.width <= canvas.size.width);
                prop_assert!(canvas.top + step.scaled.height <= canvas.size.height);
            }
            input = step.size;
        }
        prop_assert_eq!(input, plan.size);
    }

    #[test]
    fn a_fitted_picture_touches_its_frame_and_keeps_its_proportions(
        source_width in 1u32..5_000,
        source_height in 1u32..5_000,
        width in 1u32..5_000,
        height in 1u32..5_000,
    ) {
        let source = Size { width: source_width, height: source_height };
        let frame = Size { width, height };
        let inside = source.scaled_inside(frame);
        prop_assert!(inside.fits_inside(frame));
        prop_assert!(inside.width == frame.width || inside.height == frame.height);
        let cover = source.scaled_to_cover(frame);
        prop_assert!(frame.fits_inside(cover));
        prop_assert!(cover.width == frame.width || cover.height == frame.height);
        let exact = f64::from(inside.width) * f64::from(source.height) / f64::from(source.width);
        prop_assert!((exact - f64::from(inside.height)).abs() <= 0.5 + f64::from(source.height) / f64::from(source.width)
            || inside.height == 1);
    }
}
