//! Encoders end soon after their deadline (work is counted, not timed), and refuse what they cannot write.

use super::*;
use crate::{
    deadline::counted::{self, assert_stops},
    format::AcceptedFormats,
    picture::Channels,
    planes::{Plane, Planes, halved},
};

/// Larger than what PNG writes at once.
const SIZE: Size = Size {
    width: 1100,
    height: 1000,
};

fn pixels() -> usize {
    SIZE.area().try_into().unwrap_or_default()
}

/// Many colours, or as many as a palette holds.
fn picture(size: Size, channels: Channels, has_many_colors: bool) -> Picture {
    let mut picture = Picture::filled(size, channels, [0, 0, 0, 255]);
    let count = channels.count();
    for (row, y) in picture.rows_mut().zip(0_usize..) {
        for (pixel, x) in row.chunks_exact_mut(count).zip(0_usize..) {
            let [red, ..] = (x / 8 % 16 * 16).to_le_bytes();
            let [green, ..] = (y / 8 % 16 * 16).to_le_bytes();
            let [blue, ..] = (x ^ y).to_le_bytes();
            let blue = if has_many_colors { blue } else { 7 };
            for (channel, value) in pixel.iter_mut().zip([red, green, blue]) {
                *channel = value;
            }
        }
    }
    picture
}

fn wanted(asked: Option<u8>, deadline: Option<Instant>) -> Wanted {
    Wanted {
        quality: Quality { asked, usual: 80 },
        is_progressive: false,
        is_lossless: false,
        deadline,
    }
}

#[test]
fn webp_png_and_gif_end_when_nobody_waits_any_more() {
    for (format, asked, has_many_colors) in [
        (ImageFormat::WebP, None, true),
        // without loss, by many colours and by few
        (ImageFormat::Png, None, true),
        (ImageFormat::Png, None, false),
        // by a palette, with error diffusion and without
        (ImageFormat::Png, Some(80), true),
        (ImageFormat::Png, Some(30), true),
        (ImageFormat::Gif, None, true),
    ] {
        let source = picture(SIZE, Channels::Rgb, has_many_colors);
        println!("{format:?} {asked:?}");
        assert_stops(pixels(), |deadline| {
            encode_as(source.clone(), format, wanted(asked, deadline))
        });
    }
}

#[test]
fn webp_of_planes_and_without_loss_ends_when_nobody_waits_any_more() {
    let difference = || Plane::filled(halved(SIZE), 100);
    let planes = Planes {
        luma: Plane::filled(SIZE, 90),
        chroma: Some([difference(), difference()]),
    };
    assert_stops(pixels(), |deadline| {
        encode_planes(planes.clone(), ImageFormat::WebP, 80, deadline)
    });
    let source = picture(SIZE, Channels::Rgb, true);
    let lossless = |deadline| {
        let wanted = Wanted {
            is_lossless: true,
            ..wanted(None, deadline)
        };
        encode_as(source.clone(), ImageFormat::WebP, wanted)
    };
    // the library says seldom how far it is
    let (outcome, looks) = counted::until(usize::MAX, lossless);
    assert!(outcome.is_ok() && looks > 3, "{looks}");
    for last in 1..=looks {
        let (outcome, _) = counted::until(last, lossless);
        assert_eq!(outcome.err(), Some(ImagingError::Timeout), "look {last}");
    }
}

#[test]
fn a_frame_of_an_animation_ends_when_nobody_waits_any_more() {
    let source = picture(SIZE, Channels::Rgba, true);
    for format in [ImageFormat::WebP, ImageFormat::Gif] {
        assert_stops(pixels(), |deadline| {
            let header = animation::AnimationHeader {
                size: SIZE,
                frames: 1,
                plays: 0,
                quality: 80,
                is_lossless: false,
                deadline,
            };
            let mut writer = animation::FrameWriter::begin(format, header)?;
            writer.add(source.clone(), 40)?;
            writer.finish()
        });
    }
}

