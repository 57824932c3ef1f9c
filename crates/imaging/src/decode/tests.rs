//! Decoders by rows and whole, and in time.

use std::io::Cursor;

use image::{Delay, DynamicImage, Frame, RgbaImage, codecs::gif::GifEncoder};

use super::*;
use crate::{
    encode::{Quality, Wanted, encode},
    format::Encoding,
    geometry::{Region, Size},
    picture::Channels,
    probe::probe,
    steps::resize,
};

mod banded;
mod interlaced;
mod strips;
mod tiles;

fn outcome(source: &[u8], deadline: Option<Instant>) -> Result<Decoded, ImagingError> {
    let info = probe(source)?;
    let request = DecodeRequest {
        source,
        info: &info,
        limits: &Limits::default(),
        shrink: 1,
        cut: None,
        deadline,
    };
    if info.frames > 1 {
        animation::still(&request, info.frames - 1)
    } else {
        decode(&request)
    }
}

#[test]
fn a_deadline_that_has_passed_ends_the_decode_at_the_next_row_or_frame() {
    let picture = || RgbaImage::from_pixel(64, 48, image::Rgba([200, 100, 50, 255]));
    let mut png = Cursor::new(Vec::new());
    DynamicImage::from(picture())
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    let mut gif = Vec::new();
    let frame = || Frame::from_parts(picture(), 0, 0, Delay::from_numer_denom_ms(100, 1));
    GifEncoder::new(&mut gif)
        .encode_frames([frame(), frame()])
        .unwrap();
    for source in [png.get_ref(), &gif] {
        assert!(outcome(source, None).is_ok());
        let late = outcome(source, Some(Instant::now()));
        assert_eq!(late.unwrap_err(), ImagingError::Timeout);
    }
}

/// Samples that look like noise, the same on every run.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    };
    (0..count).map(next).collect()
}

const SIZE: Size = Size {
    width: 97,
    height: 71,
};

/// Every colour type in every depth it has, with and without transparency beside it.
fn every_png() -> Vec<(String, Vec<u8>)> {
    use ::png::{BitDepth, ColorType};
    let depths = |color: ColorType| match color {
        ColorType::Grayscale => vec![
            BitDepth::One,
            BitDepth::Two,
            BitDepth::Four,
            BitDepth::Eight,
            BitDepth::Sixteen,
        ],
        ColorType::Indexed => vec![
            BitDepth::One,
            BitDepth::Two,
            BitDepth::Four,
            BitDepth::Eight,
        ],
        _ => vec![BitDepth::Eight, BitDepth::Sixteen],
    };
    let mut files = Vec::new();
    for color in [
        ColorType::Grayscale,
        ColorType::Rgb,
        ColorType::Indexed,
        ColorType::GrayscaleAlpha,
        ColorType::Rgba,
    ] {
        for depth in depths(color) {
            for has_transparency in [false, true] {
                if has_transparency && matches!(color, ColorType::GrayscaleAlpha | ColorType::Rgba)
                {
                    continue;
                }
                let name = format!("{color:?} {depth:?} {has_transparency}");
                files.push((name, drawn_png(color, depth, has_transparency)));
            }
        }
    }
    files
}

fn drawn_png(color: ::png::ColorType, depth: ::png::BitDepth, has_transparency: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, SIZE.width, SIZE.height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == ::png::ColorType::Indexed {
        encoder.set_palette(noise(3 << (depth as u8)));
    }
    if has_transparency {
        encoder.set_trns(match color {
            ::png::ColorType::Indexed => noise(2),
            ::png::ColorType::Grayscale => vec![0, 1],
            _ => vec![0, 7, 0, 7, 0, 7],
        });
    }
    let mut writer = encoder.write_header().unwrap();
    let bits = color.samples() * depth as usize;
    let row_bytes = (SIZE.width as usize * bits).div_ceil(8);
    writer
        .write_image_data(&noise(row_bytes * SIZE.height as usize))
        .unwrap();
    writer.finish().unwrap();
    bytes
}

fn cut(region: (f64, f64, f64, f64), to: (u32, u32)) -> Cut {
    let (left, top, width, height) = region;
    Cut {
        region: Region {
            left,
            top,
            width,
            height,
        },
        to: Size {
            width: to.0,
            height: to.1,
        },
    }
}

