//! Drawings: what the sanitiser takes out, what it keeps, and what is drawn.

use std::fmt::Write as _;

use limpid_delivery_url::transformation::{Color, Format, Step};
use limpid_imaging::{
    AcceptedFormats, ImageFormat, ImageSettings, ImagingError, Inputs, Limits, TransformRequest,
    svg::sanitize, transform,
};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};

use crate::pictures::{assert_color, look_at, run, sized, width};

fn in_svg(content: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" viewBox=\"0 0 20 10\">{content}</svg>"
    )
}

fn clean(source: &str) -> String {
    String::from_utf8(sanitize(source.as_bytes()).unwrap()).unwrap()
}

/// Documents that try to run, load or include something; the last column is what must be gone.
const ATTACKS: &[(&str, &[&str])] = &[
    ("<script>alert(1)</script>", &["alert", "script"]),
    ("<script href=\"http://evil/x.js\"/>", &["evil", "script"]),
    (
        "<script xlink:href=\"data:text/javascript,alert(1)\"/>",
        &["alert", "script"],
    ),
    ("<script><![CDATA[alert(1)]]></script>", &["alert"]),
    (
        "<x:script xmlns:x=\"http://www.w3.org/2000/svg\">alert(1)</x:script>",
        &["alert"],
    ),
    (
        "<h:script xmlns:h=\"http://www.w3.org/1999/xhtml\">alert(1)</h:script>",
        &["alert"],
    ),
    ("<SCRIPT>alert(1)</SCRIPT>", &["alert", "SCRIPT"]),
    ("<g onload=\"alert(1)\"/>", &["alert", "onload"]),
    ("<g OnLoad=\"alert(1)\"/>", &["alert"]),
    ("<rect onclick=\"alert(1)\" width=\"1\"/>", &["alert"]),
    (
        "<rect onfocus=\"alert(1)\" tabindex=\"1\" autofocus=\"\"/>",
        &["alert"],
    ),
    (
        "<animate onbegin=\"alert(1)\" attributeName=\"x\" dur=\"1s\"/>",
        &["alert"],
    ),
    (
        "<animate onend=\"alert(1)\" attributeName=\"x\"/>",
        &["alert"],
    ),
    ("<g onwheel=\"alert(1)\"/>", &["alert"]),
    (
        "<a href=\"javascript:alert(1)\"><text>x</text></a>",
        &["alert"],
    ),
    (
        "<a xlink:href=\"javascript:alert(1)\"><text>x</text></a>",
        &["alert"],
    ),
    (
        "<a xlink:href=\"java&#x09;script:alert(1)\"><text>x</text></a>",
        &["alert"],
    ),
    ("<a xlink:href=\"&#1;javascript:alert(1)\"/>", &["alert"]),
    ("<a href=\"JaVaScRiPt:alert(1)\"/>", &["alert"]),
    ("<a href=\"  javascript:alert(1)\"/>", &["alert"]),
    (
        "<a href=\"data:text/html,&lt;script&gt;alert(1)&lt;/script&gt;\"/>",
        &["alert"],
    ),
    ("<a href=\"vbscript:msgbox(1)\"/>", &["msgbox"]),
    ("<a href=\"https://evil/\"/>", &["evil"]),
    (
        "<a id=\"x\"><animate attributeName=\"href\" values=\"javascript:alert(1)\"/></a>",
        &["alert"],
    ),
    (
        "<a><set attributeName=\"xlink:href\" to=\"javascript:alert(1)\"/></a>",
        &["alert", "<set"],
    ),
    (
        "<a><animate attributeName=\"href\" from=\"#\" to=\"&#106;avascript:alert(1)\"/></a>",
        &["alert"],
    ),
    (
        "<rect><set attributeName=\"onmouseover\" to=\"alert(1)\"/></rect>",
        &["alert"],
    ),
    (
        "<rect><animate attributeName=\" href\" to=\"https://evil\"/></rect>",
        &["evil"],
    ),
    (
        "<rect><set attributeName=\"style\" to=\"fill:url(http://evil)\"/></rect>",
        &["evil"],
    ),
    (
        "<foreignObject><iframe xmlns=\"http://www.w3.org/1999/xhtml\" src=\"javascript:alert(1)\"/></foreignObject>",
        &["alert", "iframe"],
    ),
    (
        "<foreignObject><body xmlns=\"http://www.w3.org/1999/xhtml\" onload=\"alert(1)\"/></foreignObject>",
        &["alert"],
    ),
    (
        "<iframe xmlns=\"http://www.w3.org/1999/xhtml\" src=\"https://evil\"/>",
        &["evil"],
    ),
    ("<iframe srcdoc=\"&lt;script&gt;alert(1)\"/>", &["alert"]),
    (
        "<embed src=\"//evil\"/><object data=\"//evil\"/>",
        &["evil"],
    ),
    (
        "<h:img xmlns:h=\"http://www.w3.org/1999/xhtml\" src=\"x\" onerror=\"alert(1)\"/>",
        &["alert"],
    ),
    ("<image href=\"https://evil/track.png\"/>", &["evil"]),
    ("<image xlink:href=\"//evil/track.png\"/>", &["evil"]),
    ("<image href=\"file:///etc/passwd\"/>", &["passwd"]),
    (
        "<image href=\"data:image/svg+xml,&lt;svg onload='alert(1)'/&gt;\"/>",
        &["alert"],
    ),
    ("<feImage href=\"http://evil/x\"/>", &["evil"]),
    ("<use href=\"https://evil/x.svg#a\"/>", &["evil"]),
    (
        "<use xlink:href=\"data:image/svg+xml;base64,PHN2Zz4=#a\"/>",
        &["base64"],
    ),
    ("<use href=\"data:image/png;base64,AAAA\"/>", &["base64"]),
    ("<rect fill=\"url(http://evil/#a)\"/>", &["evil"]),
    ("<rect fill=\"URL( 'http://evil/#a' )\"/>", &["evil"]),
    ("<rect filter=\"url(//evil/f.svg#f)\"/>", &["evil"]),
    ("<rect fill=\"u\\72l(http://evil)\"/>", &["evil"]),
    ("<rect style=\"fill:url(http://evil)\"/>", &["evil"]),
    (
        "<rect style=\"background-image:url(&quot;https://evil&quot;)\"/>",
        &["evil"],
    ),
    ("<rect style=\"x:expression(alert(1))\"/>", &["alert"]),
    (
        "<rect style=\"-moz-binding:url(http://evil/x.xml#e)\"/>",
        &["evil"],
    ),
    ("<style>@import url(https://evil/x.css);</style>", &["evil"]),
    ("<style>@import 'https://evil/x.css';</style>", &["evil"]),
    ("<style>@\\69mport 'https://evil/x.css';</style>", &["evil"]),
    (
        "<style>@im/**/port 'https://evil'; .a{fill:url(ht/**/tps://evil)}</style>",
        &["url(ht"],
    ),
    ("<style>.a{background:url(https://evil)}</style>", &["evil"]),
    (
        "<style>@font-face{font-family:a;src:url(https://evil/a.woff)}</style>",
        &["evil"],
    ),
    (
        "<style>.a{background:image-set('https://evil' 1x)}</style>",
        &["evil"],
    ),
    (
        "<style><![CDATA[.a{fill:url(https://evil)}]]></style>",
        &["evil"],
    ),
    (
        "<style>&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;</style>",
        &["script"],
    ),
    ("<style><script>alert(1)</script></style>", &["alert"]),
    (
        "<title><style><img title=\"&lt;/title&gt;&lt;img src onerror=alert(1)&gt;\"/></style></title>",
        &["alert"],
    ),
    (
        "<desc><rect onload=\"alert(1)\"/></desc>",
        &["alert", "<rect"],
    ),
    (
        "<g xml:base=\"https://evil/\"><use href=\"#a\"/></g>",
        &["evil"],
    ),
    (
        "<handler type=\"application/ecmascript\">alert(1)</handler>",
        &["alert"],
    ),
    (
        "<rect ev:event=\"load\" xmlns:ev=\"http://www.w3.org/2001/xml-events\" ev:handler=\"javascript:alert(1)\"/>",
        &["alert"],
    ),
    ("<metadata><x xmlns=\"evil\">y</x></metadata>", &["evil"]),
    ("<!-- <script>alert(1)</script> -->", &["alert", "<!--"]),
    (
        "<?xml-stylesheet href=\"https://evil/x.css\"?>",
        &["evil", "<?"],
    ),
    (
        "<link xmlns=\"http://www.w3.org/1999/xhtml\" rel=\"stylesheet\" href=\"https://evil\"/>",
        &["evil"],
    ),
    (
        "<audio src=\"https://evil\"/><video poster=\"https://evil\"/>",
        &["evil"],
    ),
    (
        "<math><mtext><script>alert(1)</script></mtext></math>",
        &["alert"],
    ),
    ("<a ping=\"https://evil\" href=\"#x\"/>", &["evil"]),
    (
        "<form action=\"javascript:alert(1)\"><input formaction=\"javascript:alert(1)\"/></form>",
        &["alert"],
    ),
    (
        "<use href=\"#x&#10;javascript:alert(1)\"/><rect cursor=\"url(https://evil),auto\"/>",
        &["evil"],
    ),
    // An HTML parser takes these for `href`.
    (
        "<image Href=\"https://evil/x.png\"/><a HREF=\"https://evil\"/>",
        &["evil"],
    ),
    (
        "<image hReF=\"data:im`ge/png;base64,evil\" xlink:Href=\"https://evil\"/>",
        &["evil"],
    ),
];

