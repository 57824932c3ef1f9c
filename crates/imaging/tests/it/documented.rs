//! The documented figures, as the URLs that ask for them. Source: `imagekit.md` 5.3 to 5.5 and R36 to R42, R124 to R133.

use image::{Rgba, RgbaImage};
use limpid_imaging::ImagingError;

use crate::{
    asked::{made, planned, planned_size},
    pictures::{half_clear, png, quarters},
};

const LANDSCAPE: (u32, u32) = (1200, 800);
const PORTRAIT: (u32, u32) = (740, 1000);

#[test]
fn sizes_follow_w_h_ar_and_dpr() {
    for (asked, size) in [
        ("w-200", (200, 133)),
        ("w-0.4", (480, 320)),
        ("h-0.4", (480, 320)),
        ("h-200", (300, 200)),
        ("w-1", (1200, 800)),
        ("ar-4-3,w-400", (400, 300)),
        ("ar-4-3,h-300", (400, 300)),
        ("ar-4-3,w-100,h-50", (100, 50)),
        ("ar-4-3", (1200, 800)),
        ("w-70000", (1200, 800)),
        ("w-200,dpr-2", (400, 267)),
        ("w-2000,dpr-5", (2000, 1333)),
        ("w-5,dpr-0.1", (5, 3)),
        ("dpr-2", (1200, 800)),
        ("w-iw_div_2", (600, 400)),
        ("w-400,h-300:rt-90", (300, 400)),
        ("rt-90:w-400,h-300", (400, 300)),
        ("rt-N40", (1433, 1384)),
        ("fl-h_v", (1200, 800)),
    ] {
        assert_eq!(planned_size(LANDSCAPE, asked), size, "{asked}");
    }
}

#[test]
fn the_eleven_crop_modes_give_their_documented_sizes() {
    for (asked, size) in [
        ("w-300,h-200", (300, 200)),
        ("w-300,h-200,c-maintain_ratio", (300, 200)),
        ("w-300,h-200,c-maintain_ratio_no_enlarge", (300, 200)),
        ("w-1480,h-1480,c-maintain_ratio_no_enlarge", (740, 740)),
        ("w-300,h-200,c-force", (300, 200)),
        ("w-300,h-200,c-at_max", (148, 200)),
        ("w-3000,h-2000,c-at_max", (740, 1000)),
        ("w-850,h-1000,c-at_max_enlarge", (740, 1000)),
        ("w-300,h-200,c-at_least", (300, 405)),
        ("w-300,h-200,cm-pad_resize", (300, 200)),
        ("w-3000,h-2000,cm-pad_resize_no_enlarge", (3000, 2000)),
        ("w-300,h-200,cm-extract", (300, 200)),
        ("w-1000,h-200,cm-pad_extract", (1000, 200)),
        ("w-1000,h-200,cm-pad_extract_no_shrink", (1000, 1000)),
        ("w-300,h-200,c-force,cm-pad_resize", (300, 200)),
    ] {
        assert_eq!(planned_size(PORTRAIT, asked), size, "{asked}");
    }
}

#[test]
fn every_anchor_extracts_its_own_part() {
    for (anchor, corner) in [
        ("center", (450.0, 300.0)),
        ("top", (450.0, 0.0)),
        ("left", (0.0, 300.0)),
        ("bottom", (450.0, 600.0)),
        ("right", (900.0, 300.0)),
        ("top_left", (0.0, 0.0)),
        ("top_right", (900.0, 0.0)),
        ("bottom_left", (0.0, 600.0)),
        ("bottom_right", (900.0, 600.0)),
    ] {
        let asked = format!("w-300,h-200,cm-extract,fo-{anchor}");
        let plan = planned(LANDSCAPE, &asked).unwrap();
        let crop = plan.steps[0].crop;
        assert_eq!((crop.left, crop.top), corner, "{anchor}");
    }
    for (asked, corner) in [
        ("w-300,h-200,cm-extract,x-10,y-20", (10.0, 20.0)),
        ("w-300,h-200,cm-extract,xc-160,yc-110", (10.0, 10.0)),
        ("w-300,h-200,cm-extract,x-iw_div_2", (600.0, 300.0)),
    ] {
        let crop = planned(LANDSCAPE, asked).unwrap().steps[0].crop;
        assert_eq!((crop.left, crop.top), corner, "{asked}");
    }
    let outside = planned(LANDSCAPE, "w-300,h-200,cm-extract,xc-1199");
    assert!(
        matches!(outside, Err(ImagingError::InvalidTransformation { .. })),
        "{outside:?}"
    );
}

