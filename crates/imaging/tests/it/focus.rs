//! Crops that go where the picture says: to what catches the eye, and to faces.

use image::{DynamicImage, Rgb, RgbImage};
use limpid_imaging::transform::FocusFallback;

use crate::{
    asked::{made, steps},
    pictures::{jpeg, png, quarters, run},
};

/// Eileen Collins; her face is about from 170, 65 to 270, 190 of 512 × 512.
const ASTRONAUT: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../services/cli/demo/pictures/astronaut.jpg"
));

/// A checked red block on even grey.
fn block_at(size: (u32, u32), block: (u32, u32, u32, u32)) -> RgbImage {
    let (left, top, width, height) = block;
    RgbImage::from_fn(size.0, size.1, |x, y| {
        let is_inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
        match (is_inside, (x / 8 + y / 8) % 2 == 0) {
            (true, true) => Rgb([230, 20, 20]),
            (true, false) => Rgb([120, 0, 0]),
            (false, _) => Rgb([128, 128, 128]),
        }
    })
}

fn red_part(picture: &image::RgbaImage) -> f64 {
    let red = picture
        .pixels()
        .filter(|pixel| pixel.0[0] > pixel.0[1].saturating_add(60));
    red.count() as f64 / f64::from(picture.width() * picture.height())
}

#[test]
fn the_crop_goes_where_something_is() {
    for (left, middle) in [(20, 60), (300, 340), (700, 740)] {
        let source = png(block_at((800, 100), (left, 10, 80, 80)));
        let found = made(&source, "w-100,h-100,fo-auto");
        assert!(red_part(&found) > 0.6, "{left}: {}", red_part(&found));
        // and it is in the middle of the crop, unless the picture ends there
        let columns = (0..100).filter(|x| found.get_pixel(*x, 50).0[1] < 60);
        let mean = columns.clone().sum::<u32>() / columns.count() as u32;
        assert!(
            mean.abs_diff(50) < 12 || middle == 740 || middle == 60,
            "{left}: {mean}"
        );
    }
    let tall = made(
        &png(block_at((100, 800), (10, 600, 80, 80))),
        "w-100,h-100,fo-auto",
    );
    assert!(red_part(&tall) > 0.6);
    let custom = made(
        &png(block_at((100, 800), (10, 600, 80, 80))),
        "w-100,h-100,fo-custom",
    );
    assert_eq!(custom, tall);
}

#[test]
fn a_shrunk_decode_finds_the_same_place() {
    let source = block_at((3200, 800), (2300, 100, 600, 600));
    let found = made(&jpeg(source), "w-100,h-100,fo-auto");
    assert!(red_part(&found) > 0.45, "{}", red_part(&found));
    assert!(found.get_pixel(50, 50).0[1] < 60);
}

#[test]
fn an_even_picture_is_cut_in_the_middle_and_an_extract_copies_pixels() {
    let even = png(RgbImage::from_pixel(90, 30, Rgb([10, 20, 30])));
    assert_eq!(made(&even, "w-30,h-30,fo-auto"), made(&even, "w-30,h-30"));
    let source = block_at((200, 150), (120, 60, 64, 64));
    let extract = made(&png(source.clone()), "w-70,h-70,cm-extract,fo-auto");
    let whole = DynamicImage::from(source).into_rgba8();
    let mut places = (0..=130).flat_map(|left| (0..=80).map(move |top| (left, top)));
    let is_copy = places.any(|(left, top)| {
        image::imageops::crop_imm(&whole, left, top, 70, 70).to_image() == extract
    });
    assert!(is_copy, "an extract isn't scaled or blurred");
    assert!(red_part(&extract) > 0.8);
}

#[test]
fn a_face_fills_half_of_its_crop_and_zoom_changes_that() {
    let near = run(ASTRONAUT, &steps("w-100,h-100,fo-face,f-png")).unwrap();
    assert_eq!(near.focus_fallback, None);
    assert_eq!((near.width, near.height), (100, 100));
    let whole = made(ASTRONAUT, "w-512");
    // what the crop shows, found again in the whole picture
    let place = |asked: &str| {
        let crop = made(ASTRONAUT, asked);
        let mut best = (f64::MAX, 0, 0, 0);
        for side in (100..=512).step_by(12) {
            for left in (0..=512 - side).step_by(12) {
                for top in (0..=512 - side).step_by(12) {
                    let mut sum = 0.0;
                    for (x, y) in (0..10).flat_map(|x| (0..10).map(move |y| (x, y))) {
                        let there = whole.get_pixel(
                            left + (2 * x + 1) * side / 20,
                            top + (2 * y + 1) * side / 20,
                        );
                        let here = crop.get_pixel(x * 10 + 5, y * 10 + 5);
                        sum += f64::from(there.0[1].abs_diff(here.0[1]));
                    }
                    if sum < best.0 {
                        best = (sum, side, left, top);
                    }
                }
            }
        }
        (best.1, best.2, best.3)
    };
    let (side, left, top) = place("w-100,h-100,fo-face");
    assert!((150..330).contains(&side), "{side}");
    let (middle_x, middle_y) = (left + side / 2, top + side / 2);
    assert!(
        (190..250).contains(&middle_x) && (85..165).contains(&middle_y),
        "{middle_x},{middle_y}"
    );
    let (wider, _, _) = place("w-100,h-100,fo-face,z-0.6");
    assert!(wider > side + 40, "{wider} {side}");
}

#[test]
fn what_cannot_be_found_is_said_and_the_crop_follows_the_eye() {
    let source = png(block_at((400, 100), (300, 10, 80, 80)));
    let by_eye = made(&source, "w-100,h-100,fo-auto");
    for (asked, fallback) in [
        ("w-100,h-100,fo-auto", None),
        ("w-100,h-100,fo-face", Some(FocusFallback::NoFace)),
        ("w-100,h-100,fo-person_car", Some(FocusFallback::Objects)),
        ("w-100,fo-face", None),
    ] {
        let done = run(&source, &steps(asked)).unwrap();
        assert_eq!(done.focus_fallback, fallback, "{asked}");
        if fallback.is_some() {
            assert_eq!(made(&source, asked), by_eye, "{asked}");
        }
    }
    let chained = run(&png(quarters(60, 60)), &steps("w-30,h-20,fo-cat:r-5:w-10")).unwrap();
    assert_eq!(
        chained.focus_fallback,
        Some(FocusFallback::Objects),
        "said by an earlier step"
    );
}

#[test]
fn with_a_ratio_alone_the_largest_part_of_that_shape_is_shown() {
    let source = png(block_at((200, 100), (110, 10, 80, 80)));
    let around = made(&source, "ar-1-1,fo-person");
    assert_eq!(around.dimensions(), (100, 100));
    assert!(red_part(&around) > 0.6, "{}", red_part(&around));
    assert_eq!(
        made(&source, "ar-1-1,fo-face").dimensions(),
        (100, 100),
        "no face"
    );
    assert_eq!(made(&source, "ar-1-1").dimensions(), (200, 100));
}

#[test]
fn that_objects_are_not_found_is_said_where_nothing_is_cut_off_too() {
    let source = png(block_at((200, 100), (110, 10, 80, 80)));
    for text in ["fo-person", "w-50,fo-person", "ar-1-1,fo-person"] {
        let transformed = run(&source, &steps(text)).unwrap();
        assert_eq!(
            transformed.focus_fallback,
            Some(FocusFallback::Objects),
            "{text}"
        );
    }
}