#[test]
fn every_known_attack_is_taken_out() {
    assert!(ATTACKS.len() >= 40);
    for (attack, gone) in ATTACKS {
        let result = match sanitize(in_svg(attack).as_bytes()) {
            Ok(result) => String::from_utf8(result).unwrap(),
            // a control character, which no XML has
            Err(ImagingError::SvgRejected { .. }) if attack.contains("&#1;") => continue,
            Err(error) => panic!("{attack}: {error}"),
        };
        for text in *gone {
            let found = result.to_lowercase().contains(&text.to_lowercase());
            assert!(!found, "{attack}\n  left {text} in\n  {result}");
        }
        assert_eq!(clean(&result), result, "{attack}");
    }
}

#[test]
fn attacks_around_the_root_are_taken_out_too() {
    let root = "<?xml version=\"1.0\"?><?xml-stylesheet href=\"https://evil\"?><!DOCTYPE svg [<!ENTITY a \"x\"><!ENTITY b SYSTEM \"file:///etc/passwd\">]><svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\" viewBox=\"0 0 1 1\"><text>&a;</text></svg>";
    assert_eq!(
        clean(root),
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"><text>x</text></svg>"
    );
}

#[test]
fn what_is_malformed_or_beyond_measure_is_refused() {
    let nested = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\">{}{}</svg>",
        "<g>".repeat(100_000),
        "</g>".repeat(100_000)
    );
    let laughs = "<!DOCTYPE svg [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;\">]><svg>&c;</svg>";
    let quadratic = format!(
        "<!DOCTYPE svg [<!ENTITY a \"{}\">]><svg>{}</svg>",
        "x".repeat(100_000),
        "&a;".repeat(100_000)
    );
    for source in [
        "<svg",
        "<svg>",
        "<svg><g></svg>",
        "<svg a=1/>",
        "<svg a=\"1\" a=\"2\"/>",
        "<svg>&nope;</svg>",
        "<html><svg/></html>",
        "<svg xmlns=\"http://www.w3.org/1999/xhtml\"/>",
        "",
        "text",
        nested.as_str(),
        laughs,
        quadratic.as_str(),
        "<!DOCTYPE svg [<!ENTITY a \"<script>alert(1)</script>\">]><svg xmlns=\"http://www.w3.org/2000/svg\">&a;</svg>",
        "<!DOCTYPE svg [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><svg xmlns=\"http://www.w3.org/2000/svg\">&b;</svg>",
    ] {
        let outcome = sanitize(source.as_bytes());
        assert!(
            matches!(outcome, Err(ImagingError::SvgRejected { .. })),
            "{}",
            source.get(..80).unwrap_or(source)
        );
    }
    assert!(sanitize(b"\xff\xfe<\0s\0v\0g\0/\0>\0").is_err());
    assert!(sanitize(b"<svg>\xe4</svg>").is_err());
}

