//! What changes the pixels of a picture where they are, on pictures small enough to say what each pixel must be.

use image::{Rgba, RgbaImage};

use crate::{
    asked::{made, refusal},
    pictures::{even, framed, half_clear, png, quarters},
};

#[test]
fn grayscale_makes_the_three_channels_equal_and_keeps_alpha() {
    let gray = made(&png(half_clear(20, 20)), "e-grayscale");
    for Rgba([red, green, blue, _]) in gray.pixels() {
        assert!(red == green && green == blue);
    }
    assert_eq!(gray.get_pixel(0, 19).0[3], 0);
    let known = made(&png(even(1, 1, [255, 0, 0, 255])), "e-grayscale");
    assert_eq!(known.get_pixel(0, 0), &Rgba([54, 54, 54, 255]));
}

#[test]
fn contrast_stretches_what_there_is_over_everything() {
    let source = RgbaImage::from_fn(100, 10, |x, _| {
        let level = 100 + (x / 2) as u8;
        Rgba([level, level, level, 255])
    });
    let stretched = made(&png(source), "e-contrast");
    let level = |x| stretched.get_pixel(x, 5).0[0];
    assert_eq!((level(0), level(99)), (0, 255));
    assert!((120..136).contains(&level(50)), "{}", level(50));
    let flat = even(5, 5, [77, 77, 77, 255]);
    assert_eq!(made(&png(flat.clone()), "e-contrast"), flat);
}

#[test]
fn blur_keeps_what_is_even_and_the_mean_of_what_is_not() {
    for asked in ["bl-1", "bl-10", "bl-100"] {
        let flat = even(30, 20, [13, 130, 230, 255]);
        assert_eq!(made(&png(flat.clone()), asked), flat, "{asked}");
    }
    // the edges repeat, so the mean is kept where they are alike
    let source = framed(
        60,
        (20, 20, 20, 20),
        [240, 240, 240, 255],
        [40, 40, 40, 255],
    );
    let mean = |picture: &RgbaImage| {
        picture
            .pixels()
            .map(|pixel| f64::from(pixel.0[0]))
            .sum::<f64>()
            / 3600.0
    };
    let blurred = made(&png(source.clone()), "bl-4");
    assert!((mean(&blurred) - mean(&source)).abs() < 0.5);
    assert!(blurred.get_pixel(30, 30).0[0] > 200 && blurred.get_pixel(20, 30).0[0] < 160);
    assert_eq!(blurred.get_pixel(0, 0).0[0], 40);
}

#[test]
fn clear_pixels_lend_no_colour_to_a_blur() {
    let source = framed(40, (10, 10, 20, 20), [200, 100, 50, 255], [0, 255, 0, 0]);
    let blurred = made(&png(source), "bl-5");
    for Rgba([red, green, blue, alpha]) in blurred.pixels().filter(|pixel| pixel.0[3] > 40) {
        assert!(
            red.abs_diff(200) <= 3 && green.abs_diff(100) <= 3 && blue.abs_diff(50) <= 3,
            "{red} {green} {blue} {alpha}"
        );
    }
}

#[test]
fn sharpening_steepens_edges_and_leaves_the_even_alone() {
    let source = RgbaImage::from_fn(40, 10, |x, _| {
        let level = if x < 20 { 100 } else { 150 };
        Rgba([level, level, level, 255])
    });
    let bytes = png(source.clone());
    for asked in [
        "e-sharpen",
        "e-sharpen-50",
        "e-usm-2-2-0.8-0.024",
        "e-usm-5-20-3-0",
        "e-usm-0-30-1-0.01",
    ] {
        let sharp = made(&bytes, asked);
        assert!(
            sharp.get_pixel(19, 5).0[0] < 100 && sharp.get_pixel(20, 5).0[0] > 150,
            "{asked}"
        );
    }
    assert_eq!(made(&bytes, "e-sharpen").get_pixel(2, 5).0[0], 100);
    assert_eq!(
        made(&bytes, "e-usm-2-2-0.8-0.5"),
        source,
        "nothing differs by half of all levels"
    );
    let weak = made(&bytes, "e-sharpen-1").get_pixel(19, 5).0[0];
    assert!(weak > made(&bytes, "e-sharpen-99").get_pixel(19, 5).0[0]);
}

