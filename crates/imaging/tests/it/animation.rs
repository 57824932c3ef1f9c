//! Moving pictures: frames, delays, loops, disposal, and what is refused.

use std::io::Cursor;

use gif::{DisposalMethod, Encoder, Frame, Repeat};
use image::{
    AnimationDecoder, RgbaImage,
    codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder},
};
use limpid_delivery_url::transformation::{Conditional, Format, Pages, Step};
use limpid_imaging::{AcceptedFormats, ImageFormat, ImagingError, Limits, probe};

use crate::{
    asked::steps,
    pictures::{jpeg, look_at, quarters, run, run_with, sized, width},
};

pub(crate) const WEBP: AcceptedFormats = AcceptedFormats {
    webp: true,
    avif: false,
};
const PALETTE: &[u8] = &[
    0, 0, 0, 250, 10, 10, 10, 250, 10, 10, 10, 250, 250, 250, 10, 40, 40, 40, 90, 90, 90, 250, 250,
    250,
];
const CLEAR: u8 = 0;

/// A frame of one palette index, every third pixel clear.
fn frame(
    area: (u16, u16, u16, u16),
    color: u8,
    dispose: DisposalMethod,
    delay: u16,
) -> Frame<'static> {
    let (left, top, width, height) = area;
    let pixels = (0..usize::from(width) * usize::from(height))
        .map(|at| if at % 3 == 2 { CLEAR } else { color });
    Frame {
        left,
        top,
        width,
        height,
        delay,
        dispose,
        transparent: Some(CLEAR),
        buffer: pixels.collect::<Vec<u8>>().into(),
        ..Frame::default()
    }
}

