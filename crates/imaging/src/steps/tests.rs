//! Every step ends soon after its deadline; work is counted, not timed.

use limpid_delivery_url::transformation::{LayerMode, parse};
use moxcms::ColorProfile;

use super::*;
use crate::{
    color, deadline::counted::assert_stops, geometry::Size, limits::Limits, picture::Channels,
    plan::plan, planes::Plane, probe::Orientation,
};

/// Seven looks.
const SIZE: Size = Size {
    width: 800,
    height: 600,
};

fn pixels() -> usize {
    SIZE.area().try_into().unwrap_or_default()
}

/// A block in the middle of something else, half of it less than opaque where there is alpha.
fn picture(channels: Channels) -> Picture {
    let mut picture = Picture::filled(SIZE, channels, [20, 200, 90, 160]);
    let inner = Size {
        width: 600,
        height: 400,
    };
    picture.paste(
        &Picture::filled(inner, channels, [240, 30, 60, 255]),
        100,
        100,
    );
    picture
}

#[test]
fn every_effect_ends_when_nobody_waits_any_more() {
    let of_opaque = [
        "bl-1",
        "bl-30",
        "e-sharpen",
        "e-usm-2-2-0.8-0.024",
        "e-contrast",
        "e-grayscale",
        "e-colorize-co-red_in-50",
        "e-gradient",
        "cr-FF0000_50_00FF00",
        "cr-FF000050_50_00FF00",
        "e-distort-a-60",
        "e-distort-a-N60",
        "e-distort-p-50_50_780_0_800_600_0_500",
        "o-50",
        "r-max",
        "r-200,b-20_FF0000",
        "rt-90",
        "rt-270",
        "rt-33",
        "w-800,h-1300,cm-pad_resize,bg-gradient_dominant_4",
        "w-1300,h-1000,cm-pad_resize_no_enlarge,bg-blurred_50_N20",
    ];
    let of_transparent = [
        "bg-FF0000",
        "bl-30",
        "e-shadow",
        "o-50,bg-00FF00",
        "w-800,h-1300,cm-pad_resize,bg-dominant",
    ];
    let opaque = of_opaque.map(|text| (text, Channels::Rgb));
    let transparent = of_transparent.map(|text| (text, Channels::Rgba));
    for (text, channels) in opaque.into_iter().chain(transparent) {
        let transformation = parse(text).unwrap();
        let plan = plan(&transformation, SIZE, &Limits::default()).unwrap();
        let step = plan.steps.first().unwrap();
        // which it prints where it fails
        println!("{text}");
        assert_stops(pixels(), |deadline| {
            finish(picture(channels), step, deadline)
        });
    }
}

#[test]
fn crops_turns_and_trims_end_when_nobody_waits_any_more() {
    let larger = Size {
        width: 2000,
        height: 1300,
    };
    for channels in [Channels::Rgb, Channels::Rgba] {
        assert_stops(pixels(), |deadline| {
            resize(picture(channels), SIZE.region(), larger, deadline)
        });
        for orientation in [
            Orientation::Transposed,
            Orientation::Turned90,
            Orientation::Turned270,
            Orientation::Transversed,
        ] {
            assert_stops(pixels(), |deadline| {
                orient(picture(channels), orientation, deadline)
            });
        }
        assert_stops(pixels(), |deadline| {
            Kept::of(&picture(channels), 10, deadline)
        });
    }
    let smaller = Size {
        width: 300,
        height: 200,
    };
    assert_stops(pixels(), |deadline| {
        resize(picture(Channels::Rgba), SIZE.region(), smaller, deadline)
    });
}

#[test]
fn a_trim_of_one_colour_looks_at_all_of_it_and_still_ends() {
    for channels in [Channels::Rgb, Channels::Rgba] {
        let uniform = Picture::filled(SIZE, channels, [9, 9, 9, 255]);
        assert_stops(pixels(), |deadline| Kept::of(&uniform, 10, deadline));
        let kept = Kept::of(&uniform, 10, None).unwrap();
        assert_eq!(kept.cut(uniform.clone()), uniform);
    }
}

#[test]
fn laying_displacing_and_converting_end_when_nobody_waits_any_more() {
    let layer = picture(Channels::Rgba);
    for mode in [
        None,
        Some(LayerMode::Multiply),
        Some(LayerMode::Cutter),
        Some(LayerMode::Cutout),
    ] {
        for channels in [Channels::Rgb, Channels::Rgba] {
            assert_stops(pixels(), |deadline| {
                blend::lay(picture(channels), &layer, (0, 0), mode, deadline)
            });
        }
    }
    assert_stops(pixels(), |deadline| {
        let base = picture(Channels::Rgb);
        displace::displace(base, &layer, ((0, 0), (9, 9)), deadline)
    });
    let profile = ColorProfile::new_display_p3().encode().unwrap();
    assert_stops(pixels(), |deadline| {
        color::to_srgb(picture(Channels::Rgb), &profile, deadline)
    });
    assert_stops(pixels(), |deadline| {
        flatten(picture(Channels::Rgba), deadline)
    });
}

#[test]
fn enlarging_a_plane_ends_when_nobody_waits_any_more() {
    let plane = Plane::filled(SIZE, 90);
    let larger = Size {
        width: 2400,
        height: 1800,
    };
    assert_stops(pixels(), |deadline| {
        plane.resized_in_time(SIZE.region(), larger, deadline)
    });
}
