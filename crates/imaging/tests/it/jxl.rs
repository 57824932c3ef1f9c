//! JPEG XL: files written by libjxl 0.11.2 (Python packages imagecodecs 2026.3.6 and pylibjxl 0.5.0) from the picture that
//! [`drawn`] draws, compared with that picture.

use image::{Rgba, RgbaImage};
use limpid_delivery_url::transformation::{Format, Step};
use limpid_imaging::{ImageFormat, ImagingError, Limits, Sniffed, probe, sniff};

use crate::pictures::{difference, pixels, run, run_with, width};

const LOSSLESS: &[u8] = include_bytes!("jxl/lossless.jxl");
const LOSSY: &[u8] = include_bytes!("jxl/lossy.jxl");
const ALPHA: &[u8] = include_bytes!("jxl/alpha.jxl");
const GRAY: &[u8] = include_bytes!("jxl/gray.jxl");
const GRAY_ALPHA: &[u8] = include_bytes!("jxl/gray_alpha.jxl");
/// 16 bits per channel, of linear light.
const DEEP: &[u8] = include_bytes!("jxl/deep.jxl");
/// 32 bits per channel, of linear light.
const FLOAT: &[u8] = include_bytes!("jxl/float.jxl");
/// Three frames; the first is the picture.
const MOVING: &[u8] = include_bytes!("jxl/moving.jxl");
/// With an ICC profile that exchanges red and green.
const PROFILE: &[u8] = include_bytes!("jxl/profile.jxl");
const PROFILE_LOSSY: &[u8] = include_bytes!("jxl/profile_lossy.jxl");
/// A JPEG of quality 95 packed without loss.
const RECOMPRESSED: &[u8] = include_bytes!("jxl/recompressed.jxl");
/// The same, to be turned clockwise by 90°.
const TURNED: &[u8] = include_bytes!("jxl/turned.jxl");

/// Damaged: an embedded profile of no bytes.
const EMPTY_PROFILE: &[u8] = include_bytes!("jxl/empty_profile.jxl");

fn gray_at(x: u32, y: u32) -> u8 {
    (x * 2 + y * 4) as u8
}

fn alpha_at(x: u32, y: u32) -> u8 {
    if x < 20 { 255 } else { (y * 8) as u8 }
}

/// 40 × 30, ramps.
fn drawn() -> RgbaImage {
    RgbaImage::from_fn(40, 30, |x, y| {
        Rgba([(x * 6) as u8, (y * 8) as u8, gray_at(x, y), 255])
    })
}

fn swapped(picture: RgbaImage) -> RgbaImage {
    let mut swapped = picture;
    for Rgba([red, green, ..]) in swapped.pixels_mut() {
        std::mem::swap(red, green);
    }
    swapped
}

/// The codestream in parts of a container.
fn in_parts(codestream: &[u8], numbers: [u32; 2]) -> Vec<u8> {
    let mut bytes = b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl ".to_vec();
    let (start, end) = codestream.split_at(codestream.len() / 3);
    for (part, number) in [start, end].into_iter().zip(numbers) {
        bytes.extend((part.len() as u32 + 12).to_be_bytes());
        bytes.extend(b"jxlp");
        bytes.extend(number.to_be_bytes());
        bytes.extend(part);
    }
    bytes
}

#[test]
fn both_forms_are_recognised_and_measured_by_their_header() {
    for source in [LOSSLESS, LOSSY, ALPHA, RECOMPRESSED] {
        assert_eq!(sniff(source), Sniffed::Image(ImageFormat::Jxl));
        let info = probe(source).unwrap();
        assert_eq!((info.size().width, info.size().height), (40, 30));
        assert_eq!((info.format, info.frames), (ImageFormat::Jxl, 1));
        assert_eq!(info.has_alpha, source == ALPHA);
        assert!(!info.has_profile);
    }
    assert!(probe(PROFILE).unwrap().has_profile);
}

#[test]
fn what_is_stored_without_loss_comes_out_exactly() {
    assert_eq!(pixels(LOSSLESS, &[]), drawn());
    let alpha = RgbaImage::from_fn(40, 30, |x, y| {
        let Rgba([red, green, blue, _]) = *drawn().get_pixel(x, y);
        Rgba([red, green, blue, alpha_at(x, y)])
    });
    assert_eq!(pixels(ALPHA, &[]), alpha);
    let gray = |alpha: fn(u32, u32) -> u8| {
        RgbaImage::from_fn(40, 30, |x, y| {
            let level = gray_at(x, y);
            Rgba([level, level, level, alpha(x, y)])
        })
    };
    assert_eq!(pixels(GRAY, &[]), gray(|_, _| 255));
    assert_eq!(pixels(GRAY_ALPHA, &[]), gray(alpha_at));
}