#[test]
fn what_drawings_need_stays() {
    let kept = [
        "<defs><linearGradient id=\"g\"><stop offset=\"0\" stop-color=\"red\"></stop></linearGradient></defs>",
        "<rect fill=\"url(#g)\" transform=\"rotate(45 1 1)\" class=\"a b\" style=\"opacity:.5;fill:url(#g)\"></rect>",
        "<use xlink:href=\"#g\"></use>",
        "<image href=\"data:image/png;base64,iVBORw0KGgo=\" width=\"1\"></image>",
        "<style>.a{fill:#fff}@media (min-width:1px){.b{fill:red}}</style>",
        "<text xml:space=\"preserve\"> a &amp; b &lt; c </text>",
        "<animate attributeName=\"x\" from=\"0\" to=\"5\" dur=\"1s\"></animate>",
        "<filter id=\"f\"><feGaussianBlur stdDeviation=\"2\"></feGaussianBlur></filter>",
        "<title>Ünïcode ☃</title>",
    ];
    for content in kept {
        let result = clean(&in_svg(content));
        assert!(result.contains(content), "{content}\n{result}");
    }
    let prefixed = "<s:svg xmlns:s=\"http://www.w3.org/2000/svg\"><s:rect width=\"1\"/></s:svg>";
    assert_eq!(
        clean(prefixed),
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><rect width=\"1\"></rect></svg>"
    );
    let illustrator = "<!DOCTYPE svg [<!ENTITY ns_svg \"http://www.w3.org/2000/svg\">]><svg xmlns=\"&ns_svg;\"><path d=\"M0 0\"/></svg>";
    assert!(clean(illustrator).contains("<path d=\"M0 0\">"));
    let latin =
        sanitize(b"<?xml version='1.0' encoding='ISO-8859-1'?><svg><text>\xe4</text></svg>")
            .unwrap();
    assert!(String::from_utf8(latin).unwrap().contains('ä'));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sanitising_twice_changes_nothing_more(pieces in prop::collection::vec((0..ATTACKS.len(), any::<bool>()), 0..5)) {
        let content: String = pieces.iter().filter(|(at, _)| !ATTACKS[*at].0.contains("&#1;")).map(|(at, nested)| {
            let attack = ATTACKS[*at].0;
            if *nested { format!("<g>{attack}</g>") } else { attack.to_owned() }
        }).collect();
        let once = clean(&in_svg(&content));
        prop_assert_eq!(&clean(&once), &once);
        prop_assert!(!once.contains("alert") && !once.contains("<script"));
    }

    #[test]
    fn no_text_makes_it_panic(text in "[<>/=\"'&;a-zA-Z0-9 :#@(){}\\\\!\\[\\]?-]{0,200}") {
        let _outcome = sanitize(in_svg(&text).as_bytes()).is_ok();
        let _outcome = sanitize(text.as_bytes()).is_ok();
    }
}

