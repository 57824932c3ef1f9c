//! What a result says beside its pixels: nothing unless asked. Read back by other libraries.

use std::io::Cursor;

use image::{
    ImageDecoder as _,
    codecs::{jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder},
};
use limpid_delivery_url::transformation::{Format, OutputOptions, Step};
use limpid_imaging::{
    AcceptedFormats, ImageFormat, ImageSettings, Inputs, Limits, TransformRequest, Transformed,
    probe, transform,
};
use moxcms::ColorProfile;

use crate::pictures::{
    RED, assert_color, difference, half_clear, jpeg, look_at, photograph, png, quarters, run,
};

const XMP: &[u8] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>author</x:xmpmeta>";
const IPTC: &[u8] = b"8BIM\x04\x04\0\0\0\0\0\x05title\0";

/// Orientation 6, a maker, 300 dots per inch.
fn exif() -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x04".to_vec();
    let mut entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        tiff.extend(tag.to_be_bytes());
        tiff.extend(kind.to_be_bytes());
        tiff.extend(count.to_be_bytes());
        tiff.extend(value);
    };
    entry(0x010f, 2, 4, *b"Cam\0");
    entry(0x0112, 3, 1, [0, 6, 0, 0]);
    entry(0x011a, 5, 1, [0, 0, 0, 62]);
    entry(0x0128, 3, 1, [0, 2, 0, 0]);
    tiff.extend([0, 0, 0, 0]);
    tiff.extend(300_u32.to_be_bytes());
    tiff.extend(1_u32.to_be_bytes());
    tiff
}

fn segment(marker: u8, parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    let length = u16::try_from(payload.len() + 2).unwrap();
    [&[0xff, marker], length.to_be_bytes().as_slice(), &payload].concat()
}

/// A JPEG that says much, in Display P3.
fn talkative() -> Vec<u8> {
    let plain = jpeg(quarters(80, 40));
    let (start, rest) = plain.split_at(2);
    let profile = ColorProfile::new_display_p3().encode().unwrap();
    [
        start,
        &segment(0xe1, &[b"Exif\0\0", &exif()]),
        &segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", XMP]),
        &segment(0xed, &[b"Photoshop 3.0\0", IPTC]),
        &segment(0xe2, &[b"ICC_PROFILE\0\x01\x01", &profile]),
        rest,
    ]
    .concat()
}

fn with(format: Format, output: OutputOptions) -> Step {
    Step {
        format: Some(format),
        output,
        ..Step::default()
    }
}

const ALL: OutputOptions = OutputOptions {
    progressive: None,
    lossless: None,
    color_profile: None,
    metadata: Some(true),
    density: None,
    content_credentials: None,
};
const PROFILE: OutputOptions = OutputOptions {
    metadata: None,
    color_profile: Some(true),
    ..ALL
};
const NOTHING: OutputOptions = OutputOptions {
    metadata: None,
    ..ALL
};

/// EXIF, XMP and profile, by the test's own decoder.
fn said_by(result: &Transformed) -> [Option<Vec<u8>>; 3] {
    let bytes = Cursor::new(&result.bytes);
    macro_rules! said {
        ($decoder:expr) => {{
            let mut decoder = $decoder.unwrap();
            [
                decoder.exif_metadata().unwrap(),
                decoder.xmp_metadata().unwrap(),
                decoder.icc_profile().unwrap(),
            ]
        }};
    }
    match result.format {
        ImageFormat::Jpeg => said!(JpegDecoder::new(bytes)),
        ImageFormat::Png => said!(PngDecoder::new(bytes)),
        _ => said!(WebPDecoder::new(bytes)),
    }
}

fn field(exif: &[u8], tag: exif::Tag) -> Option<String> {
    let read = exif::Reader::new().read_raw(exif.to_vec()).unwrap();
    let field = read.get_field(tag, exif::In::PRIMARY)?;
    Some(field.display_value().to_string())
}

#[test]
fn nothing_is_said_unless_asked() {
    for format in [Format::Jpeg, Format::Png, Format::WebP] {
        let result = run(&talkative(), &[with(format, NOTHING)]).unwrap();
        assert_eq!(said_by(&result), [None, None, None], "{format:?}");
        assert!(!result.bytes.windows(6).any(|six| six == b"author"));
    }
}

