//! Which formats are read and written.

use image::ImageFormat as Codec;
use limpid_delivery_url::transformation::{Format, Step};
use limpid_imaging::{AcceptedFormats, ImageFormat, Limits, Sniffed, probe, sniff};

use crate::pictures::{
    BLUE, GREEN, RED, YELLOW, assert_color, difference, encoded, half_clear, jpeg, look_at,
    photograph, pixels, png, quarters, run, run_with, sized, stored_as, width,
};

const WEBP: AcceptedFormats = AcceptedFormats {
    webp: true,
    avif: false,
};

fn as_format(format: Format) -> Step {
    Step {
        format: Some(format),
        ..Step::default()
    }
}

#[test]
fn every_format_is_read_with_its_colours_in_their_places() {
    let sources = [
        (jpeg(quarters(64, 48)), ImageFormat::Jpeg),
        (png(quarters(64, 48)), ImageFormat::Png),
        (stored_as(quarters(64, 48), Codec::WebP), ImageFormat::WebP),
        (
            encoded(&png(quarters(64, 48)), Format::WebP),
            ImageFormat::WebP,
        ),
        (
            encoded(&png(quarters(64, 48)), Format::Avif),
            ImageFormat::Avif,
        ),
        (stored_as(quarters(64, 48), Codec::Gif), ImageFormat::Gif),
        (stored_as(quarters(64, 48), Codec::Bmp), ImageFormat::Bmp),
        (stored_as(quarters(64, 48), Codec::Tiff), ImageFormat::Tiff),
        (
            stored_as(
                image::DynamicImage::from(quarters(64, 48)).into_rgba8(),
                Codec::Ico,
            ),
            ImageFormat::Ico,
        ),
    ];
    for (source, format) in sources {
        assert_eq!(sniff(&source), Sniffed::Image(format));
        let info = probe(&source).unwrap();
        assert_eq!(
            (info.format, info.size().width, info.size().height),
            (format, 64, 48)
        );
        let picture = pixels(&source, &[]);
        assert_eq!(picture.dimensions(), (64, 48), "{format:?}");
        for (place, color) in [
            ((8, 8), RED),
            ((56, 8), GREEN),
            ((8, 40), BLUE),
            ((56, 40), YELLOW),
        ] {
            assert_color(&picture, place, color);
        }
    }
}

#[test]
fn every_format_is_written_as_asked() {
    let source = png(photograph(120, 90));
    let original = look_at(&source);
    for (asked, given) in [
        (Format::Jpeg, ImageFormat::Jpeg),
        (Format::Png, ImageFormat::Png),
        (Format::WebP, ImageFormat::WebP),
        (Format::Avif, ImageFormat::Avif),
    ] {
        let result = run(&source, &[as_format(asked)]).unwrap();
        assert_eq!(
            (result.format, result.width, result.height),
            (given, 120, 90)
        );
        assert_eq!(sniff(&result.bytes), Sniffed::Image(given));
        assert!(!result.vary_accept);
        let shown = pixels(&result.bytes, &[]);
        assert!(
            difference(&shown, &original) < 6.0,
            "{given:?}: {}",
            difference(&shown, &original)
        );
    }
}

#[test]
fn odd_and_tiny_sizes_survive_every_codec() {
    for (width, height) in [(1, 1), (1, 7), (3, 2), (17, 1), (33, 31)] {
        let source = png(photograph(width, height));
        for format in [Format::Jpeg, Format::Png, Format::WebP, Format::Avif] {
            let result = run(&source, &[as_format(format)]).unwrap();
            assert_eq!(
                pixels(&result.bytes, &[]).dimensions(),
                (width, height),
                "{format:?}"
            );
        }
    }
}

