//! One parameter at a time: what its text means (`imagekit.md` 5.3 to 5.7; R38, R115, R116, R124 to R140 as far as the text goes).

use limpid_delivery_url::transformation::{
    Anchor, AspectRatio, Backdrop, Border, Color, CornerRadius, Crop, DevicePixelRatio, Distort,
    Focus, Format, GradientStop, Length, PageRange, Pages, Rotation, Step, Trim, parse,
};

fn step(text: &str) -> Step {
    let mut steps = parse(text).expect(text).steps;
    assert_eq!(steps.len(), 1, "{text}");
    steps.remove(0)
}

const fn opaque(red: u8, green: u8, blue: u8) -> Color {
    Color {
        red,
        green,
        blue,
        alpha: 255,
    }
}

#[test]
fn lengths_are_pixels_or_fractions() {
    assert_eq!(step("w-300").width, Some(Length::Pixels(300)));
    assert_eq!(step("w-0.4").width, Some(Length::Fraction(0.4)));
    assert_eq!(step("h-1").height, Some(Length::Fraction(1.0)));
    assert_eq!(step("w-65535").width, Some(Length::Pixels(65_535)));
    assert!(step("w-auto").width_auto);
}

#[test]
fn too_large_dimensions_are_ignored() {
    assert!(parse("w-70000").unwrap().steps.is_empty());
    assert_eq!(step("w-65536,h-2").width, None);
    assert_eq!(step("w-99999999999999999999,h-2").width, None);
    assert_eq!(step("w-300,w-70000").width, Some(Length::Pixels(300)));
}

#[test]
fn last_of_a_repeated_parameter_wins() {
    assert_eq!(step("w-1000,w-20").width, Some(Length::Pixels(20)));
    assert!(step("w-iw_div_2,w-20").expressions.is_empty());
    assert_eq!(step("w-20,w-iw_div_2").width, None);
    assert_eq!(step("bg-red,bg-dominant").background, None);
}

#[test]
fn ratios_take_a_hyphen_or_an_underscore_and_decimals() {
    let four_to_three = Some(AspectRatio {
        width: 4.0,
        height: 3.0,
    });
    assert_eq!(step("ar-4-3").aspect_ratio, four_to_three);
    assert_eq!(step("ar-4_3").aspect_ratio, four_to_three);
    assert_eq!(
        step("ar-2.5-1").aspect_ratio,
        Some(AspectRatio {
            width: 2.5,
            height: 1.0
        })
    );
    assert_eq!(
        step("ar-1.78").aspect_ratio,
        Some(AspectRatio {
            width: 1.78,
            height: 1.0
        })
    );
    assert_eq!(step("ar-iar_div_2").expressions.len(), 1);
}

#[test]
fn pixel_ratio_out_of_range_is_ignored() {
    assert_eq!(
        step("dpr-2,w-1").device_pixel_ratio,
        Some(DevicePixelRatio::Times(2.0))
    );
    assert_eq!(
        step("dpr-auto,w-1").device_pixel_ratio,
        Some(DevicePixelRatio::Auto)
    );
    assert_eq!(step("dpr-9,w-2").device_pixel_ratio, None);
    assert_eq!(step("dpr-auto,w-auto").device_pixel_ratio, None);
}

#[test]
fn crop_mode_wins_over_crop_in_any_order() {
    assert_eq!(step("c-at_max").crop, Some(Crop::AtMax));
    assert_eq!(step("c-force,cm-extract").crop, Some(Crop::Extract));
    assert_eq!(step("cm-extract,c-force").crop, Some(Crop::Extract));
}

#[test]
fn focus_is_an_anchor_or_what_matters() {
    assert_eq!(
        step("fo-top_left").focus,
        Some(Focus::Anchor(Anchor::TopLeft))
    );
    assert_eq!(step("fo-auto").focus, Some(Focus::Auto));
    assert_eq!(step("fo-auto-custom_override").focus, Some(Focus::Custom));
    assert_eq!(step("fo-face,z-0.5").focus, Some(Focus::Face));
    let Some(Focus::Objects(objects)) = step("fo-trafficLight_person").focus else {
        panic!("not objects")
    };
    assert_eq!(
        objects.names().collect::<Vec<_>>(),
        ["person", "trafficLight"]
    );
}

#[test]
fn coordinates_and_rotation_take_negative_numbers() {
    assert_eq!(
        (step("x-10").x, step("y-N20").y, step("xc--3").x_center),
        (Some(10), Some(-20), Some(-3))
    );
    assert_eq!(step("rt-N40").rotation, Some(Rotation::Degrees(-40.0)));
    assert_eq!(step("rt-22.5").rotation, Some(Rotation::Degrees(22.5)));
    assert_eq!(step("rt-auto").rotation, Some(Rotation::Auto));
}

#[test]
fn colours_are_hex_or_css_names_with_decimal_opacity() {
    assert_eq!(step("bg-FF8000").background, Some(opaque(255, 128, 0)));
    assert_eq!(step("bg-f80").background, Some(opaque(255, 136, 0)));
    assert_eq!(
        step("bg-FF000050").background,
        Some(Color {
            alpha: 128,
            ..opaque(255, 0, 0)
        })
    );
    assert_eq!(
        step("bg-00FF0000").background,
        Some(Color {
            alpha: 0,
            ..opaque(0, 255, 0)
        })
    );
    assert_eq!(
        step("bg-lightGreen").background,
        Some(opaque(0x90, 0xEE, 0x90))
    );
    assert_eq!(
        step("bg-rebeccapurple").background,
        Some(opaque(0x66, 0x33, 0x99))
    );
}

