//! What layers may not be: too large, missing, damaged, hostile.

use std::time::{Duration, Instant};

use image::{Rgba, RgbaImage};
use limpid_imaging::{ImagingError, Limits};

use crate::{layers::run_with, pictures::png};

/// Headers and plans take microseconds; this leaves room for a busy machine.
const SOON: Duration = Duration::from_millis(500);

fn base() -> Vec<u8> {
    png(RgbaImage::from_pixel(40, 30, Rgba([9, 9, 9, 255])))
}

#[track_caller]
fn error(text: &str, files: &[(&str, &[u8])]) -> ImagingError {
    run_with(&base(), text, files, &Limits::default()).unwrap_err()
}

#[test]
fn layers_too_large_are_refused_before_a_pixel_exists() {
    let started = Instant::now();
    let logo = base();
    for text in [
        "l-image,i-ik_canvas,w-20000,h-20000,l-end",
        "l-image,i-logo.png,w-20000,h-20000,l-end",
        "l-image,i-logo.png,w-10:w-20000,h-20000:w-10,l-end",
        "l-image,i-ik_canvas,w-10,h-10,l-image,i-ik_canvas,w-20000,h-20000,l-end,l-end",
        "l-text,i-Much,fs-16000,l-end",
        "l-text,i-Wide,w-16000,pa-500,l-end",
    ] {
        let found = error(text, &[("logo.png", &logo)]);
        assert!(
            matches!(found, ImagingError::OutputTooLarge { .. }),
            "{text}: {found:?}"
        );
    }
    assert!(started.elapsed() < SOON);
}

#[test]
fn a_layer_file_is_held_to_the_limits_of_an_original_and_named() {
    let limits = Limits {
        max_pixels: 2000,
        ..Limits::default()
    };
    let large = png(RgbaImage::new(100, 100));
    let found = run_with(
        &base(),
        "l-image,i-dir@@large.png,l-end",
        &[("dir/large.png", &large)],
        &limits,
    );
    let Err(ImagingError::Layer { input, error }) = found else {
        panic!("{found:?}");
    };
    assert_eq!(input, "dir/large.png");
    assert!(matches!(*error, ImagingError::SourceResolution { .. }));
    assert!(
        ImagingError::Layer { input, error }
            .exceeded_limit()
            .is_some()
    );
}

#[test]
fn damaged_files_and_files_that_are_no_pictures_say_so() {
    let whole = png(RgbaImage::from_fn(64, 64, |x, y| {
        Rgba([x as u8, y as u8, 7, 255])
    }));
    let text = "l-image,i-a.png,l-end";
    let Some(half) = whole.get(..whole.len() / 2) else {
        panic!("a picture has bytes");
    };
    for (bytes, expected) in [
        (&b"<html>"[..], "NotAnImage"),
        (&b""[..], "Empty"),
        (half, "Truncated"),
    ] {
        let found = error(text, &[("a.png", bytes)]);
        let ImagingError::Layer { error, .. } = &found else {
            panic!("{found:?}");
        };
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
    }
}

#[test]
fn a_file_that_was_not_given_is_the_requests_fault() {
    let found = error("l-image,i-a.png,l-end", &[]);
    assert!(
        matches!(&found, ImagingError::InvalidTransformation { sentence } if sentence.contains("a.png")),
        "{found:?}"
    );
}

#[test]
fn fonts_that_are_none_are_refused_and_cut_ones_never_panic() {
    let text = "l-text,i-Hello,ff-fonts@@own.ttf,fs-40,l-end";
    let font = include_bytes!("../../fonts/lato-latin-400-normal.ttf").as_slice();
    let drawn = |bytes: &[u8]| {
        run_with(
            &base(),
            text,
            &[("fonts/own.ttf", bytes)],
            &Limits::default(),
        )
    };
    assert!(drawn(font).is_ok());
    for bytes in [&b""[..], b"wOF2aaaaaaaaaa", b"OTTO", &[0; 400]] {
        let found = drawn(bytes);
        assert!(
            matches!(found, Err(ImagingError::Layer { .. })),
            "{found:?}"
        );
    }
    for length in (0..font.len()).step_by(997) {
        drop(drawn(font.get(..length).unwrap_or_default()));
    }
    let mut noise = 0x2545_f491_u32;
    for _ in 0..60 {
        let mut broken = font.to_vec();
        for _ in 0..30 {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            let at = noise as usize % broken.len();
            if let Some(byte) = broken.get_mut(at) {
                *byte = (noise >> 24) as u8;
            }
        }
        drop(drawn(&broken));
    }
}

#[test]
fn division_by_zero_in_a_position_is_refused() {
    let found = error("l-image,i-ik_canvas,w-5,h-5,lx-bw_div_0,l-end", &[]);
    assert!(
        matches!(found, ImagingError::InvalidTransformation { .. }),
        "{found:?}"
    );
}
