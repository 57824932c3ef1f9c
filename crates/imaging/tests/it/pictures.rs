//! Pictures to test with, made on the spot, and the shortest ways to ask for something.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat as Codec, Rgb, RgbImage, Rgba, RgbaImage};
use limpid_delivery_url::{
    Transformation,
    transformation::{Format, Length, Step},
};
use limpid_imaging::{
    AcceptedFormats, ImageSettings, ImagingError, Inputs, Limits, TransformRequest, Transformed,
    transform,
};

pub(crate) const RED: [u8; 3] = [250, 10, 10];
pub(crate) const GREEN: [u8; 3] = [10, 250, 10];
pub(crate) const BLUE: [u8; 3] = [10, 10, 250];
pub(crate) const YELLOW: [u8; 3] = [250, 250, 10];

/// Four quarters, row by row: red, green, blue, yellow.
pub(crate) fn quarters(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(match (x < width / 2, y < height / 2) {
            (true, true) => RED,
            (false, true) => GREEN,
            (true, false) => BLUE,
            (false, false) => YELLOW,
        })
    })
}

/// The same with the bottom half clear.
pub(crate) fn half_clear(width: u32, height: u32) -> RgbaImage {
    let opaque = quarters(width, height);
    RgbaImage::from_fn(width, height, |x, y| {
        let Rgb([red, green, blue]) = *opaque.get_pixel(x, y);
        Rgba([red, green, blue, if y < height / 2 { 255 } else { 0 }])
    })
}

/// Something like a photograph: smooth, with detail on top, the same on every run.
pub(crate) fn photograph(width: u32, height: u32) -> RgbImage {
    let mut noise = 0x2545_f491_u32;
    RgbImage::from_fn(width, height, |x, y| {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        let grain = noise % 24;
        let wave = ((f64::from(x) / 17.0).sin() * 50.0 + (f64::from(y) / 23.0).cos() * 50.0 + 110.0)
            as u32;
        Rgb([
            (wave + grain) as u8,
            (wave / 2 + x * 100 / width) as u8,
            (y * 200 / height + grain) as u8,
        ])
    })
}

/// A block of one colour in the middle of another.
pub(crate) fn framed(
    size: u32,
    block: (u32, u32, u32, u32),
    inner: [u8; 4],
    outer: [u8; 4],
) -> RgbaImage {
    let (left, top, width, height) = block;
    RgbaImage::from_fn(size, size, |x, y| {
        let is_inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
        Rgba(if is_inside { inner } else { outer })
    })
}

/// One colour.
pub(crate) fn even(width: u32, height: u32, color: [u8; 4]) -> RgbaImage {
    RgbaImage::from_pixel(width, height, Rgba(color))
}

pub(crate) fn stored_as(picture: impl Into<DynamicImage>, codec: Codec) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, codec).unwrap();
    bytes.into_inner()
}

pub(crate) fn jpeg(picture: RgbImage) -> Vec<u8> {
    stored_as(picture, Codec::Jpeg)
}

pub(crate) fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    stored_as(picture, Codec::Png)
}

/// As our own encoder makes it, for formats the test's decoder can't write.
pub(crate) fn encoded(source: &[u8], format: Format) -> Vec<u8> {
    run(
        source,
        &[Step {
            format: Some(format),
            quality: Some(95),
            ..Step::default()
        }],
    )
    .unwrap()
    .bytes
}

pub(crate) fn run(source: &[u8], steps: &[Step]) -> Result<Transformed, ImagingError> {
    run_with(
        source,
        steps,
        AcceptedFormats::default(),
        &Limits::default(),
    )
}

pub(crate) fn run_with(
    source: &[u8],
    steps: &[Step],
    accept: AcceptedFormats,
    limits: &Limits,
) -> Result<Transformed, ImagingError> {
    let transformation = Transformation {
        steps: steps.to_vec(),
    };
    let settings = ImageSettings::default();
    transform(&TransformRequest {
        source,
        transformation: &transformation,
        inputs: &Inputs::default(),
        accept,
        settings,
        limits,
        deadline: None,
    })
}

/// Runs the steps and gives the pixels, exactly.
pub(crate) fn pixels(source: &[u8], steps: &[Step]) -> RgbaImage {
    let mut steps = steps.to_vec();
    steps.push(Step {
        format: Some(Format::Png),
        ..Step::default()
    });
    look_at(&run(source, &steps).unwrap().bytes)
}

/// Decodes with the test's own decoder.
pub(crate) fn look_at(bytes: &[u8]) -> RgbaImage {
    image::ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .unwrap()
        .decode()
        .unwrap()
        .into_rgba8()
}

pub(crate) fn width(pixels: u32) -> Step {
    Step {
        width: Some(Length::Pixels(pixels)),
        ..Step::default()
    }
}

pub(crate) fn sized(width: u32, height: u32) -> Step {
    Step {
        width: Some(Length::Pixels(width)),
        height: Some(Length::Pixels(height)),
        ..Step::default()
    }
}

/// The colour at a place, which has to be one of the four within what a lossy codec may do to it.
#[track_caller]
pub(crate) fn assert_color(picture: &RgbaImage, (x, y): (u32, u32), expected: [u8; 3]) {
    let Rgba([red, green, blue, alpha]) = *picture.get_pixel(x, y);
    let worst = [red, green, blue]
        .iter()
        .zip(expected)
        .map(|(found, expected)| found.abs_diff(expected))
        .max();
    assert!(
        alpha == 255 && worst.unwrap() <= 24,
        "at {x},{y}: {:?}, not {expected:?}",
        picture.get_pixel(x, y)
    );
}

/// Mean absolute difference per channel.
pub(crate) fn difference(left: &RgbaImage, right: &RgbaImage) -> f64 {
    assert_eq!(left.dimensions(), right.dimensions());
    let sum: u64 = left
        .as_raw()
        .iter()
        .zip(right.as_raw())
        .map(|(left, right)| u64::from(left.abs_diff(*right)))
        .sum();
    sum as f64 / left.as_raw().len() as f64
}
