//! Cut and scribbled-on files: an error that says which, never a panic, never half a picture.

use image::ImageFormat as Codec;
use limpid_delivery_url::transformation::Format;
use limpid_imaging::{ImagingError, LooksLike, probe};

use crate::pictures::{
    encoded, half_clear, jpeg, photograph, png, quarters, run, stored_as, width,
};

fn one_of_each() -> Vec<(&'static str, Vec<u8>)> {
    let picture = || photograph(96, 64);
    vec![
        ("jpeg", jpeg(picture())),
        ("png", png(picture())),
        ("lossless webp", stored_as(picture(), Codec::WebP)),
        ("lossy webp", encoded(&png(picture()), Format::WebP)),
        (
            "transparent webp",
            encoded(&png(half_clear(64, 64)), Format::WebP),
        ),
        ("avif", encoded(&png(picture()), Format::Avif)),
        ("gif", stored_as(picture(), Codec::Gif)),
        ("bmp", stored_as(picture(), Codec::Bmp)),
        ("tiff", stored_as(picture(), Codec::Tiff)),
        ("ico", stored_as(half_clear(32, 32), Codec::Ico)),
        ("jpeg xl", include_bytes!("jxl/alpha.jxl").to_vec()),
        ("lossy jpeg xl", include_bytes!("jxl/lossy.jxl").to_vec()),
    ]
}

/// About this many prefixes of each file, evenly spread.
const PREFIXES: usize = 150;

#[test]
fn no_prefix_of_any_file_panics_and_prefixes_without_the_picture_are_errors() {
    for (name, bytes) in one_of_each() {
        for length in (0..bytes.len()).step_by((bytes.len() / PREFIXES).max(1)) {
            let outcome = run(&bytes[..length], &[width(20)]);
            if length < bytes.len() * 9 / 10 {
                assert!(
                    outcome.is_err(),
                    "{name} cut to {length} of {} bytes",
                    bytes.len()
                );
            }
        }
    }
}

#[test]
fn a_cut_jpeg_is_truncated_wherever_it_is_cut() {
    let bytes = jpeg(photograph(200, 200));
    let scan = bytes
        .windows(2)
        .position(|marker| marker == [0xff, 0xda])
        .unwrap();
    for length in (scan + 20..bytes.len())
        .step_by(97)
        .chain([bytes.len() - 1, bytes.len() - 2])
    {
        for step in [vec![], vec![width(20)]] {
            let outcome = run(&bytes[..length], &step);
            assert_eq!(
                outcome.unwrap_err(),
                ImagingError::Truncated,
                "at {length} of {}",
                bytes.len()
            );
        }
    }
}

#[test]
fn cut_files_of_other_formats_are_truncated_too() {
    for (name, bytes) in one_of_each() {
        let outcome = run(&bytes[..bytes.len() / 2], &[]);
        let is_truncated = matches!(outcome, Err(ImagingError::Truncated));
        assert!(is_truncated, "{name}: {outcome:?}");
    }
}

#[test]
fn scribbled_bytes_never_panic() {
    let mut noise = 0x9e37_79b9_u32;
    for (_, bytes) in one_of_each() {
        for _ in 0..60 {
            let mut damaged = bytes.clone();
            for _ in 0..8 {
                noise ^= noise << 13;
                noise ^= noise >> 17;
                noise ^= noise << 5;
                let at = noise as usize % damaged.len();
                damaged[at] = (noise >> 24) as u8;
            }
            // some damage is invisible, so both outcomes are right
            drop(run(&damaged, &[width(20)]));
        }
    }
}

#[test]
fn rubbish_between_the_scan_and_the_end_is_forgiven() {
    let mut bytes = jpeg(quarters(64, 64));
    let end = bytes.len() - 2;
    bytes.splice(end..end, [0, 1, 2, 3]);
    assert!(run(&bytes, &[]).is_ok());
    let mut trailing = jpeg(quarters(64, 64));
    trailing.extend(b"appended by somebody");
    assert!(run(&trailing, &[]).is_ok());
}

#[test]
fn what_is_no_image_is_named() {
    let outcome = |bytes: &[u8]| run(bytes, &[]).unwrap_err();
    assert_eq!(outcome(b""), ImagingError::Empty);
    assert_eq!(
        outcome(b"<!doctype html><title>404"),
        ImagingError::NotAnImage {
            looks_like: LooksLike::Html
        }
    );
    assert_eq!(
        outcome(b"\0\0\0\x18ftypheic\0\0\0\0"),
        ImagingError::FormatUnsupported { found: "HEIC" }
    );
    assert_eq!(
        outcome(b"\0\0\0\x18ftypheic\0\0\0\0").to_string(),
        "HEIC is not supported; convert it to JPEG, PNG, WebP, AVIF or JPEG XL"
    );
    assert_eq!(probe(b"\xff\xd8\xff").unwrap_err(), ImagingError::Truncated);
    assert_eq!(
        probe(b"RIFF\x04\0\0\0WEBP").unwrap_err(),
        ImagingError::Truncated
    );
}
