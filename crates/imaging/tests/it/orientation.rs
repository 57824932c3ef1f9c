//! EXIF orientation is applied before anything else, in every format that can carry it.

use image::{Rgb, RgbImage};
use limpid_delivery_url::transformation::{Anchor, Crop, Focus, Step};
use limpid_imaging::{ImageFormat, probe};

use crate::{
    asked::made,
    pictures::{
        BLUE, GREEN, RED, YELLOW, assert_color, difference, jpeg, pixels, png, quarters, run,
        sized, stored_as,
    },
};

fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    tiff.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    tiff
}

fn jpeg_with(orientation: u8) -> Vec<u8> {
    oriented(&jpeg(quarters(80, 40)), orientation)
}

/// Puts an APP1 segment behind the start of the image.
fn oriented(plain: &[u8], orientation: u8) -> Vec<u8> {
    let mut payload = b"Exif\0\0".to_vec();
    payload.extend(exif(orientation));
    let length = u16::try_from(payload.len() + 2).unwrap();
    let (start, rest) = plain.split_at(2);
    let mut bytes = start.to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(payload);
    bytes.extend(rest);
    bytes
}

/// Upright colours of the four quarters for each orientation, row by row, worked out by hand from the EXIF drawings.
const UPRIGHT: [[[u8; 3]; 4]; 8] = [
    [RED, GREEN, BLUE, YELLOW],
    [GREEN, RED, YELLOW, BLUE],
    [YELLOW, BLUE, GREEN, RED],
    [BLUE, YELLOW, RED, GREEN],
    [RED, BLUE, GREEN, YELLOW],
    [BLUE, RED, YELLOW, GREEN],
    [YELLOW, GREEN, BLUE, RED],
    [GREEN, YELLOW, RED, BLUE],
];

#[test]
fn all_eight_orientations_of_a_jpeg_come_out_upright() {
    for (orientation, expected) in (1u8..).zip(UPRIGHT) {
        let source = jpeg_with(orientation);
        let size = if orientation >= 5 { (40, 80) } else { (80, 40) };
        let info = probe(&source).unwrap();
        assert_eq!((info.size().width, info.size().height), size);
        let picture = pixels(&source, &[]);
        assert_eq!(picture.dimensions(), size);
        for ((x, y), color) in [(1, 1), (3, 1), (1, 3), (3, 3)].into_iter().zip(expected) {
            assert_color(&picture, (size.0 * x / 4, size.1 * y / 4), color);
        }
    }
}

#[test]
fn crops_are_taken_from_the_upright_picture() {
    for (orientation, expected) in (1u8..).zip(UPRIGHT) {
        let anchors = [
            Anchor::TopLeft,
            Anchor::TopRight,
            Anchor::BottomLeft,
            Anchor::BottomRight,
        ];
        for (anchor, color) in anchors.into_iter().zip(expected) {
            let focus = Some(Focus::Anchor(anchor));
            let extract = Step {
                focus,
                crop: Some(Crop::Extract),
                ..sized(16, 16)
            };
            assert_color(&pixels(&jpeg_with(orientation), &[extract]), (8, 8), color);
        }
        let corner = Step {
            x: Some(2),
            y: Some(2),
            crop: Some(Crop::Extract),
            ..sized(12, 12)
        };
        assert_color(
            &pixels(&jpeg_with(orientation), &[corner]),
            (6, 6),
            expected[0],
        );
    }
}

#[test]
fn what_only_pixels_can_tell_is_told_of_the_upright_picture() {
    // a block off the middle, large enough that the decoder shrinks for the focus
    let picture = RgbImage::from_fn(400, 240, |x, y| {
        let is_inside = (48..128).contains(&x) && (144..208).contains(&y);
        Rgb(if is_inside { RED } else { [255, 255, 255] })
    });
    let plain = jpeg(picture);
    for orientation in 1..=8 {
        let source = oriented(&plain, orientation);
        let upright = png(pixels(&source, &[]));
        let trimmed = made(&source, "t-true,h-50");
        assert_eq!(trimmed, made(&upright, "t-true,h-50"), "{orientation}");
        let size = if orientation >= 5 { (40, 50) } else { (63, 50) };
        assert_eq!(trimmed.dimensions(), size, "{orientation}");
        let crop = made(&source, "w-20,h-20,fo-auto");
        let of_upright = made(&upright, "w-20,h-20,fo-auto");
        let difference = difference(&crop, &of_upright);
        assert!(difference < 12.0, "{orientation}: {difference}");
        let red = crop.pixels().filter(|pixel| pixel.0[1] < 128).count();
        assert!(red > 20, "{orientation}: {red} of 400");
    }
}

#[test]
fn the_orientation_itself_is_dropped_from_the_result() {
    let result = run(&jpeg_with(6), &[]).unwrap();
    assert_eq!(result.format, ImageFormat::Jpeg);
    let info = probe(&result.bytes).unwrap();
    assert_eq!((info.stored_size.width, info.stored_size.height), (40, 80));
    assert!(!result.bytes.windows(4).any(|window| window == b"Exif"));
}

#[test]
fn png_and_webp_carry_orientation_too() {
    let mut png = png(quarters(80, 40));
    let end = png.len() - 12;
    let tiff = exif(6);
    let mut chunk = u32::try_from(tiff.len()).unwrap().to_be_bytes().to_vec();
    chunk.extend(b"eXIf");
    chunk.extend(&tiff);
    chunk.extend(crc(&chunk[4..]).to_be_bytes());
    png.splice(end..end, chunk);
    let turned = pixels(&png, &[]);
    assert_eq!(turned.dimensions(), (40, 80));
    assert_color(&turned, (10, 20), BLUE);

    let plain = stored_as(quarters(80, 40), image::ImageFormat::WebP);
    let mut body = b"WEBPVP8X\x0a\0\0\0\x08\0\0\0\x4f\0\0\x27\0\0".to_vec();
    body.extend(&plain[12..]);
    body.extend(b"EXIF");
    body.extend(u32::try_from(tiff.len()).unwrap().to_le_bytes());
    body.extend(&tiff);
    let mut webp = b"RIFF".to_vec();
    webp.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    webp.extend(body);
    let turned = pixels(&webp, &[]);
    assert_eq!(turned.dimensions(), (40, 80));
    assert_color(&turned, (10, 20), BLUE);
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