fn drawn(
    source: &str,
    steps: &[Step],
    format: Format,
) -> Result<limpid_imaging::Transformed, ImagingError> {
    let mut steps = steps.to_vec();
    steps.push(Step {
        format: Some(format),
        ..Step::default()
    });
    run(source.as_bytes(), &steps)
}

const HALVES: &str = "<rect width=\"10\" height=\"10\" fill=\"#fa0a0a\"/><rect x=\"10\" width=\"5\" height=\"10\" fill=\"#0a0afa\"/>";

#[test]
fn a_drawing_is_as_large_as_its_view_box_and_sharp_at_any_size() {
    let source = in_svg(HALVES);
    let natural = drawn(&source, &[], Format::Png).unwrap();
    assert_eq!(
        (natural.format, natural.width, natural.height),
        (ImageFormat::Png, 20, 10)
    );
    let large = drawn(&source, &[width(400)], Format::Png).unwrap();
    assert_eq!((large.width, large.height), (400, 200));
    let picture = look_at(&large.bytes);
    // drawn at this size, not enlarged: the edge is one pixel wide
    assert_color(&picture, (198, 100), [250, 10, 10]);
    assert_color(&picture, (201, 100), [10, 10, 250]);
    assert_eq!(picture.get_pixel(390, 100).0[3], 0);
    let cropped = drawn(&source, &[sized(100, 100)], Format::WebP).unwrap();
    assert_eq!(
        (cropped.format, cropped.width, cropped.height),
        (ImageFormat::WebP, 100, 100)
    );
}

#[test]
fn a_colour_behind_fills_what_jpeg_cannot_hold() {
    let background = Step {
        background: Some(Color {
            red: 10,
            green: 250,
            blue: 10,
            alpha: 255,
        }),
        ..width(200)
    };
    let result = drawn(&in_svg(HALVES), &[background], Format::Jpeg).unwrap();
    let picture = look_at(&result.bytes);
    assert_color(&picture, (190, 50), [10, 250, 10]);
    assert_color(&picture, (20, 50), [250, 10, 10]);
}

#[test]
fn only_a_raster_format_asked_for_by_name_draws() {
    let source = in_svg(HALVES);
    for step in [
        width(10),
        Step {
            format: Some(Format::Auto),
            ..Step::default()
        },
        Step {
            format: Some(Format::Svg),
            ..Step::default()
        },
    ] {
        assert!(matches!(
            run(source.as_bytes(), &[step]),
            Err(ImagingError::NotAnImage { .. })
        ));
    }
}