fn gif(screen: (u16, u16), frames: &[Frame<'static>], repeat: Option<Repeat>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, screen.0, screen.1, PALETTE).unwrap();
    if let Some(repeat) = repeat {
        encoder.set_repeat(repeat).unwrap();
    }
    for frame in frames {
        encoder.write_frame(frame).unwrap();
    }
    drop(encoder);
    bytes
}

/// Six frames that use every disposal, some reaching beyond the screen.
fn every_disposal() -> Vec<u8> {
    use DisposalMethod::{Any, Background, Keep, Previous};
    gif(
        (16, 12),
        &[
            frame((0, 0, 16, 12), 1, Keep, 7),
            frame((2, 2, 8, 6), 2, Previous, 11),
            frame((4, 1, 9, 9), 3, Background, 3),
            frame((0, 6, 16, 6), 4, Any, 50),
            frame((5, 5, 3, 3), 1, Previous, 2),
            frame((6, 3, 10, 9), 2, Keep, 100),
        ],
        Some(Repeat::Finite(4)),
    )
}

/// A plain animation: a square that moves.
pub(crate) fn moving_square(frames: u16, repeat: Option<Repeat>) -> Vec<u8> {
    let frames: Vec<Frame<'static>> = (0..frames)
        .map(|number| {
            let mut frame = Frame::from_indexed_pixels(
                32,
                24,
                (0..32 * 24_u16)
                    .map(|at| {
                        let (x, y) = (at % 32, at / 32);
                        if (number..number + 8).contains(&x) && (8..16).contains(&y) {
                            1
                        } else {
                            6
                        }
                    })
                    .collect::<Vec<u8>>(),
                None,
            );
            frame.delay = 5;
            frame
        })
        .collect();
    gif((32, 24), &frames, repeat)
}

/// Frames and delays in milliseconds, by the test's own decoder.
pub(crate) fn frames_of(bytes: &[u8], format: ImageFormat) -> Vec<(RgbaImage, u32)> {
    let source = Cursor::new(bytes);
    let frames = match format {
        ImageFormat::Gif => GifDecoder::new(source)
            .unwrap()
            .into_frames()
            .collect_frames(),
        ImageFormat::WebP => WebPDecoder::new(source)
            .unwrap()
            .into_frames()
            .collect_frames(),
        _ => PngDecoder::new(source)
            .unwrap()
            .apng()
            .unwrap()
            .into_frames()
            .collect_frames(),
    };
    let frames = frames.unwrap().into_iter().map(|frame| {
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        (frame.into_buffer(), numerator / denominator)
    });
    frames.collect()
}

/// How often a file says it is played; 0 is for ever. Read from the bytes, not by a decoder.
fn plays_of(bytes: &[u8], format: ImageFormat) -> u32 {
    let after = |name: &[u8], skip: usize| {
        let at = bytes.windows(name.len()).position(|window| window == name);
        at.and_then(|at| bytes.get(at + name.len() + skip..))
    };
    let little = |rest: &[u8]| u32::from(u16::from_le_bytes(*rest.first_chunk().unwrap()));
    match format {
        ImageFormat::Gif => match after(b"NETSCAPE2.0\x03\x01", 0).map(little) {
            Some(0) => 0,
            Some(repetitions) => repetitions + 1,
            None => 1,
        },
        ImageFormat::WebP => little(after(b"ANIM", 8).unwrap()),
        _ => {
            let rest = after(b"acTL", 4).unwrap();
            u32::from_be_bytes(*rest.first_chunk().unwrap())
        }
    }
}

fn as_format(format: Format) -> Step {
    Step {
        format: Some(format),
        ..Step::default()
    }
}

/// The same where they can be seen; clear pixels have no colour.
#[track_caller]
pub(crate) fn assert_looks_the_same(left: &RgbaImage, right: &RgbaImage, what: &str) {
    assert_eq!(left.dimensions(), right.dimensions(), "{what}");
    for ((x, y, left), right) in left.enumerate_pixels().zip(right.pixels()) {
        assert!(
            left == right || (left.0[3], right.0[3]) == (0, 0),
            "{what}: at {x},{y} {left:?}, not {right:?}"
        );
    }
}

#[test]
fn every_disposal_shows_what_an_independent_decoder_shows() {
    let source = every_disposal();
    let expected = frames_of(&source, ImageFormat::Gif);
    assert_eq!(expected.len(), 6);
    for (asked, format) in [
        (Format::Png, ImageFormat::Png),
        (Format::Gif, ImageFormat::Gif),
    ] {
        let result = run(&source, &[as_format(asked)]).unwrap();
        assert_eq!(
            (result.format, result.width, result.height),
            (format, 16, 12)
        );
        let shown = frames_of(&result.bytes, format);
        assert_eq!(shown.len(), expected.len());
        for (number, ((shown, delay), (expected, expected_delay))) in
            shown.iter().zip(&expected).enumerate()
        {
            assert_looks_the_same(shown, expected, &format!("{format:?} frame {number}"));
            assert_eq!(delay, expected_delay, "{format:?} frame {number}");
        }
    }
}

#[test]
fn a_gif_becomes_an_animated_webp_with_its_frames_delays_and_loop() {
    let source = every_disposal();
    let result = run_with(&source, &[], WEBP, &Limits::default()).unwrap();
    assert_eq!(
        (result.format, result.vary_accept),
        (ImageFormat::WebP, true)
    );
    let expected = frames_of(&source, ImageFormat::Gif);
    let shown = frames_of(&result.bytes, ImageFormat::WebP);
    let delays =
        |frames: &[(RgbaImage, u32)]| frames.iter().map(|(_, delay)| *delay).collect::<Vec<_>>();
    assert_eq!(delays(&shown), delays(&expected));
    assert_eq!(delays(&shown), [70, 110, 30, 500, 20, 1000]);
    assert_eq!(plays_of(&result.bytes, ImageFormat::WebP), 5);
    for ((shown, _), (expected, _)) in shown.iter().zip(&expected) {
        for (shown, expected) in shown.pixels().zip(expected.pixels()) {
            assert_eq!(shown.0[3], expected.0[3]);
        }
    }
}

#[test]
fn loops_mean_the_same_in_every_format() {
    for (repeat, plays) in [
        (None, 1),
        (Some(Repeat::Finite(1)), 2),
        (Some(Repeat::Finite(65_535)), 65_536),
        (Some(Repeat::Infinite), 0),
    ] {
        let source = moving_square(3, repeat);
        for (asked, format) in [
            (Format::Gif, ImageFormat::Gif),
            (Format::WebP, ImageFormat::WebP),
            (Format::Png, ImageFormat::Png),
        ] {
            let bytes = run(&source, &[as_format(asked)]).unwrap().bytes;
            let most = if format == ImageFormat::WebP {
                65_535
            } else {
                u32::MAX
            };
            assert_eq!(
                plays_of(&bytes, format),
                plays.min(most),
                "{format:?} {repeat:?}"
            );
        }
    }
}

/// An animated PNG of two frames, the first of them shown for this many seconds.
fn shown_for(seconds: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 4);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_animated(2, 0).unwrap();
    encoder.set_frame_delay(seconds, 1).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[200; 48]).unwrap();
    writer.set_frame_delay(1, 10).unwrap();
    writer.write_image_data(&[20; 48]).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn a_frame_shown_for_hours_is_shown_for_as_long_as_a_format_can() {
    for (asked, format, longest_ms) in [
        (Format::WebP, ImageFormat::WebP, 16_777_215),
        (Format::Png, ImageFormat::Png, 65_535_000),
    ] {
        for (seconds, shown_ms) in [(u16::MAX, longest_ms), (70, 70_000), (3, 3_000)] {
            let result = run(&shown_for(seconds), &[as_format(asked)]).unwrap();
            let delays: Vec<u32> = frames_of(&result.bytes, format)
                .iter()
                .map(|(_, delay)| *delay)
                .collect();
            assert_eq!(delays, [shown_ms, 100], "{format:?} {seconds}");
        }
    }
}

