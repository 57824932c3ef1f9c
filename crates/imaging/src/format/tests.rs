use super::*;

const SMALL: Size = Size {
    width: 400,
    height: 300,
};
const LONG: Size = Size {
    width: 16_384,
    height: 10,
};

fn negotiation(source: ImageFormat, requested: Option<Format>, accept: &str) -> Negotiation {
    let settings = ImageSettings::default();
    Negotiation {
        source,
        requested,
        accept: AcceptedFormats::from_accept(accept),
        settings,
        keeps_profile: false,
        is_sharpened: false,
        is_lossless: false,
    }
}

#[test]
fn a_named_weight_of_zero_refuses_and_a_wildcard_promises_nothing() {
    let accepted =
        AcceptedFormats::from_accept("image/avif;q=0, IMAGE/WebP ; q=0.8,image/*,*/*;q=0.5");
    assert_eq!(
        accepted,
        AcceptedFormats {
            webp: true,
            avif: false
        }
    );
    assert_eq!(
        AcceptedFormats::from_accept("*/*"),
        AcceptedFormats::default()
    );
    assert_eq!(
        AcceptedFormats::from_accept(",;=,q=;;,image/webp;q="),
        AcceptedFormats {
            webp: true,
            avif: false
        }
    );
}

#[test]
fn webp_goes_to_clients_that_name_it() {
    let webp = negotiation(ImageFormat::Jpeg, None, "image/webp");
    assert_eq!(
        webp.choose(SMALL, false),
        Ok(Encoding::One(ImageFormat::WebP))
    );
    assert!(webp.varies());
    let plain = negotiation(ImageFormat::Jpeg, None, "*/*");
    assert_eq!(
        plain.choose(SMALL, false),
        Ok(Encoding::One(ImageFormat::Jpeg))
    );
    assert!(plain.varies());
}

#[test]
fn avif_needs_the_tenants_consent_unless_asked_for_by_name() {
    let mut avif = negotiation(ImageFormat::Jpeg, None, "image/avif,image/webp");
    assert_eq!(
        avif.choose(SMALL, false),
        Ok(Encoding::One(ImageFormat::WebP))
    );
    avif.settings.auto_avif = true;
    assert_eq!(
        avif.choose(SMALL, false),
        Ok(Encoding::One(ImageFormat::Avif))
    );
    avif.is_sharpened = true;
    assert_eq!(
        avif.choose(SMALL, false),
        Ok(Encoding::One(ImageFormat::WebP))
    );
    let by_name = negotiation(ImageFormat::Jpeg, Some(Format::Avif), "");
    assert_eq!(
        by_name.choose(SMALL, false),
        Ok(Encoding::One(ImageFormat::Avif))
    );
    assert!(!by_name.varies());
}

#[test]
fn the_best_format_follows_what_is_accepted_by_name() {
    use ImageFormat::{Avif, Jpeg, Png, WebP};
    // what an opaque and a transparent result become, AVIF not switched on and switched on
    for (accept, off, on) in [
        ("", [Jpeg, Png], [Jpeg, Png]),
        ("*/*", [Jpeg, Png], [Jpeg, Png]),
        ("image/*;q=0.9", [Jpeg, Png], [Jpeg, Png]),
        ("text/html,image/png", [Jpeg, Png], [Jpeg, Png]),
        ("image/webp", [WebP, WebP], [WebP, WebP]),
        ("image/webp;q=0.001", [WebP, WebP], [WebP, WebP]),
        ("image/webp;q=0,*/*", [Jpeg, Png], [Jpeg, Png]),
        ("image/avif", [Jpeg, Png], [Avif, Avif]),
        ("image/avif;q=0.0, image/webp", [WebP, WebP], [WebP, WebP]),
        (
            "image/webp;q=1,image/avif;q=0.5",
            [WebP, WebP],
            [Avif, Avif],
        ),
        (
            "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
            [WebP, WebP],
            [Avif, Avif],
        ),
    ] {
        for (auto_avif, expected) in [(false, off), (true, on)] {
            for requested in [None, Some(Format::Auto)] {
                let mut asked = negotiation(Jpeg, requested, accept);
                asked.settings.auto_avif = auto_avif;
                let found = [false, true].map(|has_alpha| asked.choose(SMALL, has_alpha));
                let expected = expected.map(|format| Ok(Encoding::One(format)));
                assert_eq!(found, expected, "{accept} {auto_avif}");
                assert!(asked.varies());
            }
        }
    }
}

