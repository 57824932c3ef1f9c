//! What a picture costs in memory while it is made, counted by the allocator of the test.

use std::io::Write as _;

use limpid_delivery_url::transformation::{Crop, Format, Step};

use crate::pictures::{encoded, photograph, run, sized, width};

/// A PNG, written row by row.
fn png(size: (u32, u32), color: png::ColorType) -> Vec<u8> {
    let (width, height) = size;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fastest);
    let mut writer = encoder.write_header().unwrap();
    let mut stream = writer.stream_writer().unwrap();
    let row_bytes = width as usize * color.samples();
    for row in 0..height as usize {
        let samples: Vec<u8> = (0..row_bytes)
            .map(|sample| (sample / 7 + row / 3) as u8)
            .collect();
        stream.write_all(&samples).unwrap();
    }
    stream.finish().unwrap();
    drop(writer);
    bytes
}

/// Most memory held at a time while a picture is made, the source not counted. Units: bytes.
fn peak(source: &[u8], step: &Step) -> u64 {
    let steps = [Step {
        format: Some(Format::Jpeg),
        ..step.clone()
    }];
    let make = || drop(run(source, &steps).unwrap());
    // once before, for what is set up once per thread
    make();
    allocation_counter::measure(make).bytes_max
}

/// Cut out of the middle, not scaled.
fn extracted(width: u32, height: u32) -> Step {
    Step {
        crop: Some(Crop::Extract),
        ..sized(width, height)
    }
}

const MEGABYTE: u64 = 1 << 20;

#[test]
fn a_large_png_made_small_or_cut_out_of_is_never_held() {
    for color in [
        png::ColorType::Rgba,
        png::ColorType::Rgb,
        png::ColorType::Grayscale,
    ] {
        let source = png((6000, 4000), color);
        for step in [width(300), sized(300, 300), extracted(300, 300)] {
            let peak = peak(&source, &step);
            assert!(peak < 8 * MEGABYTE, "{color:?} {step:?}: {peak}");
        }
    }
}

/// A BMP of 24 bits without compression, bottom row first.
fn bmp((width, height): (u32, u32)) -> Vec<u8> {
    let mut bytes = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    let row_bytes = (width as usize * 3).next_multiple_of(4);
    bytes.extend((0..row_bytes * height as usize).map(|sample| (sample / 7) as u8));
    bytes
}

/// A GIF of one picture that isn't interlaced.
fn gif((width, height): (u16, u16)) -> Vec<u8> {
    let palette: Vec<u8> = (0..=255).flat_map(|level| [level; 3]).collect();
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &palette).unwrap();
    let samples = usize::from(width) * usize::from(height);
    let frame = gif::Frame {
        width,
        height,
        buffer: (0..samples).map(|sample| (sample / 7) as u8).collect(),
        ..gif::Frame::default()
    };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    bytes
}

#[test]
fn a_large_bmp_or_gif_made_small_or_cut_out_of_is_never_held() {
    for (name, source) in [("bmp", bmp((4000, 3000))), ("gif", gif((6000, 4000)))] {
        for step in [width(300), sized(300, 300), extracted(300, 300)] {
            let peak = peak(&source, &step);
            assert!(peak < 8 * MEGABYTE, "{name} {step:?}: {peak}");
        }
    }
}

#[test]
fn memory_does_not_grow_with_the_height_of_a_png() {
    let peak_of = |height| peak(&png((1000, height), png::ColorType::Rgba), &sized(100, 100));
    let (low, high) = (peak_of(500), peak_of(8000));
    assert!(high < low + MEGABYTE, "{low} {high}");
}

#[test]
fn of_webp_and_avif_no_colours_are_held_but_those_of_the_result() {
    let picture = crate::pictures::png(photograph(2000, 1500));
    let webp = encoded(&picture, Format::WebP);
    let found = peak(&webp, &extracted(300, 300));
    assert!(found < MEGABYTE, "webp: {found}");
    let avif = encoded(&picture, Format::Avif);
    for step in [width(300), extracted(300, 300)] {
        let found = peak(&avif, &step);
        assert!(found < 4 * MEGABYTE, "avif: {found}");
    }
}