#[test]
fn all_animated_formats_stay_animated_through_each_other() {
    let source = moving_square(5, Some(Repeat::Infinite));
    let webp = run(&source, &[as_format(Format::WebP)]).unwrap().bytes;
    let png = run(&source, &[as_format(Format::Png)]).unwrap().bytes;
    for moving in [&source, &webp, &png] {
        assert_eq!(probe(moving).unwrap().frames, 5);
        for (asked, format) in [
            (Format::WebP, ImageFormat::WebP),
            (Format::Png, ImageFormat::Png),
        ] {
            let result = run(moving, &[width(16), as_format(asked)]).unwrap();
            let frames = frames_of(&result.bytes, format);
            assert_eq!(frames.len(), 5);
            assert!(
                frames
                    .iter()
                    .all(|(frame, delay)| frame.dimensions() == (16, 12) && *delay == 50)
            );
            assert_eq!(plays_of(&result.bytes, format), 0);
        }
    }
    // whoever doesn't name WebP gets what everything shows at least the first frame of
    let plain = run(&webp, &[]).unwrap();
    assert_eq!((plain.format, plain.vary_accept), (ImageFormat::Png, true));
    let kept = run(&source, &[]).unwrap();
    assert_eq!((kept.format, kept.vary_accept), (ImageFormat::Gif, true));
}

#[test]
fn every_frame_takes_every_step() {
    let source = moving_square(4, None);
    let turned = Step {
        rotation: Some(limpid_delivery_url::transformation::Rotation::Degrees(90.0)),
        ..sized(16, 16)
    };
    let result = run(&source, &[turned, as_format(Format::Png)]).unwrap();
    let frames = frames_of(&result.bytes, ImageFormat::Png);
    // the square of the middle rows moves right, so turned clockwise it moves down in the middle column
    let lowest = frames.iter().map(|(frame, _)| {
        let red = (0..16)
            .filter(|y| frame.get_pixel(8, *y).0[0] > 200 && frame.get_pixel(8, *y).0[1] < 60);
        red.max().unwrap_or(0)
    });
    let lowest: Vec<u32> = lowest.collect();
    assert!(
        lowest.is_sorted() && lowest.first() < lowest.last(),
        "{lowest:?}"
    );
}