#[test]
fn all_of_it_stays_in_every_format_with_the_orientation_made_upright() {
    let plain = run(&talkative(), &[with(Format::Png, PROFILE)]).unwrap();
    let plain = look_at(&plain.bytes);
    assert_eq!(plain.dimensions(), (40, 80));
    for format in [Format::Jpeg, Format::Png, Format::WebP] {
        let result = run(&talkative(), &[with(format, ALL)]).unwrap();
        let [exif, xmp, profile] = said_by(&result);
        let exif = exif.unwrap();
        assert_eq!(
            field(&exif, exif::Tag::Make).unwrap(),
            "\"Cam\"",
            "{format:?}"
        );
        assert!(
            field(&exif, exif::Tag::Orientation)
                .unwrap()
                .contains("row 0 at top"),
            "{format:?}"
        );
        assert_eq!(xmp.unwrap(), XMP, "{format:?}");
        assert_eq!(
            profile.unwrap(),
            ColorProfile::new_display_p3().encode().unwrap(),
            "{format:?}"
        );
        let info = probe(&result.bytes).unwrap();
        assert_eq!((info.size().width, info.size().height), (40, 80));
        // the profile stays, so the colours stay what they were
        assert!(difference(&look_at(&result.bytes), &plain) < 4.0);
    }
    let jpeg = run(&talkative(), &[with(Format::Jpeg, ALL)]).unwrap();
    assert!(jpeg.bytes.windows(IPTC.len()).any(|window| window == IPTC));
}

#[test]
fn a_kept_profile_keeps_its_colours_and_a_dropped_one_becomes_srgb() {
    let source = talkative();
    let kept = run(&source, &[with(Format::Png, PROFILE)]).unwrap();
    let [exif, xmp, profile] = said_by(&kept);
    assert_eq!((exif, xmp), (None, None));
    assert!(profile.is_some());
    assert_color(&look_at(&kept.bytes), (35, 5), RED);
    let converted = run(&source, &[with(Format::Png, NOTHING)]).unwrap();
    let [red, ..] = look_at(&converted.bytes).get_pixel(35, 5).0;
    assert_eq!(red, 255);
}

/// What a browser that takes everything gets where AVIF is switched on.
fn automatic(source: &[u8], transformation: &str) -> Transformed {
    let transformation = limpid_delivery_url::transformation::parse(transformation).unwrap();
    transform(&TransformRequest {
        source,
        transformation: &transformation,
        inputs: &Inputs::default(),
        accept: AcceptedFormats {
            webp: true,
            avif: true,
        },
        settings: ImageSettings {
            auto_avif: true,
            ..ImageSettings::default()
        },
        limits: &Limits::default(),
        deadline: None,
    })
    .unwrap()
}

#[test]
fn a_kept_profile_forbids_avif_by_choice_but_not_by_name() {
    let source = talkative();
    assert_eq!(automatic(&source, "cp-true").format, ImageFormat::WebP);
    assert_eq!(
        run(&source, &[with(Format::Avif, PROFILE)]).unwrap().format,
        ImageFormat::Avif
    );
}

#[test]
fn metadata_and_a_density_do_not_forbid_avif_which_carries_them() {
    let source = talkative();
    for asked in ["md-true", "dn-150", "md-true,dn-150"] {
        let result = automatic(&source, asked);
        assert_eq!(result.format, ImageFormat::Avif, "{asked}");
        let mut container = Cursor::new(&result.bytes);
        let read = exif::Reader::new()
            .read_from_container(&mut container)
            .unwrap();
        let x_resolution = read.get_field(exif::Tag::XResolution, exif::In::PRIMARY);
        let expected = if asked.contains("dn") { "150" } else { "300" };
        let found = x_resolution.unwrap().display_value().to_string();
        assert_eq!(found, expected, "{asked}");
    }
}

#[test]
fn what_an_avif_says_is_read_by_others_and_goes_on_into_every_format() {
    let avif = run(&talkative(), &[with(Format::Avif, ALL)]).unwrap();
    let read = exif::Reader::new()
        .read_from_container(&mut Cursor::new(&avif.bytes))
        .unwrap();
    let maker = read.get_field(exif::Tag::Make, exif::In::PRIMARY).unwrap();
    assert_eq!(maker.display_value().to_string(), "\"Cam\"");
    let profile = ColorProfile::new_display_p3().encode().unwrap();
    for format in [Format::Jpeg, Format::Png, Format::WebP] {
        let result = run(&avif.bytes, &[with(format, ALL)]).unwrap();
        let [exif, xmp, kept] = said_by(&result);
        let maker = field(&exif.unwrap(), exif::Tag::Make);
        assert_eq!(maker.unwrap(), "\"Cam\"", "{format:?}");
        assert_eq!(xmp.unwrap(), XMP, "{format:?}");
        assert_eq!(kept.unwrap(), profile, "{format:?}");
    }
    // and without being asked for it doesn't
    let result = run(&avif.bytes, &[with(Format::Png, NOTHING)]).unwrap();
    assert_eq!(said_by(&result), [None, None, None]);
    let again = run(&avif.bytes, &[with(Format::Avif, NOTHING)]).unwrap();
    assert!(again.bytes.len() + XMP.len() + profile.len() < avif.bytes.len());
}