#[test]
fn alpha_survives_where_the_format_has_it() {
    let source = png(half_clear(40, 40));
    for format in [Format::Png, Format::WebP, Format::Avif] {
        let result = run(&source, &[as_format(format)]).unwrap();
        assert!(probe(&result.bytes).unwrap().has_alpha, "{format:?}");
        let picture = pixels(&result.bytes, &[]);
        assert_color(&picture, (5, 5), RED);
        assert_eq!(picture.get_pixel(5, 35).0[3], 0, "{format:?}");
    }
    let flat = look_at(&run(&source, &[as_format(Format::Jpeg)]).unwrap().bytes);
    assert_color(&flat, (5, 35), [0, 0, 0]);
}

#[test]
fn the_best_format_depends_on_the_client_and_says_so() {
    let source = jpeg(photograph(200, 150));
    let limits = Limits::default();
    let webp = run_with(&source, &[width(100)], WEBP, &limits).unwrap();
    assert_eq!((webp.format, webp.vary_accept), (ImageFormat::WebP, true));
    let plain = run(&source, &[width(100)]).unwrap();
    assert_eq!((plain.format, plain.vary_accept), (ImageFormat::Jpeg, true));
    let forced = run_with(
        &source,
        &[width(100), as_format(Format::Png)],
        WEBP,
        &limits,
    )
    .unwrap();
    assert_eq!(
        (forced.format, forced.vary_accept),
        (ImageFormat::Png, false)
    );
}

#[test]
fn a_transparent_png_stays_png_and_an_opaque_photograph_becomes_jpeg() {
    let transparent = run(&png(half_clear(60, 60)), &[]).unwrap();
    assert_eq!(transparent.format, ImageFormat::Png);
    let photograph = run(&png(photograph(200, 200)), &[]).unwrap();
    assert_eq!(photograph.format, ImageFormat::Jpeg);
    let drawing = run(&png(quarters(200, 200)), &[]).unwrap();
    assert_eq!(drawing.format, ImageFormat::Png);
}

#[test]
fn an_alpha_channel_nothing_shows_through_is_no_transparency() {
    let opaque = image::DynamicImage::from(photograph(200, 200)).into_rgba8();
    assert_eq!(run(&png(opaque), &[]).unwrap().format, ImageFormat::Jpeg);
}

#[test]
fn gif_stays_gif_only_when_it_was_one() {
    let gif = stored_as(quarters(32, 32), Codec::Gif);
    let kept = run(&gif, &[as_format(Format::Gif)]).unwrap();
    assert_eq!(kept.format, ImageFormat::Gif);
    assert_color(&look_at(&kept.bytes), (24, 24), YELLOW);
    assert_eq!(
        run(&jpeg(quarters(32, 32)), &[as_format(Format::Gif)])
            .unwrap()
            .format,
        ImageFormat::Jpeg
    );
}

#[test]
fn lower_quality_makes_fewer_bytes_and_eighty_is_the_default() {
    let source = png(photograph(300, 200));
    for format in [Format::Jpeg, Format::WebP, Format::Avif] {
        let bytes = |quality| {
            run(
                &source,
                &[Step {
                    quality,
                    ..as_format(format)
                }],
            )
            .unwrap()
            .bytes
        };
        let (low, default, high) = (bytes(Some(30)), bytes(None), bytes(Some(95)));
        assert!(
            low.len() < default.len() && default.len() < high.len(),
            "{format:?}"
        );
        assert_eq!(default, bytes(Some(80)));
    }
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let source = jpeg(photograph(320, 240));
    for format in [Format::Jpeg, Format::Png, Format::WebP, Format::Avif] {
        let step = Step {
            format: Some(format),
            ..sized(100, 100)
        };
        let bytes = || run(&source, std::slice::from_ref(&step)).unwrap().bytes;
        assert_eq!(bytes(), bytes(), "{format:?}");
    }
}

#[test]
fn the_original_is_given_back_untouched() {
    let source = jpeg(photograph(50, 50));
    let result = run(
        &source,
        &[Step {
            original: true,
            ..width(10)
        }],
    )
    .unwrap();
    assert_eq!(result.bytes, source);
    assert!(!result.vary_accept);
}