#[test]
fn drawings_that_would_take_for_ever_are_refused_at_once() {
    let mut uses = String::from("<g id=\"a0\"><rect width=\"1\" height=\"1\"/></g>");
    for level in 1..12 {
        let reference = format!("<use href=\"#a{}\"/>", level - 1);
        write!(uses, "<g id=\"a{level}\">{}</g>", reference.repeat(10)).unwrap();
    }
    let filters = format!(
        "<filter id=\"f\">{}</filter><rect width=\"20\" height=\"10\" filter=\"url(#f)\"/>",
        "<feTurbulence numOctaves=\"9\" baseFrequency=\"0.1\"/>".repeat(100)
    );
    let pattern = "<pattern id=\"p\" width=\"30000\" height=\"30000\" patternUnits=\"userSpaceOnUse\"><rect width=\"9\" height=\"9\"/></pattern><rect width=\"20\" height=\"10\" fill=\"url(#p)\"/>";
    let nested = format!("{}{}", "<g>".repeat(150), "</g>".repeat(150));
    let thick = "<path d=\"M0 0q9 9 18 0\" stroke=\"red\" stroke-width=\"582304546\"/>";
    let long = "<path d=\"M0 0q9 9 30000000 9\" stroke=\"red\" fill=\"none\"/>";
    let filter = |primitive: &str| {
        format!(
            "<filter id=\"f\">{primitive}</filter><rect width=\"20\" height=\"10\" filter=\"url(#f)\"/>"
        )
    };
    let radius = filter("<feMorphology operator=\"dilate\" radius=\"9999\"/>");
    let octaves = filter("<feTurbulence numOctaves=\"99999999\" baseFrequency=\"0.1\"/>");
    let numbers = "1 ".repeat(200 * 200);
    let matrix = filter(&format!(
        "<feConvolveMatrix order=\"200\" kernelMatrix=\"{numbers}\"/>"
    ));
    for content in [
        uses.as_str(),
        filters.as_str(),
        thick,
        long,
        pattern,
        nested.as_str(),
        radius.as_str(),
        octaves.as_str(),
        matrix.as_str(),
    ] {
        let outcome = drawn(&in_svg(content), &[width(2000)], Format::Png);
        assert!(
            matches!(outcome, Err(ImagingError::SvgRejected { .. })),
            "{outcome:?}"
        );
    }
    let thickened = filter("<feMorphology operator=\"dilate\" radius=\"1\"/>");
    assert!(drawn(&in_svg(&thickened), &[width(200)], Format::Png).is_ok());
    let circle = in_svg("<g id=\"a\"><use href=\"#b\"/></g><g id=\"b\"><use href=\"#a\"/></g>");
    let _outcome = drawn(&circle, &[], Format::Png).is_ok();
    let long = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><!--{}--></svg>",
        "x".repeat(1 << 20)
    );
    assert!(matches!(
        drawn(&long, &[], Format::Png),
        Err(ImagingError::SourceTooLarge { .. })
    ));
    let huge = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900000\" height=\"900000\"><rect width=\"9\" height=\"9\"/></svg>";
    assert!(matches!(
        drawn(huge, &[], Format::Png),
        Err(ImagingError::OutputTooLarge { .. })
    ));
    assert_eq!(drawn(huge, &[width(100)], Format::Png).unwrap().width, 100);
}

#[test]
fn an_embedded_picture_that_unpacks_to_too_much_is_left_out() {
    use std::fmt::Write as _;
    // a PNG header of 60000 x 60000 px, nothing behind it
    let header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xea\x60\0\0\xea\x60\x08\x06\0\0\0\0\0\0\0";
    let mut encoded = String::new();
    for byte in header {
        write!(encoded, "%{byte:02x}").unwrap();
    }
    let source = in_svg(&format!(
        "{HALVES}<image width=\"20\" height=\"10\" href=\"data:image/png,{encoded}\"/>"
    ));
    let result = drawn(&source, &[], Format::Png).unwrap();
    assert_color(&look_at(&result.bytes), (2, 2), [250, 10, 10]);
}

#[test]
fn conditions_and_settings_hold_for_drawings_as_for_pictures() {
    let transformation = limpid_delivery_url::transformation::parse("w-50:f-png").unwrap();
    let source = in_svg(HALVES);
    let request = TransformRequest {
        source: source.as_bytes(),
        transformation: &transformation,
        inputs: &Inputs::default(),
        accept: AcceptedFormats {
            webp: true,
            avif: true,
        },
        settings: ImageSettings::default(),
        limits: &Limits::default(),
        deadline: None,
    };
    let first = transform(&request).unwrap();
    assert_eq!(
        (first.format, first.width, first.vary_accept),
        (ImageFormat::Png, 50, false)
    );
    assert_eq!(transform(&request).unwrap().bytes, first.bytes);
}
