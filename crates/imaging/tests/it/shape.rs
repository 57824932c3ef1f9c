//! What changes the outline of a picture: trim, corners, border, opacity, distortion, and padding made from it.

use image::{Rgba, RgbaImage};

use crate::{
    asked::{made, refusal},
    pictures::{even, framed, half_clear, photograph, png, quarters},
};

const CLEAR: Rgba<u8> = Rgba([0, 0, 0, 0]);

#[test]
fn trimming_a_framed_picture_gives_exactly_what_is_inside() {
    let source = framed(40, (7, 9, 20, 11), [200, 30, 30, 255], [255, 255, 255, 255]);
    let trimmed = made(&png(source), "t-true");
    assert_eq!(trimmed, even(20, 11, [200, 30, 30, 255]));
    let clear = framed(40, (7, 9, 20, 11), [200, 30, 30, 255], [9, 9, 9, 0]);
    assert_eq!(made(&png(clear), "t-true").dimensions(), (20, 11));
    let one = framed(9, (4, 4, 1, 1), [0, 0, 0, 255], [255, 255, 255, 255]);
    assert_eq!(made(&png(one), "t-true").dimensions(), (1, 1));
}

#[test]
fn the_threshold_says_how_much_of_an_edge_may_differ() {
    let source = framed(
        20,
        (5, 5, 10, 10),
        [225, 225, 225, 255],
        [255, 255, 255, 255],
    );
    let bytes = png(source);
    assert_eq!(made(&bytes, "t-29").dimensions(), (10, 10));
    assert_eq!(
        made(&bytes, "t-30").dimensions(),
        (20, 20),
        "all of it is edge, so nothing is cut"
    );
    assert_eq!(made(&bytes, "t-false").dimensions(), (20, 20));
}

#[test]
fn what_follows_a_trim_is_planned_for_what_it_leaves() {
    let source = png(framed(
        40,
        (10, 5, 20, 30),
        [200, 30, 30, 255],
        [255, 255, 255, 255],
    ));
    assert_eq!(made(&source, "t-true,w-10").dimensions(), (10, 15));
    assert_eq!(made(&source, "t-true:w-0.5").dimensions(), (10, 15));
    assert_eq!(made(&source, "w-80:t-true:h-30").dimensions(), (20, 30));
    assert_eq!(
        made(&source, "t-true:if-ar_lt_1-1,w-7,if-end").dimensions(),
        (7, 11)
    );
    assert_eq!(
        made(&source, "t-true,rt-90:t-true:w-60").dimensions(),
        (60, 40)
    );
    let padded = made(&source, "t-true,w-40,h-30,cm-pad_resize,bg-00FF00");
    assert_eq!(padded.get_pixel(9, 15), &Rgba([0, 255, 0, 255]));
    assert_eq!(padded.get_pixel(12, 15), &Rgba([200, 30, 30, 255]));
}

#[test]
fn the_largest_radius_makes_a_circle_of_a_square() {
    let round = made(&png(even(100, 100, [10, 20, 30, 255])), "r-max");
    let area: f64 = round
        .pixels()
        .map(|pixel| f64::from(pixel.0[3]) / 255.0)
        .sum();
    let circle = std::f64::consts::PI * 2500.0;
    assert!((area - circle).abs() < 5.0, "{area}, not {circle}");
    assert_eq!(round.get_pixel(0, 0).0[3], 0);
    assert_eq!(round.get_pixel(50, 50), &Rgba([10, 20, 30, 255]));
    assert_eq!(
        made(&png(even(100, 100, [10, 20, 30, 255])), "r-5000"),
        round
    );
}

#[test]
fn each_corner_has_its_own_radius() {
    let corners = made(&png(even(80, 60, [10, 20, 30, 255])), "r-10_max_0_20");
    let alpha = |x, y| corners.get_pixel(x, y).0[3];
    assert_eq!(
        [alpha(0, 0), alpha(79, 0), alpha(79, 59), alpha(0, 59)],
        [0, 0, 255, 0]
    );
    assert_eq!((alpha(4, 4), alpha(75, 4), alpha(4, 55)), (255, 0, 0));
    assert_eq!(alpha(40, 30), 255);
    assert_eq!(
        made(&png(quarters(8, 8)), "r-0"),
        made(&png(quarters(8, 8)), "fl-h_v:fl-h_v")
    );
}