/// Scaled as a whole and in part, on whole pixels and between them; cut out without scaling at each edge.
fn cuts() -> Vec<Cut> {
    vec![
        cut((0.0, 0.0, 97.0, 71.0), (31, 23)),
        cut((0.0, 0.0, 97.0, 71.0), (1, 1)),
        cut((10.0, 20.0, 60.0, 30.0), (20, 10)),
        cut((3.25, 7.5, 90.5, 41.75), (45, 40)),
        cut((0.0, 0.0, 40.0, 20.0), (40, 20)),
        cut((57.0, 51.0, 40.0, 20.0), (40, 20)),
        cut((11.0, 13.0, 1.0, 1.0), (1, 1)),
        cut((0.0, 0.0, 97.0, 71.0), (97, 71)),
    ]
}

fn cut_while_decoding(source: &[u8], cut: Option<Cut>) -> Result<Decoded, ImagingError> {
    let info = probe(source)?;
    decode(&DecodeRequest {
        source,
        info: &info,
        limits: &Limits::default(),
        shrink: 1,
        cut,
        deadline: None,
    })
}

#[track_caller]
fn assert_rows_are_the_whole(name: &str, source: &[u8], cut: Cut) {
    let by_rows = cut_while_decoding(source, Some(cut)).unwrap();
    assert!(by_rows.is_cut, "{name}");
    let whole = cut_while_decoding(source, None).unwrap();
    assert!(!whole.is_cut, "{name}");
    let expected = resize(whole.picture, cut.region, cut.to, None).unwrap();
    assert!(by_rows.picture == expected, "{name} {cut:?}");
    assert_eq!(by_rows.profile, whole.profile, "{name}");
}

#[test]
fn every_kind_of_png_cut_by_rows_is_the_whole_cut_afterwards() {
    for (name, source) in every_png() {
        for cut in cuts() {
            assert_rows_are_the_whole(&name, &source, cut);
        }
    }
}

/// Noise as one of our own encoders writes it.
fn encoded(channels: Channels, format: ImageFormat, is_lossless: bool) -> Vec<u8> {
    let mut picture = Picture::zeroed(SIZE, channels);
    picture.pixels = noise(picture.pixels.len());
    let wanted = Wanted {
        quality: Quality {
            asked: Some(80),
            usual: 80,
        },
        is_progressive: false,
        is_lossless,
        deadline: None,
    };
    encode(picture, Encoding::One(format), wanted)
        .unwrap()
        .bytes
}

#[test]
fn avif_jpeg_xl_and_webp_cut_while_decoding_are_the_whole_cut_afterwards() {
    for channels in [Channels::Rgb, Channels::Rgba] {
        for cut in cuts() {
            let avif = encoded(channels, ImageFormat::Avif, false);
            assert_rows_are_the_whole("avif", &avif, cut);
            for is_lossless in [false, true] {
                let webp = encoded(channels, ImageFormat::WebP, is_lossless);
                assert_rows_are_the_whole("webp", &webp, cut);
            }
        }
    }
    let jxl: [&[u8]; 2] = [
        include_bytes!("../../tests/it/jxl/alpha.jxl"),
        include_bytes!("../../tests/it/jxl/lossy.jxl"),
    ];
    for source in jxl {
        let Size { width, height } = probe(source).unwrap().stored_size;
        let whole = (0.0, 0.0, f64::from(width), f64::from(height));
        assert_rows_are_the_whole("jxl", source, cut(whole, (width / 3, height / 3)));
        let part = (1.5, 2.0, f64::from(width / 2), f64::from(height / 2));
        assert_rows_are_the_whole("jxl", source, cut(part, (width / 2, height / 2)));
    }
}

/// The first quarter of the rows.
fn at_the_top() -> Cut {
    cut((5.0, 3.0, 30.0, 15.0), (30, 15))
}