#[test]
fn formats_that_stand_still_show_the_first_frame() {
    let source = moving_square(4, None);
    for format in [Format::Jpeg, Format::Avif] {
        let result = run(&source, &[as_format(format)]).unwrap();
        assert_eq!(probe(&result.bytes).unwrap().frames, 1);
    }
    let still = run(&jpeg(quarters(16, 16)), &[as_format(Format::Gif)]).unwrap();
    assert_eq!(still.format, ImageFormat::Jpeg);
}

#[test]
fn pg_picks_one_frame_of_every_animated_format() {
    let page = |number| Step {
        pages: Some(Pages::One(number)),
        ..Step::default()
    };
    let source = moving_square(5, None);
    let sources = [
        run(&source, &[as_format(Format::WebP)]).unwrap().bytes,
        run(&source, &[as_format(Format::Png)]).unwrap().bytes,
        source.clone(),
    ];
    for source in &sources {
        let result = run(source, &[page(4), as_format(Format::Png)]).unwrap();
        assert_eq!(probe(&result.bytes).unwrap().frames, 1);
        let picture = look_at(&result.bytes);
        let is_red = |x| picture.get_pixel(x, 12).0[0] > 180 && picture.get_pixel(x, 12).0[1] < 80;
        assert!(!is_red(1) && is_red(5) && is_red(9) && !is_red(13));
        let beyond = run(source, &[page(6)]);
        assert!(
            matches!(&beyond, Err(ImagingError::InvalidTransformation { sentence }) if sentence.contains("pg-6") && sentence.contains('5')),
            "{beyond:?}"
        );
    }
    let photo = jpeg(quarters(16, 16));
    assert!(run(&photo, &[page(1)]).is_ok());
    assert!(run(&photo, &[page(2)]).is_err());
    let list = Step {
        pages: Some(Pages::List(vec![1, 2])),
        ..Step::default()
    };
    assert!(run(&source, &[list]).is_err());
}

#[test]
fn conditions_exclude_gif_sources_and_pages() {
    let block: limpid_delivery_url::Transformation =
        limpid_delivery_url::transformation::parse("if-w_gt_10,w-5,if-else,w-8,if-end").unwrap();
    assert!(block.steps.iter().any(
        |step| matches!(&step.conditional, Some(block) if matches!(**block, Conditional { .. }))
    ));
    let refused = |source: &[u8], steps: &[Step]| {
        matches!(
            run(source, steps),
            Err(ImagingError::InvalidTransformation { .. })
        )
    };
    assert!(refused(&moving_square(2, None), &block.steps));
    assert!(refused(&moving_square(1, None), &block.steps));
    let photo = jpeg(quarters(16, 16));
    assert!(!refused(&photo, &block.steps));
    let mut paged = block.steps.clone();
    paged.push(Step {
        pages: Some(Pages::One(1)),
        ..Step::default()
    });
    assert!(refused(&photo, &paged));
}

#[test]
fn all_frames_together_are_limited_before_and_after_the_steps() {
    let source = moving_square(10, None);
    let limits = |max_frame_pixels| Limits {
        max_frame_pixels,
        ..Limits::default()
    };
    let whole = 32 * 24 * 10;
    assert!(run_with(&source, &[], WEBP, &limits(whole)).is_ok());
    assert!(matches!(
        run_with(&source, &[], WEBP, &limits(whole - 1)),
        Err(ImagingError::TooManyFrames { frames: 10, .. })
    ));
    assert!(matches!(
        run_with(&source, &[width(64)], WEBP, &limits(whole * 2)),
        Err(ImagingError::OutputTooLarge { .. })
    ));
    // the first frame alone is a picture like any other
    assert!(
        run_with(
            &source,
            &[width(64), as_format(Format::Jpeg)],
            WEBP,
            &limits(whole)
        )
        .is_ok()
    );
}

