//! What a picture costs in memory while it is made, counted by the allocator of the test.

use std::io::Write as _;

use flate2::{Compression, write::ZlibEncoder};
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

/// A TIFF of 24 bits in strips of so many rows.
fn tiff((width, height): (u32, u32), rows: u32) -> Vec<u8> {
    let row_bytes = width * 3;
    let mut bytes = b"II*\0\0\0\0\0".to_vec();
    bytes.extend((0..row_bytes * height).map(|sample| (sample / 7) as u8));
    let firsts = (0..height).step_by(rows as usize);
    let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
    for first in firsts {
        offsets.extend((8 + first * row_bytes).to_le_bytes());
        lengths.extend((rows.min(height - first) * row_bytes).to_le_bytes());
    }
    let strips = (offsets.len() / 4) as u32;
    let mut put = |values: &[u8]| {
        let at = bytes.len() as u32;
        bytes.extend(values);
        if values.len() == 4 {
            u32::from_le_bytes(values.try_into().unwrap())
        } else {
            at
        }
    };
    let entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, put(&[8, 0, 8, 0, 8, 0])),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, strips, put(&offsets)),
        (277, 3, 1, 3),
        (278, 4, 1, rows),
        (279, 4, strips, put(&lengths)),
    ];
    let at = (bytes.len() as u32).to_le_bytes();
    bytes.splice(4..8, at);
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        bytes.extend((tag as u16).to_le_bytes());
        bytes.extend((kind as u16).to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes
}

#[test]
fn a_large_bmp_gif_or_tiff_made_small_or_cut_out_of_is_never_held() {
    let size = (4000, 3000);
    for (name, source) in [
        ("bmp", bmp(size)),
        ("gif", gif((6000, 4000))),
        ("tiff of strips", tiff(size, 16)),
        ("tiff of one strip", tiff(size, size.1)),
    ] {
        for step in [width(300), sized(300, 300), extracted(300, 300)] {
            let peak = peak(&source, &step);
            assert!(peak < 8 * MEGABYTE, "{name} {step:?}: {peak}");
        }
    }
}

/// An interlaced PNG of grey and alpha: seven pictures, one after the other.
fn interlaced_png((width, height): (u32, u32)) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    for (left, top, column_step, row_step) in [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ] {
        let bytes = (left..width).step_by(column_step).len() * 2;
        for row in (top..height).step_by(row_step) {
            packed.write_all(&[0]).unwrap();
            let line: Vec<u8> = (0..bytes)
                .map(|sample| (sample as u32 / 7 + row) as u8)
                .collect();
            packed.write_all(&line).unwrap();
        }
    }
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 4, 0, 0, 1]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [
        (b"IHDR", header),
        (b"IDAT", packed.finish().unwrap()),
        (b"IEND", Vec::new()),
    ] {
        let mut chunk = kind.to_vec();
        chunk.extend(data);
        file.extend((chunk.len() as u32 - 4).to_be_bytes());
        file.extend(&chunk);
        file.extend(crc32fast::hash(&chunk).to_be_bytes());
    }
    file
}

#[test]
fn a_large_interlaced_png_made_small_or_cut_out_of_is_never_held() {
    let source = interlaced_png((6000, 4000));
    for step in [width(300), extracted(300, 300)] {
        let peak = peak(&source, &step);
        assert!(peak < 8 * MEGABYTE, "{step:?}: {peak}");
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