#[test]
fn colorize_tints_by_brightness() {
    let bytes = png(even(2, 2, [200, 40, 90, 255]));
    assert_eq!(made(&bytes, "e-colorize"), made(&bytes, "e-grayscale"));
    assert_eq!(
        made(&bytes, "e-colorize-co-FF0000_in-0"),
        even(2, 2, [200, 40, 90, 255])
    );
    let middle = made(
        &png(even(1, 1, [128, 128, 128, 255])),
        "e-colorize-co-FF8040",
    );
    assert_eq!(middle.get_pixel(0, 0), &Rgba([255, 128, 64, 255]));
    for end in [[0, 0, 0, 255], [255, 255, 255, 255]] {
        assert_eq!(
            made(&png(even(1, 1, end)), "e-colorize-co-FF8040"),
            even(1, 1, end)
        );
    }
}

#[test]
fn a_gradient_runs_from_white_at_the_top_to_nothing_at_the_bottom_by_default() {
    let bytes = png(even(10, 100, [0, 0, 0, 255]));
    let plain = made(&bytes, "e-gradient");
    let red = |picture: &RgbaImage, x, y| picture.get_pixel(x, y).0[0];
    assert!(red(&plain, 5, 0) >= 253 && red(&plain, 5, 99) <= 2);
    assert!((125..=130).contains(&red(&plain, 5, 50)));
    let short = made(&bytes, "e-gradient-sp-0.5");
    assert!(red(&short, 5, 51) == 0 && red(&short, 5, 25) > 120);
    assert_eq!(made(&bytes, "e-gradient-sp-50"), short);
    assert_eq!(made(&bytes, "e-gradient-sp-ih_div_2"), short);
    let right = made(
        &png(even(100, 10, [0, 0, 0, 255])),
        "e-gradient-ld-right_from-FF0000_to-0000FF",
    );
    assert!(right.get_pixel(0, 5).0[0] > 250 && right.get_pixel(99, 5).0[2] > 250);
    let corner = made(&png(even(50, 50, [0, 0, 0, 255])), "e-gradient-ld-135");
    assert!(red(&corner, 0, 0) > 245 && red(&corner, 49, 49) < 10);
}

#[test]
fn a_shadow_lies_behind_and_needs_something_to_fall_on() {
    let source = framed(100, (30, 30, 40, 40), [200, 100, 50, 255], [0, 0, 0, 0]);
    let cast = made(&png(source), "e-shadow-bl-2_st-60_x-10_y-N10");
    assert_eq!(cast.get_pixel(50, 50), &Rgba([200, 100, 50, 255]));
    let Rgba([red, green, blue, alpha]) = *cast.get_pixel(75, 40);
    assert_eq!((red, green, blue), (0, 0, 0));
    assert!((145..=155).contains(&alpha), "{alpha}");
    assert_eq!(cast.get_pixel(10, 10).0[3], 0);
    let sentence = refusal(&png(quarters(10, 10)), "e-shadow");
    assert!(sentence.contains("not have transparency"), "{sentence}");
}

#[test]
fn a_colour_is_replaced_within_its_tolerance() {
    let source = RgbaImage::from_fn(20, 10, |x, _| {
        Rgba(if x < 15 {
            [250, 10, 10, 255]
        } else {
            [10, 10, 250, 255]
        })
    });
    let bytes = png(source);
    let dominant = made(&bytes, "cr-00FF00");
    assert_eq!(dominant.get_pixel(2, 5), &Rgba([0, 255, 0, 255]));
    assert_eq!(dominant.get_pixel(18, 5), &Rgba([10, 10, 250, 255]));
    let named = made(&bytes, "cr-00FF00_10_0A0AFA");
    assert_eq!(named.get_pixel(18, 5), &Rgba([0, 255, 0, 255]));
    assert_eq!(named.get_pixel(2, 5), &Rgba([250, 10, 10, 255]));
    let shade = made(&png(even(1, 1, [240, 20, 20, 255])), "cr-00FF00_20_FA0A0A");
    assert_eq!(
        shade.get_pixel(0, 0),
        &Rgba([0, 255, 10, 255]),
        "a shade stays a shade"
    );
    assert_eq!(
        made(&bytes, "cr-00FF0000_10_0A0AFA").get_pixel(18, 5).0[3],
        0
    );
    assert_eq!(
        made(&bytes, "cr-00FF00_0_0B0AFA").get_pixel(18, 5),
        &Rgba([10, 10, 250, 255])
    );
}