#[test]
fn lossy_pictures_and_packed_jpegs_look_like_what_they_were_made_from() {
    for (source, most) in [(LOSSY, 1.5), (RECOMPRESSED, 1.5)] {
        let found = difference(&pixels(source, &[]), &drawn());
        assert!(found < most, "{found}");
    }
}

#[test]
fn deep_channels_of_linear_light_become_srgb() {
    let srgb = |linear: u8| {
        let linear = f64::from(linear) / 255.0;
        let curved = if linear <= 0.003_130_8 {
            linear * 12.92
        } else {
            1.055 * linear.powf(1.0 / 2.4) - 0.055
        };
        (curved * 255.0).round() as u8
    };
    for source in [DEEP, FLOAT] {
        for (found, linear) in pixels(source, &[]).pixels().zip(drawn().pixels()) {
            for (found, linear) in found.0.iter().zip(linear.0).take(3) {
                assert!(found.abs_diff(srgb(linear)) <= 1, "{found} for {linear}");
            }
        }
    }
}

#[test]
fn the_first_frame_of_a_moving_picture_is_shown() {
    assert_eq!(pixels(MOVING, &[]), drawn());
}

#[test]
fn an_embedded_profile_is_applied_and_kept_where_asked() {
    for source in [PROFILE, PROFILE_LOSSY] {
        let found = difference(&pixels(source, &[]), &swapped(drawn()));
        assert!(found < 1.5, "{found}");
    }
    let mut kept = Step {
        format: Some(Format::Png),
        ..Step::default()
    };
    kept.output.color_profile = Some(true);
    let png = run(PROFILE, &[kept]).unwrap().bytes;
    assert!(probe(&png).unwrap().has_profile);
    assert_eq!(crate::pictures::look_at(&png), drawn());
}

#[test]
fn a_turned_picture_comes_out_upright() {
    let info = probe(TURNED).unwrap();
    assert_eq!((info.size().width, info.size().height), (30, 40));
    let upright = image::imageops::rotate90(&drawn());
    let found = difference(&pixels(TURNED, &[]), &upright);
    assert!(found < 1.5, "{found}");
}

#[test]
fn a_codestream_in_parts_is_joined_and_one_out_of_order_is_refused() {
    let last = 1 << 31;
    assert_eq!(pixels(&in_parts(LOSSLESS, [0, 1 | last]), &[]), drawn());
    assert!(matches!(
        run(&in_parts(LOSSLESS, [1, last]), &[]),
        Err(ImagingError::Corrupt { .. })
    ));
    assert_eq!(
        run(&in_parts(LOSSLESS, [0, 1]), &[]),
        Err(ImagingError::Truncated)
    );
}

#[test]
fn a_result_is_never_jpeg_xl_unless_the_original_is_asked_for() {
    let original = Step {
        original: true,
        ..Step::default()
    };
    let untouched = run(LOSSLESS, &[original]).unwrap();
    assert_eq!(untouched.bytes, LOSSLESS);
    assert_eq!(untouched.format.content_type(), "image/jxl");
    let stays = Step {
        format: Some(Format::Original),
        ..width(20)
    };
    let opaque = run(LOSSLESS, std::slice::from_ref(&stays)).unwrap();
    assert_eq!(opaque.format, ImageFormat::Jpeg);
    assert_eq!(run(ALPHA, &[stays]).unwrap().format, ImageFormat::Png);
}

#[test]
fn a_picture_beyond_the_limit_is_refused_by_its_header() {
    let limits = Limits {
        max_pixels: 40 * 30 - 1,
        ..Limits::default()
    };
    let outcome = run_with(
        LOSSY,
        &[],
        limpid_imaging::AcceptedFormats::default(),
        &limits,
    );
    assert!(matches!(
        outcome,
        Err(ImagingError::SourceResolution {
            width: 40,
            height: 30,
            ..
        })
    ));
}

#[test]
fn a_profile_of_no_bytes_is_damage() {
    let detail = "the profile is empty".to_owned();
    assert_eq!(
        run(EMPTY_PROFILE, &[]),
        Err(ImagingError::Corrupt { detail })
    );
}

#[test]
fn every_prefix_is_truncated() {
    for source in [LOSSLESS, LOSSY, ALPHA, PROFILE_LOSSY, RECOMPRESSED] {
        for length in 3..source.len() {
            let outcome = run(&source[..length], &[width(20)]);
            // what follows the codestream isn't needed
            let is_whole = outcome.is_ok() && length > source.len() / 2;
            let is_truncated = matches!(outcome, Err(ImagingError::Truncated));
            assert!(
                is_whole || is_truncated || length < 12,
                "at {length}: {outcome:?}"
            );
        }
    }
}