#[test]
fn padding_is_black_or_the_colour_asked_for_and_lies_opposite_the_focus() {
    let source = png(quarters(40, 40));
    let black = made(&source, "w-80,h-40,cm-pad_resize");
    assert_eq!(black.get_pixel(5, 20).0, [0, 0, 0, 255]);
    let left = made(&source, "w-80,h-40,cm-pad_resize,bg-F3F3F3,fo-left");
    assert_eq!(left.get_pixel(79, 20).0, [0xf3, 0xf3, 0xf3, 255]);
    assert_eq!(left.get_pixel(0, 0).0, [250, 10, 10, 255]);
    let top = made(&source, "w-40,h-80,cm-pad_resize,bg-F3F3F350,fo-top");
    // two decimal digits: 50 is an opacity of 0.50, or 128 of 255
    assert_eq!(top.get_pixel(20, 79).0, [0xf3, 0xf3, 0xf3, 128]);
}

#[test]
fn the_dominant_colour_stands_behind_transparency_without_padding_too() {
    let circle = RgbaImage::from_fn(20, 20, |x, _| {
        if x < 15 {
            Rgba([0, 128, 255, 255])
        } else {
            Rgba([9, 9, 9, 0])
        }
    });
    let made = made(&png(circle), "bg-dominant");
    assert!(
        made.pixels()
            .all(|pixel| *pixel == Rgba([0, 128, 255, 255]))
    );
}

#[test]
fn with_opacity_the_alpha_of_the_background_is_ignored() {
    let source = png(half_clear(20, 20));
    let clear = made(&source, "o-50,bg-FF000010");
    assert_eq!(*clear.get_pixel(5, 15), Rgba([255, 0, 0, 255]));
    let alone = made(&source, "bg-FF000050");
    assert_eq!(alone.get_pixel(5, 15).0[3], 128);
}

#[test]
fn a_shadow_takes_two_megapixels_and_the_picture_may_be_made_smaller_first() {
    let large = (2000, 1500);
    let outcome = planned(large, "e-shadow");
    assert!(
        matches!(outcome, Err(ImagingError::InvalidTransformation { .. })),
        "{outcome:?}"
    );
    assert_eq!(planned_size(large, "w-500,e-shadow"), (500, 375));
    assert_eq!(planned_size(large, "w-500:e-shadow"), (500, 375));
    assert_eq!(planned_size((2000, 1000), "e-shadow"), (2000, 1000));
}

#[test]
fn every_step_and_every_border_is_judged_by_the_limits() {
    for asked in [
        "w-20000,h-20000",
        "w-20000,h-20000:w-10",
        "b-60000_FF0000",
        "b-60000_FF0000:w-10",
        "e-distort-p-0_0_900000_0_900000_900000_0_900000",
    ] {
        let outcome = planned(LANDSCAPE, asked);
        assert!(
            matches!(outcome, Err(ImagingError::OutputTooLarge { .. })),
            "{asked}: {outcome:?}"
        );
    }
    assert_eq!(planned_size(LANDSCAPE, "b-20_FF0000"), (1240, 840));
}

#[test]
fn what_only_the_pixels_can_tell_keeps_the_size() {
    for focus in ["auto", "face", "person_car", "custom"] {
        let size = planned_size(LANDSCAPE, &format!("w-300,h-300,fo-{focus}"));
        assert_eq!(size, (300, 300), "{focus}");
    }
    // with one side nothing is cut, so there is nothing to place
    assert_eq!(
        planned(LANDSCAPE, "w-300,fo-auto").unwrap().steps[0].focus,
        None
    );
}