#[test]
fn backdrops_are_computed_from_the_picture() {
    assert_eq!(
        step("bg-blurred").backdrop,
        Some(Backdrop::Blurred {
            intensity: None,
            brightness: 0
        })
    );
    assert_eq!(
        step("bg-blurred_25_N15").backdrop,
        Some(Backdrop::Blurred {
            intensity: Some(25),
            brightness: -15
        })
    );
    assert_eq!(
        step("bg-blurred_auto_N15").backdrop,
        Some(Backdrop::Blurred {
            intensity: None,
            brightness: -15
        })
    );
    assert_eq!(step("bg-dominant").backdrop, Some(Backdrop::Dominant));
    assert_eq!(
        step("bg-gradient_dominant_4").backdrop,
        Some(Backdrop::GradientDominant { colors: 4 })
    );
}

#[test]
fn borders_and_corners() {
    let border = Some(Border {
        width: 5,
        color: opaque(0xA9, 0x4D, 0x34),
    });
    assert_eq!(step("b-5_A94D34").border, border);
    assert_eq!(step("b-5-A94D34").border, border);
    assert_eq!(step("b-ih_mul_0.05_red").expressions.len(), 1);
    assert_eq!(
        step("r-20").radius.unwrap().corners,
        [CornerRadius::Pixels(20); 4]
    );
    let corners = [
        CornerRadius::Pixels(10),
        CornerRadius::Max,
        CornerRadius::Pixels(20),
        CornerRadius::Pixels(30),
    ];
    assert_eq!(step("r-10_max_20_30").radius.unwrap().corners, corners);
    assert_eq!(
        (step("t-true").trim, step("t-5").trim),
        (Some(Trim::Default), Some(Trim::Threshold(5)))
    );
}

#[test]
fn a_sharpness_beyond_the_editors_is_the_strongest_there_is() {
    let amount = |text: &str| step(text).effects.sharpen.unwrap().amount;
    assert_eq!(amount("e-sharpen"), None);
    assert_eq!(amount("e-sharpen-01"), Some(1));
    assert_eq!(amount("e-sharpen-99"), Some(99));
    for more in ["e-sharpen-100", "e-sharpen-400", "e-sharpen-2000"] {
        assert_eq!(amount(more), Some(99), "{more}");
    }
}

#[test]
fn effects_take_their_options_in_any_order() {
    let shadow = step("e-shadow-y-N5_bl-15").effects.shadow.unwrap();
    assert_eq!(
        (shadow.blur, shadow.saturation, shadow.x, shadow.y),
        (15, 30, 2, -5)
    );
    let gradient = step("e-gradient-from-red_ld-top_right_sp-0.4")
        .effects
        .gradient
        .unwrap();
    assert_eq!(
        (gradient.direction, gradient.from, gradient.stop),
        (45, opaque(255, 0, 0), GradientStop::Fraction(0.4))
    );
    assert_eq!(
        step("e-gradient-sp-ih_mul_0.5_to-blue").expressions.len(),
        1
    );
    assert_eq!(
        step("e-colorize-co-FF0000_in-15")
            .effects
            .colorize
            .unwrap()
            .intensity,
        15
    );
    assert_eq!(
        step("e-usm-2-2-0.8-0.024").effects.unsharp_mask,
        step("e-usm").effects.unsharp_mask
    );
    assert_eq!(
        step("e-distort-a-N30").effects.distort,
        Some(Distort::Arc(-30.0))
    );
    let corners = [[50, 50], [150, 50], [150, 150], [-50, 150]];
    assert_eq!(
        step("e-distort-p-50_50_150_50_150_150_N50_150")
            .effects
            .distort,
        Some(Distort::Perspective(corners))
    );
    let replaced = step("cr-FF0000_50_00FF00").effects.replace_color.unwrap();
    assert_eq!(
        (replaced.tolerance, replaced.from),
        (50, Some(opaque(0, 255, 0)))
    );
}

#[test]
fn old_spellings_mean_the_same() {
    assert_eq!(step("e-contrast-true"), step("e-contrast"));
    assert_eq!(step("e-grayscale-true"), step("e-grayscale"));
    assert_eq!(step("orig"), step("orig-true"));
    assert_eq!(step("f-jpg").format, Some(Format::Jpeg));
    assert_eq!(step("f-jpeg").format, Some(Format::Jpeg));
    assert_eq!(step("fl-v_h"), step("fl-h_v"));
}

#[test]
fn delivery_parameters_are_read() {
    let read = step(
        "q-40,f-avif,pr-true,lo-false,cp-true,md-true,dn-300,c2pa-true,n-some_name,di-@@dir@@f.jpg,pg-2",
    );
    assert_eq!(
        (read.quality, read.format, read.output.density),
        (Some(40), Some(Format::Avif), Some(300))
    );
    assert_eq!(
        (read.output.progressive, read.output.lossless),
        (Some(true), Some(false))
    );
    assert_eq!(
        (read.named.as_deref(), read.default_image.as_deref()),
        (Some("some_name"), Some("dir/f.jpg"))
    );
    assert_eq!(step("di-dir@@f.jpg"), step("di-/dir/f.jpg/"));
    assert_eq!(read.pages, Some(Pages::One(2)));
    assert_eq!(step("pg-2_4").pages, Some(Pages::List(vec![2, 4])));
    assert_eq!(
        step("pg-4-").pages,
        Some(Pages::Range(PageRange {
            first: 4,
            last: None
        }))
    );
    assert_eq!(
        step("pg-name-%22layer-4%22_%22b%22").pages,
        Some(Pages::Names(vec!["layer-4".into(), "b".into()]))
    );
}