#[test]
fn avif_looks_before_either_of_its_pictures() {
    let small = Size {
        width: 64,
        height: 64,
    };
    let mut source = picture(small, Channels::Rgba, true);
    if let Some(alpha) = source.pixels.get_mut(3) {
        *alpha = 9;
    }
    let encode = |deadline| encode_as(source.clone(), ImageFormat::Avif, wanted(None, deadline));
    let (outcome, looks) = counted::until(usize::MAX, encode);
    assert!(outcome.is_ok());
    assert_eq!(looks, 2);
    for last in 1..=looks {
        let (outcome, _) = counted::until(last, encode);
        assert_eq!(outcome.err(), Some(ImagingError::Timeout), "look {last}");
    }
}

#[test]
fn rivals_are_not_tried_when_nobody_waits_any_more() {
    let source = picture(SIZE, Channels::Rgb, false);
    let rivals = Rivals {
        jpeg: true,
        webp: false,
        lossless: Some(AcceptedFormats {
            webp: true,
            avif: false,
        }),
    };
    assert_stops(pixels(), |deadline| {
        let wanted = wanted(None, deadline);
        encode_smallest(source.clone(), ImageFormat::WebP, rivals, wanted)
    });
}

#[test]
fn a_large_png_written_row_by_row_is_the_picture() {
    for has_many_colors in [true, false] {
        let source = picture(SIZE, Channels::Rgb, has_many_colors);
        let written = encode_as(source.clone(), ImageFormat::Png, wanted(None, None));
        let decoder = ::png::Decoder::new(std::io::Cursor::new(written.unwrap().bytes));
        let mut decoder = decoder;
        decoder.set_transformations(::png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut read = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut read).unwrap();
        assert!(read == source.pixels, "{has_many_colors}");
    }
}

/// One pixel wider than WebP can be.
fn too_wide_for_webp() -> Picture {
    let size = Size {
        width: 16_384,
        height: 1,
    };
    Picture {
        size,
        channels: Channels::Rgb,
        pixels: vec![7; 16_384 * 3],
    }
}

/// The negotiation asks no encoder for this; here one is asked, and says no.
#[test]
fn what_an_encoder_cannot_write_is_its_failure() {
    let refused = encode_as(too_wide_for_webp(), ImageFormat::WebP, wanted(None, None));
    let is_failure = matches!(&refused, Err(ImagingError::Encode { format: "WebP", .. }));
    assert!(is_failure, "{refused:?}");
}

/// Takes a picture of 200 MP and a minute to see; what the library then says is named as what it is, a limit of the format.
#[test]
fn more_blocks_than_webp_can_describe_are_too_large_an_output() {
    let size = Size {
        width: 16_383,
        height: 16_383,
    };
    assert!(may_not_fit(ImageFormat::WebP, size));
    assert!(!may_not_fit(ImageFormat::Jpeg, size));
    let overflow = || Err(webp::TOO_MANY_BLOCKS.to_owned());
    let refused = encoded(overflow(), (ImageFormat::WebP, size), None);
    let is_limit = matches!(
        &refused,
        Err(ImagingError::OutputTooLarge {
            width: 16_383,
            allowed: webp::ALWAYS_FITS,
            ..
        })
    );
    assert!(is_limit, "{refused:?}");
    // segment, skipping, mode of luma, mode of chroma: the dearest of each, and what stands before the blocks
    let bits_of_a_block = 2.0 + 1.0 + 1.3 + 2.4 + 3.9;
    let blocks = f64::from(u32::try_from(webp::ALWAYS_FITS / 256).unwrap());
    assert!(blocks * bits_of_a_block / 8.0 + 1024.0 < f64::from(512 * 1024));
}

#[test]
fn a_format_that_is_only_tried_spoils_nothing_where_it_cannot_be_written() {
    let rivals = Rivals {
        webp: true,
        lossless: Some(AcceptedFormats {
            webp: true,
            avif: true,
        }),
        ..Rivals::default()
    };
    let made = encode_smallest(
        too_wide_for_webp(),
        ImageFormat::Jpeg,
        rivals,
        wanted(None, None),
    );
    assert_ne!(made.unwrap().format, ImageFormat::WebP);
}