#[test]
fn a_cut_or_scribbled_on_png_is_refused_for_the_same_reason_by_rows_and_whole() {
    let source = drawn_png(::png::ColorType::Rgba, ::png::BitDepth::Eight, false);
    let reason = |bytes: &[u8], cut| cut_while_decoding(bytes, cut).map(|_| ());
    let all = cut((0.0, 0.0, 97.0, 71.0), (31, 23));
    for length in (0..source.len()).step_by(211).chain([source.len() - 1]) {
        let bytes = &source[..length];
        let whole = reason(bytes, None);
        // the last 12 bytes say only that it ends
        assert!(whole.is_err() || length > source.len() - 12, "{length}");
        for cut in [all, at_the_top()] {
            assert_eq!(reason(bytes, Some(cut)), whole, "{length} {cut:?}");
        }
    }
    for place in (60..source.len()).step_by(467) {
        let mut bytes = source.clone();
        bytes[place] ^= 0x55;
        let whole = reason(&bytes, None);
        for cut in [all, at_the_top()] {
            assert_eq!(reason(&bytes, Some(cut)), whole, "{place} {cut:?}");
        }
    }
}

/// Rows of zeroes, of which one takes until the deadline.
struct Slow {
    deadline: Instant,
    stops_at: u32,
    rows_read: u32,
}

impl RowSource for Slow {
    fn size(&self) -> Size {
        SIZE
    }

    fn layout(&self) -> limpid_resample::Layout {
        limpid_resample::Layout::Rgb
    }

    fn read(&mut self, row: &mut [u8]) -> Result<(), ImagingError> {
        row.fill(0);
        self.rows_read += 1;
        while self.rows_read == self.stops_at && Instant::now() < self.deadline {
            std::hint::spin_loop();
        }
        Ok(())
    }
}

#[test]
fn a_deadline_in_the_middle_of_the_rows_ends_the_decode_there() {
    let slow = || Slow {
        deadline: Instant::now() + std::time::Duration::from_millis(50),
        stops_at: 20,
        rows_read: 0,
    };
    let scaled = cut((0.0, 0.0, 97.0, 71.0), (31, 23));
    let copied = cut((5.0, 3.0, 60.0, 60.0), (60, 60));
    for cut in [scaled, copied] {
        let mut rows = slow();
        let deadline = Some(rows.deadline);
        let outcome = resize_rows(&mut rows, cut, deadline);
        assert_eq!(outcome, Err(ImagingError::Timeout));
        assert_eq!(rows.rows_read, 20);
    }
    let mut rows = slow();
    let deadline = Some(rows.deadline);
    assert_eq!(rows::whole(&mut rows, deadline), Err(ImagingError::Timeout));
    assert_eq!(rows.rows_read, 20);
}

#[test]
fn rows_below_a_cut_are_not_read() {
    let mut rows = Slow {
        deadline: Instant::now(),
        stops_at: 0,
        rows_read: 0,
    };
    resize_rows(&mut rows, at_the_top(), None).unwrap();
    assert_eq!(rows.rows_read, 18);
}

#[test]
fn a_webp_that_is_shrunk_while_it_is_cut_shows_what_the_whole_does() {
    let size = Size {
        width: 400,
        height: 300,
    };
    let mut picture = Picture::zeroed(size, Channels::Rgb);
    for (y, row) in picture.rows_mut().enumerate() {
        for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *pixel = [x / 2, y / 2, (x + y) / 4].map(|level| u8::try_from(level).unwrap());
        }
    }
    let wanted = Wanted {
        quality: Quality {
            asked: Some(95),
            usual: 80,
        },
        is_progressive: false,
        is_lossless: false,
        deadline: None,
    };
    let encoding = Encoding::One(ImageFormat::WebP);
    let source = encode(picture, encoding, wanted).unwrap().bytes;
    let info = probe(&source).unwrap();
    for (left, top) in [(0.0, 0.0), (101.5, 77.0), (240.0, 180.0)] {
        let cut = cut((left, top, 160.0, 120.0), (16, 12));
        for shrink in [2, 3, 5] {
            let decoded = decode(&DecodeRequest {
                source: &source,
                info: &info,
                limits: &Limits::default(),
                shrink,
                cut: Some(cut),
                deadline: None,
            });
            let shrunk = decoded.unwrap().picture;
            let whole = cut_while_decoding(&source, None).unwrap().picture;
            let expected = resize(whole, cut.region, cut.to, None).unwrap();
            let furthest = shrunk.pixels.iter().zip(&expected.pixels);
            let furthest = furthest
                .map(|(found, expected)| found.abs_diff(*expected))
                .max();
            assert!(furthest <= Some(3), "{left} {top} {shrink}: {furthest:?}");
        }
    }
}