#[test]
fn what_is_to_lose_nothing_becomes_neither_avif_nor_jpeg_by_itself() {
    let mut lossless = negotiation(ImageFormat::Png, None, "image/avif,image/webp");
    lossless.settings.auto_avif = true;
    lossless.is_lossless = true;
    assert_eq!(
        lossless.choose(SMALL, false),
        Ok(Encoding::One(ImageFormat::WebP))
    );
    lossless.accept = AcceptedFormats::default();
    assert_eq!(
        lossless.choose(SMALL, false),
        Ok(Encoding::One(ImageFormat::Png))
    );
    // a JPEG has lost what it could
    lossless.source = ImageFormat::Jpeg;
    assert_eq!(
        lossless.choose(SMALL, false),
        Ok(Encoding::One(ImageFormat::Jpeg))
    );
}

#[test]
fn transparency_never_becomes_jpeg_by_itself() {
    let png = negotiation(ImageFormat::Png, None, "");
    assert_eq!(png.choose(SMALL, true), Ok(Encoding::One(ImageFormat::Png)));
    assert_eq!(png.choose(SMALL, false), Ok(Encoding::SmallerOfJpegAndPng));
}

#[test]
fn a_side_too_long_for_webp_is_refused_by_name_and_avoided_by_auto() {
    let by_name = negotiation(ImageFormat::Jpeg, Some(Format::WebP), "");
    assert!(matches!(
        by_name.choose(LONG, false),
        Err(ImagingError::OutputTooLarge {
            what: "WebP side",
            ..
        })
    ));
    let auto = negotiation(ImageFormat::Jpeg, Some(Format::Auto), "image/webp");
    assert_eq!(
        auto.choose(LONG, false),
        Ok(Encoding::One(ImageFormat::Jpeg))
    );
}

#[test]
fn rivals_are_tried_only_where_the_format_is_free() {
    let of = |source, requested, usual, quality| {
        let mut asked = negotiation(source, requested, "image/avif,image/webp");
        asked.settings.auto_avif = true;
        asked.rivals(usual, (SMALL, false), quality)
    };
    let by_name = of(ImageFormat::Png, Some(Format::WebP), ImageFormat::WebP, 80);
    assert_eq!(by_name, Rivals::default());
    let photo = of(ImageFormat::Jpeg, None, ImageFormat::WebP, 80);
    assert!(photo.jpeg && !photo.webp && photo.lossless.is_none());
    let fine = of(ImageFormat::Jpeg, None, ImageFormat::Avif, 95);
    assert!(fine.webp && !fine.jpeg);
    let graphic = of(ImageFormat::Png, None, ImageFormat::WebP, 95);
    assert!(graphic.lossless.is_some_and(|accept| accept.webp) && !graphic.jpeg);
    let clear = negotiation(ImageFormat::Png, None, "image/webp");
    assert!(!clear.rivals(ImageFormat::WebP, (SMALL, true), 80).jpeg);
}

#[test]
fn without_auto_the_format_stays() {
    let mut stays = negotiation(ImageFormat::Png, None, "image/webp");
    stays.settings.auto_format = false;
    assert_eq!(
        stays.choose(SMALL, false),
        Ok(Encoding::One(ImageFormat::Png))
    );
    assert!(!stays.varies());
    let gif = negotiation(ImageFormat::Jpeg, Some(Format::Gif), "");
    assert_eq!(
        gif.choose(SMALL, false),
        Ok(Encoding::One(ImageFormat::Jpeg))
    );
}