#[test]
fn trimmed_frames_stay_in_step_and_are_limited_by_the_size_they_turn_out_to_have() {
    let source = moving_square(10, None);
    let limits = |max_frame_pixels| Limits {
        max_frame_pixels,
        ..Limits::default()
    };
    // 32 × 24 would become 64 × 48; what the first frame leaves is square
    let trimmed = steps("t-true,w-64");
    let turned_out = 64 * 64 * 10;
    let done = run_with(&source, &trimmed, WEBP, &limits(turned_out)).unwrap();
    assert_eq!((done.width, done.height), (64, 64));
    // libwebp joins frames that look the same, as two of these do without their margins
    assert_eq!(probe(&done.bytes).unwrap().frames, 9);
    assert!(matches!(
        run_with(&source, &trimmed, WEBP, &limits(turned_out - 1)),
        Err(ImagingError::OutputTooLarge { .. })
    ));
}

#[test]
fn a_header_with_a_million_frames_is_refused_without_unpacking_one() {
    let mut bomb = b"GIF89a\xff\xff\xff\xff\0\0\0".to_vec();
    for _ in 0..50_000 {
        bomb.extend(b"\x2c\0\0\0\0\xff\xff\xff\xff\0\x02\x01\0\0");
    }
    bomb.push(0x3b);
    let refused = run(&bomb, &[]).unwrap_err();
    assert!(
        matches!(
            refused,
            ImagingError::SourceResolution { .. } | ImagingError::TooManyFrames { .. }
        ),
        "{refused:?}"
    );
    let mut many = b"GIF89a\x64\0\x64\0\0\0\0".to_vec();
    for _ in 0..50_000 {
        many.extend(b"\x2c\0\0\0\0\x64\0\x64\0\0\x02\x01\0\0");
    }
    many.push(0x3b);
    assert!(matches!(
        run(&many, &[]),
        Err(ImagingError::TooManyFrames { frames: 50_000, .. })
    ));
}

#[test]
fn a_cut_animation_is_refused_wherever_it_ends() {
    let source = moving_square(4, Some(Repeat::Infinite));
    let sources = [
        (
            run(&source, &[as_format(Format::WebP)]).unwrap().bytes,
            "webp",
            1,
        ),
        (
            run(&source, &[as_format(Format::Png)]).unwrap().bytes,
            "png",
            12,
        ),
        (source, "gif", 1),
    ];
    for (source, name, tail) in &sources {
        // the last bytes are the trailer, without which nothing of the picture is missing
        for end in 0..source.len() - tail {
            let outcome = run(&source[..end], &[width(20)]);
            let is_whole_prefix = *name == "gif" && outcome.as_ref().is_ok();
            if is_whole_prefix {
                let frames = probe(&source[..end]).unwrap().frames;
                assert!(frames < 4 || end > source.len() - 3, "{name} cut at {end}");
                continue;
            }
            assert!(outcome.is_err(), "{name} cut at {end} of {}", source.len());
        }
    }
}

#[test]
fn damaged_animations_never_panic() {
    let source = every_disposal();
    let sources = [
        run(&source, &[as_format(Format::WebP)]).unwrap().bytes,
        run(&source, &[as_format(Format::Png)]).unwrap().bytes,
        source,
    ];
    for source in &sources {
        for at in 0..source.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = source.clone();
                damaged[at] ^= change;
                let limits = Limits {
                    max_pixels: 1_000_000,
                    max_frame_pixels: 1_000_000,
                    ..Limits::default()
                };
                let _ignored = run_with(&damaged, &[width(8)], WEBP, &limits).is_ok();
            }
        }
    }
}

#[test]
fn the_same_animation_gives_the_same_bytes() {
    let source = every_disposal();
    for format in [Format::Gif, Format::WebP, Format::Png] {
        let bytes = || run(&source, &[width(11), as_format(format)]).unwrap().bytes;
        assert_eq!(bytes(), bytes(), "{format:?}");
    }
}
