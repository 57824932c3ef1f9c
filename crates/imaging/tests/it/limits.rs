//! Small files that ask for a lot are refused by their headers.

use std::time::{Duration, Instant};

use limpid_delivery_url::{
    Transformation,
    transformation::{Crop, Format, Step},
};
use limpid_imaging::{
    AcceptedFormats, ImageSettings, ImagingError, Inputs, Limits, TransformRequest, transform,
};

use crate::pictures::{jpeg, photograph, png, quarters, run, run_with, sized, stored_as, width};

/// Reading a header takes microseconds; this leaves room for a busy machine.
const SOON: Duration = Duration::from_millis(250);

#[track_caller]
fn assert_refused_for_its_size(bytes: &[u8]) {
    let started = Instant::now();
    let outcome = run(bytes, &[width(100)]);
    assert!(
        matches!(outcome, Err(ImagingError::SourceResolution { .. })),
        "{outcome:?}"
    );
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

#[test]
fn a_png_of_57_bytes_that_declares_4_gigapixels_is_refused() {
    let mut bytes =
        b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xff\xff\0\0\xff\xff\x08\x06\0\0\0\0\0\0\0".to_vec();
    bytes.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82");
    assert_eq!(bytes.len(), 57);
    assert_refused_for_its_size(&bytes);
}

#[test]
fn a_webp_of_34_bytes_that_declares_268_megapixels_is_refused() {
    let mut bytes = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f".to_vec();
    let sides: u32 = 0x3ffe | (0x3ffe << 14);
    bytes.extend(sides.to_le_bytes());
    bytes.resize(34, 0);
    assert_refused_for_its_size(&bytes);
}

#[test]
fn a_gif_of_62_bytes_with_a_giant_screen_is_refused() {
    let mut bytes = b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    bytes.extend(b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x4c\x01\0;");
    bytes.resize(62, 0);
    assert_refused_for_its_size(&bytes);
}

#[test]
fn a_gif_frame_larger_than_its_screen_is_refused() {
    let mut bytes = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    bytes.extend(b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x4c\x01\0;");
    assert_refused_for_its_size(&bytes);
}

#[test]
fn jpeg_bmp_and_avif_headers_are_believed_before_anything_is_allocated() {
    let mut giant = jpeg(quarters(16, 16));
    let frame = giant
        .windows(2)
        .position(|marker| marker == [0xff, 0xc0])
        .unwrap();
    giant[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    assert_refused_for_its_size(&giant);

    let mut bmp = stored_as(quarters(4, 4), image::ImageFormat::Bmp);
    bmp[18..22].copy_from_slice(&60_000u32.to_le_bytes());
    bmp[22..26].copy_from_slice(&60_000u32.to_le_bytes());
    assert_refused_for_its_size(&bmp);

    let mut avif = run(
        &png(quarters(16, 16)),
        &[Step {
            format: Some(Format::Avif),
            ..Step::default()
        }],
    )
    .unwrap()
    .bytes;
    let size = avif.windows(4).position(|name| name == b"ispe").unwrap();
    avif[size + 8..size + 16].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    assert_refused_for_its_size(&avif);
}

#[test]
fn an_avif_whose_coded_picture_is_not_as_declared_is_refused() {
    let mut avif = run(
        &png(quarters(16, 16)),
        &[Step {
            format: Some(Format::Avif),
            ..Step::default()
        }],
    )
    .unwrap()
    .bytes;
    let size = avif.windows(4).position(|name| name == b"ispe").unwrap();
    avif[size + 8..size + 16].copy_from_slice(&[0, 0, 0, 15, 0, 0, 0, 16]);
    let outcome = run(&avif, &[]);
    assert!(
        matches!(outcome, Err(ImagingError::Corrupt { .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_profile_that_unpacks_to_hundreds_of_megabytes_is_dropped_and_the_picture_kept() {
    let mut png = png(photograph(20, 20));
    let header_end = 8 + 25;
    let mut chunk = b"iCCPx\0\0".to_vec();
    // a zlib stream of stored blocks would be as long as what it holds; this one is 40 MB of zeroes in fixed codes
    chunk.extend(zeroes(40 << 20));
    let mut bytes = u32::try_from(chunk.len() - 4)
        .unwrap()
        .to_be_bytes()
        .to_vec();
    bytes.extend(&chunk);
    bytes.extend(crc(&chunk).to_be_bytes());
    png.splice(header_end..header_end, bytes);
    let result = run(&png, &[width(10)]).unwrap();
    assert_eq!(result.width, 10);
}

/// A zlib stream of about 1/1000 of `length`, which is rounded to what fits: one literal, then matches of 258 at distance 1.
fn zeroes(length: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut push =
        |value: u32, count: u32| bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    // final block with fixed codes; the type's two bits go lowest first
    push(0b110, 3);
    push(0b0011_0000, 8);
    for _ in 0..length / 258 {
        push(0b1100_0101, 8);
        push(0, 5);
    }
    push(0, 7);
    let mut stream = vec![0x78, 0x01];
    let packed = bits.chunks(8).map(|byte| {
        byte.iter()
            .enumerate()
            .fold(0, |sum, (at, bit)| sum | (u8::from(*bit) << at))
    });
    stream.extend(packed);
    // the sum of bytes that are all zero, over a length modulo 65521
    let ones = 1u32;
    let twos = u32::try_from((1 + length / 258 * 258) % 65_521).unwrap();
    stream.extend((twos << 16 | ones).to_be_bytes());
    stream
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 {
                0xedb8_8320 ^ (sum >> 1)
            } else {
                sum >> 1
            }
        })
    })
}

#[test]
fn thousands_of_progressive_scans_are_refused() {
    let mut bytes = jpeg(quarters(64, 64));
    let frame = bytes
        .windows(2)
        .position(|marker| marker == [0xff, 0xc0])
        .unwrap();
    bytes[frame + 1] = 0xc2;
    let end = bytes.len() - 2;
    let scan = b"\xff\xda\0\x08\x01\x01\0\0\x01\0".repeat(4_000);
    bytes.splice(end..end, scan);
    let started = Instant::now();
    assert!(matches!(
        run(&bytes, &[]),
        Err(ImagingError::Corrupt { .. })
    ));
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

#[test]
fn frames_count_towards_their_own_limit() {
    let mut bytes = b"GIF89a\x40\x1f\x40\x1f\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    for _ in 0..500 {
        bytes.extend(b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0");
    }
    bytes.push(b';');
    let outcome = run(&bytes, &[]);
    assert!(
        matches!(
            outcome,
            Err(ImagingError::TooManyFrames { frames: 500, .. })
        ),
        "{outcome:?}"
    );
}

#[test]
fn the_byte_limit_is_exact() {
    let source = jpeg(photograph(64, 64));
    let limit = |max_source_bytes| Limits {
        max_source_bytes,
        ..Limits::default()
    };
    let length = source.len() as u64;
    assert!(run_with(&source, &[], AcceptedFormats::default(), &limit(length)).is_ok());
    let outcome = run_with(&source, &[], AcceptedFormats::default(), &limit(length - 1));
    assert_eq!(
        outcome.unwrap_err(),
        ImagingError::SourceTooLarge {
            found: length,
            allowed: length - 1
        }
    );
}

#[test]
fn a_result_its_format_cannot_hold_is_refused_before_decoding() {
    let step = Step {
        format: Some(Format::WebP),
        crop: Some(Crop::Force),
        ..sized(16_384, 2)
    };
    let outcome = run(&jpeg(quarters(16, 16)), &[step]);
    assert!(
        matches!(
            outcome,
            Err(ImagingError::OutputTooLarge {
                what: "WebP side",
                ..
            })
        ),
        "{outcome:?}"
    );
    let chain = [
        Step {
            crop: Some(Crop::Force),
            ..sized(20_000, 20_000)
        },
        width(10),
    ];
    let started = Instant::now();
    let outcome = run(&jpeg(quarters(16, 16)), &chain);
    assert!(
        matches!(outcome, Err(ImagingError::OutputTooLarge { .. })),
        "{outcome:?}"
    );
    assert!(started.elapsed() < SOON);
}

#[test]
fn a_deadline_in_the_past_is_a_timeout() {
    let source = jpeg(photograph(64, 64));
    let transformation = Transformation {
        steps: vec![width(10)],
    };
    let outcome = transform(&TransformRequest {
        source: &source,
        transformation: &transformation,
        inputs: &Inputs::default(),
        accept: AcceptedFormats::default(),
        settings: ImageSettings::default(),
        limits: &Limits::default(),
        deadline: Some(Instant::now()),
    });
    assert_eq!(outcome.unwrap_err(), ImagingError::Timeout);
}

#[test]
fn a_breached_limit_names_itself_with_units() {
    let found = ImagingError::SourceTooLarge {
        found: 52_428_800,
        allowed: 41_943_040,
    }
    .exceeded_limit()
    .unwrap();
    assert_eq!(found.name, "input image size");
    assert_eq!(
        (found.found.as_str(), found.allowed.as_str()),
        ("52428800 bytes", "41943040 bytes")
    );
    assert_eq!(ImagingError::Truncated.exceeded_limit(), None);
}

#[test]
fn documents_are_not_drawn_and_long_ones_are_refused_for_their_length() {
    let mut document = b"%PDF-1.7".to_vec();
    assert!(matches!(
        run(&document, &[width(5)]),
        Err(ImagingError::FormatUnsupported { found: "PDF" })
    ));
    document.resize((5 << 20) + 1, b' ');
    assert!(matches!(
        run(&document, &[width(5)]),
        Err(ImagingError::SourceTooLarge { .. })
    ));
}
