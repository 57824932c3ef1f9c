//! JPEG to JPEG, WebP and AVIF goes from planes to planes; the same through RGB has to look the same.

use image::RgbImage;
use limpid_delivery_url::transformation::{Format, Step};

use crate::pictures::{difference, jpeg, photograph, pixels, png, run, sized, width};

fn as_format(step: Step, format: Format) -> Step {
    Step {
        format: Some(format),
        quality: Some(95),
        ..step
    }
}

/// What a format shows of a result, looked at through our own decoder and PNG.
fn shown(source: &[u8], step: Step, format: Format) -> image::RgbaImage {
    pixels(&run(source, &[as_format(step, format)]).unwrap().bytes, &[])
}

/// Mean levels per channel by which the two ways may differ: they round at other places, and lossy formats lose other things.
const TOLERANCE: f64 = 3.0;

#[test]
fn planes_show_what_colours_do_in_every_format_and_at_odd_sizes() {
    let source = jpeg(photograph(640, 482));
    for step in [
        width(300),
        width(213),
        sized(64, 64),
        sized(131, 57),
        width(79),
    ] {
        let expected = pixels(&source, std::slice::from_ref(&step));
        for format in [Format::Jpeg, Format::WebP, Format::Avif] {
            let difference = difference(&shown(&source, step.clone(), format), &expected);
            assert!(difference < TOLERANCE, "{format:?} {step:?}: {difference}");
        }
    }
}

#[test]
fn without_steps_a_picture_keeps_its_size() {
    let source = jpeg(photograph(97, 61));
    let expected = pixels(&source, &[]);
    for format in [Format::Jpeg, Format::WebP, Format::Avif] {
        let found = shown(&source, Step::default(), format);
        assert_eq!(found.dimensions(), (97, 61));
        assert!(difference(&found, &expected) < 4.0, "{format:?}");
    }
}

#[test]
fn enlarged_planes_show_the_picture_too() {
    let source = jpeg(photograph(50, 40));
    let expected = pixels(&source, &[width(175)]);
    for format in [Format::Jpeg, Format::WebP] {
        let difference = difference(&shown(&source, width(175), format), &expected);
        assert!(difference < 4.0, "{format:?}: {difference}");
    }
}

#[test]
fn grey_pictures_stay_grey() {
    let gray = RgbImage::from_fn(200, 150, |x, y| image::Rgb([(x + y / 2) as u8; 3]));
    let stored = image::DynamicImage::from(gray).into_luma8();
    let source = crate::pictures::stored_as(stored, image::ImageFormat::Jpeg);
    for format in [Format::Jpeg, Format::WebP, Format::Avif] {
        let picture = shown(&source, width(50), format);
        let is_gray = picture.pixels().all(|pixel| {
            let [red, green, blue, _] = pixel.0;
            red.abs_diff(green) <= 2 && green.abs_diff(blue) <= 2
        });
        assert!(is_gray, "{format:?}");
        let expected = pixels(&source, &[width(50)]);
        assert!(difference(&picture, &expected) < 2.0, "{format:?}");
    }
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let source = jpeg(photograph(333, 222));
    for format in [Format::Jpeg, Format::WebP, Format::Avif] {
        let step = as_format(width(100), format);
        let first = run(&source, std::slice::from_ref(&step)).unwrap();
        // another picture in between must leave nothing behind in what is reused
        run(&png(photograph(50, 50)), std::slice::from_ref(&step)).unwrap();
        run(&jpeg(photograph(700, 100)), std::slice::from_ref(&step)).unwrap();
        assert_eq!(run(&source, &[step]).unwrap().bytes, first.bytes);
    }
}

#[test]
fn chroma_is_halved_below_quality_90_only() {
    let source = jpeg(photograph(160, 120));
    let sampling = |quality: u8| {
        let step = Step {
            quality: Some(quality),
            ..as_format(width(80), Format::Jpeg)
        };
        let bytes = run(&source, &[step]).unwrap().bytes;
        let frame = bytes
            .windows(2)
            .position(|marker| marker == [0xff, 0xc0])
            .unwrap();
        bytes[frame + 11]
    };
    assert_eq!((sampling(80), sampling(90)), (0x22, 0x11));
}