#[test]
fn transparency_and_metadata_go_into_one_avif() {
    let source = png(half_clear(60, 40));
    let density = OutputOptions {
        density: Some(96),
        ..NOTHING
    };
    let told = run(&source, &[with(Format::Avif, density)]).unwrap();
    let plain = run(&source, &[with(Format::Avif, NOTHING)]).unwrap();
    assert!(probe(&told.bytes).unwrap().has_alpha);
    let pixels = |avif: &[u8]| look_at(&run(avif, &[with(Format::Png, NOTHING)]).unwrap().bytes);
    assert_eq!(pixels(&told.bytes), pixels(&plain.bytes));
    let read = exif::Reader::new().read_from_container(&mut Cursor::new(&told.bytes));
    let read = read.unwrap();
    let field = read.get_field(exif::Tag::YResolution, exif::In::PRIMARY);
    assert_eq!(field.unwrap().display_value().to_string(), "96");
}

#[test]
fn density_is_said_where_the_format_says_it() {
    let density = OutputOptions {
        density: Some(150),
        ..NOTHING
    };
    let source = png(photograph(30, 20));
    let jpeg = run(&source, &[with(Format::Jpeg, density)]).unwrap();
    assert_eq!(jpeg.bytes[6..18], *b"JFIF\0\x01\x01\x01\0\x96\0\x96");
    let png = run(&source, &[with(Format::Png, density)]).unwrap();
    let read = png::Decoder::new(Cursor::new(&png.bytes))
        .read_info()
        .unwrap();
    let pixels = read.info().pixel_dims.unwrap();
    assert_eq!((pixels.xppu, pixels.unit), (5906, png::Unit::Meter));
    let webp = run(&source, &[with(Format::WebP, density)]).unwrap();
    let [exif, _, _] = said_by(&webp);
    let exif = exif.unwrap();
    assert_eq!(field(&exif, exif::Tag::XResolution).unwrap(), "150");
    assert_eq!(field(&exif, exif::Tag::ResolutionUnit).unwrap(), "inch");
    let both = run(
        &talkative(),
        &[with(
            Format::Jpeg,
            OutputOptions {
                density: Some(72),
                ..ALL
            },
        )],
    )
    .unwrap();
    let [exif, _, _] = said_by(&both);
    assert_eq!(field(&exif.unwrap(), exif::Tag::XResolution).unwrap(), "72");
}

#[test]
fn progressive_and_lossless_are_what_they_say() {
    let source = png(photograph(200, 150));
    let progressive = OutputOptions {
        progressive: Some(true),
        ..NOTHING
    };
    let frame_of = |bytes: &[u8]| {
        bytes.windows(2).find_map(|pair| match pair {
            [0xff, marker @ (0xc0 | 0xc2)] => Some(*marker),
            _ => None,
        })
    };
    let several = run(&source, &[with(Format::Jpeg, progressive)]).unwrap();
    let one = run(&source, &[with(Format::Jpeg, NOTHING)]).unwrap();
    assert_eq!(
        (frame_of(&several.bytes), frame_of(&one.bytes)),
        (Some(0xc2), Some(0xc0))
    );
    assert!(difference(&look_at(&several.bytes), &look_at(&one.bytes)) < 0.1);
    let lossless = OutputOptions {
        lossless: Some(true),
        ..NOTHING
    };
    for format in [Format::WebP, Format::Png] {
        let result = run(
            &source,
            &[Step {
                quality: Some(30),
                ..with(format, lossless)
            }],
        )
        .unwrap();
        assert_eq!(look_at(&result.bytes), look_at(&source), "{format:?}");
    }
}

#[test]
fn damaged_metadata_never_panics() {
    let source = talkative();
    for at in 2..1200.min(source.len()) {
        for change in [0x01, 0xff] {
            let mut damaged = source.clone();
            damaged[at] ^= change;
            for format in [Format::Jpeg, Format::WebP] {
                let _outcome = run(&damaged, &[with(format, ALL)]).is_ok();
            }
        }
    }
    let avif = run(&source, &[with(Format::Avif, ALL)]).unwrap().bytes;
    let header = avif.windows(4).position(|name| name == b"mdat").unwrap();
    for at in (0..header).chain(avif.len() - 200..avif.len()) {
        for change in [0x01, 0xff] {
            let mut damaged = avif.clone();
            damaged[at] ^= change;
            let _outcome = run(&damaged, &[with(Format::Avif, ALL)]).is_ok();
        }
    }
}