#[test]
fn a_border_surrounds_the_picture_and_hides_nothing() {
    let source = quarters(10, 8);
    let framed = made(&png(source.clone()), "b-3_00FF00");
    assert_eq!(framed.dimensions(), (16, 14));
    for (x, y) in [(0, 0), (15, 13), (2, 7), (8, 2), (13, 5), (6, 11)] {
        assert_eq!(framed.get_pixel(x, y), &Rgba([0, 255, 0, 255]), "{x},{y}");
    }
    let inside = image::imageops::crop_imm(&framed, 3, 3, 10, 8).to_image();
    assert_eq!(inside, image::DynamicImage::from(source).into_rgba8());
    let computed = made(&png(quarters(10, 8)), "b-iw_div_5_00FF00");
    assert_eq!(computed.dimensions(), (14, 12));
}

#[test]
fn a_border_follows_rounded_corners_and_leaves_holes_open() {
    let source = framed(40, (10, 10, 20, 20), [0, 0, 0, 0], [10, 20, 30, 255]);
    let rounded = made(&png(source), "r-10,b-5_FF0000");
    assert_eq!(rounded.dimensions(), (50, 50));
    assert_eq!(rounded.get_pixel(0, 0).0[3], 0);
    assert_eq!(
        rounded.get_pixel(6, 6),
        &Rgba([255, 0, 0, 255]),
        "the corner of the picture"
    );
    assert_eq!(rounded.get_pixel(25, 2), &Rgba([255, 0, 0, 255]));
    assert_eq!(rounded.get_pixel(25, 25).0[3], 0, "the hole stays");
    assert_eq!(rounded.get_pixel(25, 10), &Rgba([10, 20, 30, 255]));
}

#[test]
fn opacity_thins_alpha_and_blends_with_a_background() {
    let source = png(even(4, 4, [200, 100, 0, 255]));
    assert_eq!(made(&source, "o-100"), even(4, 4, [200, 100, 0, 255]));
    assert_eq!(made(&source, "o-50"), even(4, 4, [200, 100, 0, 128]));
    assert_eq!(made(&source, "o-0").get_pixel(0, 0).0[3], 0);
    let blended = made(&source, "o-50,bg-0000FF");
    let Rgba([red, green, blue, alpha]) = *blended.get_pixel(0, 0);
    assert_eq!((red, green, blue, alpha), (100, 50, 127, 255));
    assert_eq!(
        made(&source, "o-0,bg-0000FF00"),
        even(4, 4, [0, 0, 255, 255])
    );
}

#[test]
fn padding_can_be_made_from_the_picture() {
    let bytes = png(quarters(40, 40));
    let two = made(&bytes, "w-80,h-40,cm-pad_resize,bg-gradient_dominant");
    assert_eq!(
        two,
        made(&bytes, "w-80,h-40,cm-pad_resize,bg-gradient_dominant_2")
    );
    assert_eq!(
        two.get_pixel(25, 10),
        &Rgba([250, 10, 10, 255]),
        "the picture itself"
    );
    let four = made(&bytes, "w-80,h-40,cm-pad_resize,bg-gradient_dominant_4");
    for (corner, color) in [
        ((0, 0), [250, 10, 10]),
        ((79, 0), [10, 250, 10]),
        ((0, 39), [10, 10, 250]),
        ((79, 39), [250, 250, 10]),
    ] {
        let Rgba([red, green, blue, _]) = *four.get_pixel(corner.0, corner.1);
        assert_eq!([red, green, blue], color, "{corner:?}");
    }
    let mostly = framed(40, (0, 0, 10, 40), [0, 0, 200, 255], [200, 0, 0, 255]);
    let dominant = made(&png(mostly), "w-80,h-40,cm-pad_resize,bg-dominant");
    assert_eq!(dominant.get_pixel(5, 5), &Rgba([200, 0, 0, 255]));
}