#[test]
fn gray_and_palette_pngs_are_read() {
    let gray =
        image::GrayImage::from_fn(20, 20, |x, _| image::Luma([if x < 10 { 30 } else { 220 }]));
    let picture = pixels(&png(gray), &[]);
    assert_color(&picture, (2, 2), [30, 30, 30]);
    assert_color(&picture, (18, 2), [220, 220, 220]);
    let wide = image::ImageBuffer::<image::Luma<u16>, _>::from_pixel(4, 4, image::Luma([0x8000]));
    assert_color(&pixels(&png(wide), &[]), (1, 1), [128, 128, 128]);
}

/// A drawing: thin lines in few colours, which lossy formats blur and pay for.
fn drawing(width: u32, height: u32) -> image::RgbImage {
    image::RgbImage::from_fn(width, height, |x, y| {
        match (x % 7, y % 5, (x / 20 + y / 15) % 3) {
            (0, _, _) => image::Rgb([20, 20, 20]),
            (_, 0, 1) => image::Rgb([200, 30, 30]),
            _ => image::Rgb([250, 250, 245]),
        }
    })
}

#[test]
fn a_drawing_of_few_colours_is_given_without_loss_where_that_is_smaller() {
    let source = png(drawing(240, 180));
    let free = run_with(&source, &[], WEBP, &Limits::default()).unwrap();
    let lossy = run(&source, &[as_format(Format::WebP)]).unwrap();
    assert!(
        free.bytes.len() < lossy.bytes.len(),
        "{} and {}",
        free.bytes.len(),
        lossy.bytes.len()
    );
    assert!(free.vary_accept);
    assert_eq!(look_at(&free.bytes), look_at(&source));
}

#[test]
fn the_smallest_result_is_given_where_the_format_is_free() {
    // noise, of which WebP makes more than JPEG at the same quality
    let mut state = 1_u32;
    let noise = image::RgbImage::from_fn(200, 150, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [.., value] = state.to_le_bytes();
        image::Rgb([value; 3])
    });
    let asked = |picture: image::RgbImage| {
        let source = jpeg(picture);
        let halved = width(100);
        let free = run_with(
            &source,
            std::slice::from_ref(&halved),
            WEBP,
            &Limits::default(),
        );
        let named = [Format::Jpeg, Format::WebP].map(|format| {
            let step = Step {
                format: Some(format),
                ..halved.clone()
            };
            run(&source, &[step]).unwrap().bytes.len()
        });
        (free.unwrap(), named)
    };
    for picture in [noise, photograph(200, 150)] {
        let (free, [jpeg, webp]) = asked(picture);
        assert_eq!(free.bytes.len(), jpeg.min(webp));
        let smaller = if jpeg < webp {
            ImageFormat::Jpeg
        } else {
            ImageFormat::WebP
        };
        assert_eq!(free.format, smaller);
    }
}

#[test]
fn without_q_a_jpeg_is_not_written_finer_than_it_was_stored() {
    let stored = |quality| {
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality)
            .encode_image(&photograph(160, 120))
            .unwrap();
        bytes
    };
    for quality in [30, 40, 60, 79, 80, 81, 95, 100] {
        let found = probe(&stored(quality)).unwrap().quality.unwrap();
        assert!(found.abs_diff(quality) <= 1, "{found} for {quality}");
    }
    let of = |source: &[u8], text: &str| {
        let bytes = encoded_by(source, text);
        probe(&bytes).unwrap().quality.unwrap()
    };
    let coarse = stored(40);
    for text in ["f-jpg", "w-80,f-jpg", "rt-90,f-jpg"] {
        assert!(of(&coarse, text).abs_diff(40) <= 1, "{text}");
        assert!(of(&stored(95), text).abs_diff(80) <= 1, "{text}");
    }
    assert!(
        of(&coarse, "q-90,f-jpg").abs_diff(90) <= 1,
        "what is asked for is done"
    );
}

fn encoded_by(source: &[u8], text: &str) -> Vec<u8> {
    let steps = limpid_delivery_url::transformation::parse(text)
        .unwrap()
        .steps;
    run(source, &steps).unwrap().bytes
}