#[test]
fn a_blurred_backdrop_is_the_picture_made_soft_and_may_be_brighter() {
    let bytes = png(photograph(60, 60));
    let soft = made(&bytes, "w-120,h-60,cm-pad_resize,bg-blurred");
    let middle = image::imageops::crop_imm(&soft, 30, 0, 60, 60).to_image();
    assert_eq!(
        middle,
        image::DynamicImage::from(photograph(60, 60)).into_rgba8()
    );
    let mean = |picture: &RgbaImage| {
        (0..30)
            .flat_map(|x| (0..60).map(move |y| (x, y)))
            .map(|(x, y)| u64::from(picture.get_pixel(x, y).0[0]))
            .sum::<u64>()
            / 1800
    };
    let bright = made(&bytes, "w-120,h-60,cm-pad_resize,bg-blurred_40_50");
    assert!(
        (45..=51).contains(&(mean(&bright) - mean(&soft))),
        "{} {}",
        mean(&bright),
        mean(&soft)
    );
    let dark = made(&bytes, "w-120,h-60,cm-pad_resize,bg-blurred_auto_N255");
    assert_eq!(mean(&dark), 0);
    let over_clear = made(
        &png(half_clear(40, 40)),
        "w-80,h-40,cm-pad_resize,bg-blurred",
    );
    assert_eq!(over_clear.get_pixel(40, 35).0[3], 255);
}

#[test]
fn a_distortion_to_the_own_corners_changes_nothing_and_one_to_others_moves_them() {
    let source = photograph(40, 30);
    let same = made(&png(source.clone()), "e-distort-p-0_0_40_0_40_30_0_30");
    assert_eq!(same, image::DynamicImage::from(source).into_rgba8());
    let mirrored = made(&png(quarters(40, 30)), "e-distort-p-40_0_0_0_0_30_40_30");
    assert_eq!(mirrored, made(&png(quarters(40, 30)), "fl-h"));
    let tilted = made(
        &png(quarters(100, 100)),
        "e-distort-p-50_0_150_50_120_150_N10_90",
    );
    assert_eq!(tilted.dimensions(), (160, 150));
    assert_eq!(tilted.get_pixel(0, 0), &CLEAR);
    assert_eq!(
        tilted.get_pixel(62, 12),
        &Rgba([250, 10, 10, 255]),
        "top left"
    );
    assert_eq!(
        tilted.get_pixel(125, 138),
        &Rgba([250, 250, 10, 255]),
        "bottom right"
    );
    let colored = made(
        &png(quarters(100, 100)),
        "e-distort-p-50_0_150_50_120_150_N10_90,bg-FFFFFF",
    );
    assert_eq!(colored.get_pixel(0, 0), &Rgba([255, 255, 255, 255]));
    let sentence = refusal(&png(quarters(10, 10)), "e-distort-p-0_0_10_10_10_0_0_10");
    assert!(sentence.contains("crossings"), "{sentence}");
}

#[test]
fn an_arc_bends_the_middle_up_or_down() {
    let bytes = png(quarters(200, 50));
    let up = made(&bytes, "e-distort-a-90");
    let (width, height) = up.dimensions();
    let middle = up.get_pixel(width / 2, 1).0[3];
    assert_eq!((middle, up.get_pixel(1, 1).0[3]), (255, 0));
    assert_eq!(up.get_pixel(width / 2 - 4, 10), &Rgba([250, 10, 10, 255]));
    let down = made(&bytes, "e-distort-a-N90");
    assert_eq!(down.dimensions(), (width, height));
    assert_eq!(down.get_pixel(1, height - 2).0[3], 0);
    assert_eq!(
        down.get_pixel(width / 2 - 4, height - 10),
        &Rgba([10, 10, 250, 255])
    );
    assert_eq!(made(&bytes, "e-distort-a-0"), made(&bytes, "fl-h:fl-h"));
    let circle = made(&bytes, "e-distort-a-360");
    assert_eq!(circle.dimensions().0, circle.dimensions().1);
}
