//! Text in drawings: every letter where it belongs, with the bundled fonts and no others, whatever the document asks for.

use std::{fmt::Write as _, fs, path::PathBuf};

use image::RgbaImage;
use limpid_delivery_url::transformation::{Format, Step};
use limpid_imaging::ImagingError;

use crate::{
    asked::made,
    pictures::{difference, look_at, run},
};

fn drawn(content: &str) -> Result<RgbaImage, ImagingError> {
    let source = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"480\" height=\"260\"><rect width=\"480\" height=\"260\" fill=\"#fff\"/>{content}</svg>"
    );
    let as_png = Step {
        format: Some(Format::Png),
        ..Step::default()
    };
    Ok(look_at(&run(source.as_bytes(), &[as_png])?.bytes))
}

/// One line in a family.
fn line(family: &str, text: &str) -> RgbaImage {
    let content =
        format!("<text x=\"10\" y=\"60\" font-size=\"30\" font-family=\"{family}\">{text}</text>");
    drawn(&content).unwrap()
}

/// How much ink there is between two columns, in black pixels.
fn ink_between(picture: &RgbaImage, from: u32, to: u32) -> f64 {
    let inside = picture
        .enumerate_pixels()
        .filter(|(x, ..)| (from..to).contains(x));
    inside
        .map(|(.., pixel)| f64::from(255 - pixel.0[0]) / 255.0)
        .sum()
}

fn ink(picture: &RgbaImage) -> f64 {
    ink_between(picture, 0, picture.width())
}

/// Columns that have ink: the first and the last.
fn extent(picture: &RgbaImage) -> Option<(u32, u32)> {
    let inked = picture
        .enumerate_pixels()
        .filter(|(.., pixel)| pixel.0[0] < 128)
        .map(|(x, ..)| x);
    inked.fold(None, |extent, x| {
        let (first, last) = extent.unwrap_or((x, x));
        Some((first.min(x), last.max(x)))
    })
}

const LETTERING: &str = r##"
<defs>
  <linearGradient id="g"><stop stop-color="red"/><stop offset="1" stop-color="blue"/></linearGradient>
  <path id="wave" d="M 250 190 q 50 -60 100 0 t 100 0"/>
</defs>
<text x="10" y="30" font-family="Helvetica, Arial" font-size="24">Sans <tspan font-weight="bold">bold</tspan> <tspan font-style="italic">italic</tspan> Łódź</text>
<text x="470" y="30" font-family="serif" font-size="24" text-anchor="end">Serif, <tspan font-weight="700">bold</tspan>, end</text>
<text x="10" y="65" font-family="Courier New" font-size="22">Mono 0O1l</text>
<text x="240" y="65" font-family="Lobster" font-size="26" fill="url(#g)" text-anchor="middle">Gradient</text>
<text x="320" y="65" font-family="Roboto" font-size="20">Roboto fi Привет</text>
<text x="10" y="100" font-size="22" font-family="sans-serif">Ελλάδα Русский Łódź Tiếng Việt</text>
<text x="10" y="135" font-size="22" font-family="sans-serif">Hello नमस्ते दुनिया, שלום and سلام عليكم 漢字.</text>
<text x="230" y="170" font-size="22" font-family="serif" text-anchor="end">مرحبا क्षत्रिय</text>
<text font-family="sans-serif" font-size="18"><textPath href="#wave">along a path it goes, ełż</textPath></text>
<text x="10 40 70 100" y="200 205 210 215" rotate="0 15 30 45" font-size="26">Łódź</text>
<text x="10" y="250" font-size="34" font-family="Montserrat" font-weight="700" fill="none" stroke="#060" stroke-width="1.5">Outline</text>
<text x="200" y="250" font-size="22" font-family="sans-serif" letter-spacing="3" text-decoration="underline">Spaced</text>
<text x="330" y="250" font-size="22">E=mc<tspan baseline-shift="super" font-size="14">2</tspan> H<tspan dy="6" font-size="14">2</tspan><tspan dy="-6">O</tspan></text>
"##;

#[test]
fn lettering_looks_as_it_did_when_it_was_looked_at() {
    let found = drawn(LETTERING).unwrap();
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/it/svg_text/lettering.png"
    ));
    if std::env::var_os("LIMPID_UPDATE_GOLDEN").is_some() {
        found.save(&path).unwrap();
    }
    let golden = look_at(&fs::read(path).unwrap());
    let mean = difference(&found, &golden);
    assert!(mean < 0.2, "differs by {mean}");
}

#[test]
fn every_word_of_a_mixed_line_has_all_its_ink() {
    let words = ["Łódź", "Привет", "Ελλάδα", "नमस्ते", "שלום", "سلام", "office"];
    for (family, weight) in [("sans-serif", 400), ("Arial", 700), ("Nobodys", 400)] {
        let row = |text: &str| {
            // large, so that the ink of a letter hardly depends on where between two pixels it begins
            let source = format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"480\" height=\"40\"><rect width=\"480\" height=\"40\" fill=\"#fff\"/><text x=\"10\" y=\"25\" font-size=\"16\" font-family=\"{family}\" font-weight=\"{weight}\">{text}</text></svg>"
            );
            made(source.as_bytes(), "w-1920,f-png")
        };
        let alone: f64 = words.iter().map(|word| ink(&row(word))).sum();
        assert!(words.iter().all(|word| ink(&row(word)) > 480.0));
        let mut turned = words;
        for _ in words {
            turned.rotate_left(1);
            let together = ink(&row(&turned.join(" ")));
            let share = together / alone;
            assert!((share - 1.0).abs() < 0.01, "{family} {turned:?}: {share}");
            let styled = turned.map(|word| format!("<tspan fill=\"#000001\">{word}</tspan>"));
            let share = ink(&row(&styled.join(" "))) / alone;
            assert!((share - 1.0).abs() < 0.01, "{family} {styled:?}: {share}");
        }
    }
}

#[test]
fn every_letter_has_ink_in_its_own_place() {
    for family in [
        "sans-serif",
        "serif",
        "monospace",
        "Lobster",
        "Roboto",
        "Lora",
        "Nobodys",
    ] {
        for word in ["Łódź", "Привет", "Ελλάδα", "שלום", "fiąść"] {
            let places = (0..word.chars().count()).map(|index| (20 + index * 60).to_string());
            let places: Vec<String> = places.collect();
            let picture = drawn(&format!(
                "<text x=\"{}\" y=\"60\" font-size=\"40\" font-family=\"{family}\">{word}</text>",
                places.join(" ")
            ))
            .unwrap();
            for (index, letter) in word.chars().enumerate() {
                let from = 15 + index as u32 * 60;
                let found = ink_between(&picture, from, from + 60);
                assert!(found > 20.0, "{letter} of {word} in {family}: {found}");
            }
        }
    }
}

#[test]
fn what_no_font_has_is_a_box_and_leaves_its_neighbours_alone() {
    for family in ["sans-serif", "serif", "Lobster"] {
        let around = ink(&line(family, "Łó")) + ink(&line(family, "Łź"));
        let boxes = ink(&line(family, "漢漢"));
        let together = ink(&line(family, "Łó漢漢Łź"));
        assert!(boxes > 40.0, "{family}");
        assert!((together / (around + boxes) - 1.0).abs() < 0.03, "{family}");
    }
    let devanagari = ink(&line("serif", "नमस्ते"));
    let beside = ink(&line("serif", "नमस्ते漢")) - ink(&line("sans-serif", "漢"));
    assert!((beside / devanagari - 1.0).abs() < 0.03);
}

#[test]
fn families_weights_and_slants_choose_among_the_bundled_fonts() {
    let width = |family: &str, text: &str| {
        let (first, last) = extent(&line(family, text)).unwrap();
        last - first
    };
    let (narrow, wide) = (
        width("monospace", "liliilil"),
        width("monospace", "MWMWMWMW"),
    );
    assert!(narrow.abs_diff(wide) < 20, "{narrow} and {wide}");
    assert!(width("sans-serif", "liliilil") * 2 < width("sans-serif", "MWMWMWMW"));
    let sans = line("sans-serif", "Hamburg");
    assert_ne!(line("serif", "Hamburg"), sans);
    assert_eq!(line("Times New Roman", "Hamburg"), line("serif", "Hamburg"));
    for unknown in [
        "Nobodys Font",
        "DejaVu Sans",
        "Liberation Sans",
        "Arial",
        "",
        ";",
    ] {
        let found = line(unknown, "Hamburg");
        let default = if unknown.len() < 2 {
            line("serif", "Hamburg")
        } else {
            sans.clone()
        };
        assert_eq!(found, default, "{unknown}");
    }
    assert_eq!(
        line("Nobody, 'lobster'", "Hamburg"),
        line("Lobster", "Hamburg")
    );
    let styled = |style: &str| {
        drawn(&format!("<text x=\"10\" y=\"60\" font-size=\"30\" font-family=\"Arial\" style=\"{style}\">Hamburg</text>"))
            .unwrap()
    };
    assert!(ink(&styled("font-weight:bold")) > ink(&sans) * 1.2);
    assert_eq!(styled("font-weight:900"), styled("font-weight:600"));
    assert_eq!(styled("font-weight:300"), sans);
    assert!(difference(&styled("font-style:italic"), &sans) > 0.1);
    assert_eq!(styled("font-style:oblique"), styled("font-style:italic"));
}

#[test]
fn anchors_places_and_lengths_move_text() {
    let at = |attributes: &str| {
        let content = format!(
            "<text y=\"60\" font-size=\"30\" font-family=\"sans-serif\" {attributes}>Łódź Привет</text>"
        );
        extent(&drawn(&content).unwrap()).unwrap()
    };
    let near = |found: u32, wanted: u32| found.abs_diff(wanted) <= 3;
    let (left, right) = at("x=\"100\"");
    let length = right - left;
    assert!(near(left, 100));
    let (left, right) = at("x=\"240\" text-anchor=\"middle\"");
    assert!(near(u32::midpoint(left, right), 240) && near(right - left, length));
    assert!(near(at("x=\"400\" text-anchor=\"end\"").1, 400));
    let (left, right) = at("x=\"100\" textLength=\"300\"");
    assert!(near(left, 100) && near(right, 400));
    let (left, right) = at("x=\"100\" dx=\"20\" letter-spacing=\"5\"");
    assert!(near(left, 120) && near(right - left, length + 50));
    let two = drawn("<text x=\"10\" y=\"60\" font-size=\"30\">A<tspan x=\"300\">नB</tspan></text>");
    let two = two.unwrap();
    assert!(ink_between(&two, 0, 60) > 50.0 && ink_between(&two, 60, 290) == 0.0);
    assert!(ink_between(&two, 295, 330) > 50.0 && ink_between(&two, 320, 370) > 50.0);
}

#[test]
fn text_follows_a_path() {
    let picture = drawn("<path id=\"p\" fill=\"none\" d=\"M20 40 L200 40 L200 250\"/><text font-size=\"24\" font-family=\"sans-serif\"><textPath href=\"#p\">Łódź Привет Ελλάδα and more</textPath></text>").unwrap();
    let rows = |from: u32, to: u32| {
        let inside = picture.enumerate_pixels().filter(|(x, y, pixel)| {
            (195..230).contains(x) && (from..to).contains(y) && pixel.0[0] < 128
        });
        inside.count()
    };
    assert!(ink_between(&picture, 20, 110) > 150.0 && ink_between(&picture, 110, 195) > 150.0);
    assert!(rows(60, 140) > 80 && rows(140, 230) > 80);
}

#[test]
fn text_that_would_take_too_long_is_refused_before_it_is_shaped() {
    let long = format!("<text y=\"20\">{}</text>", "word ".repeat(30_000));
    let mut parts = String::new();
    for index in 0..1200 {
        write!(parts, "<tspan font-family=\"f{index}\">abcd</tspan>").unwrap();
    }
    let many = format!("<text y=\"20\">{parts}</text>");
    let used = format!(
        "<defs><text id=\"t\" y=\"20\">{}</text></defs>{}",
        "word ".repeat(100),
        "<use href=\"#t\"/>".repeat(1000)
    );
    let along = format!(
        "<path id=\"p\" d=\"M0 0{}\"/><text><textPath href=\"#p\">{}</textPath></text>",
        "l1 1".repeat(100_000),
        "a".repeat(5000)
    );
    let turning = format!(
        "<text font-family=\"Lobster\">{}</text>",
        "<tspan fill=\"red\">नسa</tspan>".repeat(300)
    );
    for content in [long, many, used, along, turning] {
        let outcome = drawn(&content);
        let reason = "it has too much text".to_owned();
        assert_eq!(outcome.unwrap_err(), ImagingError::SvgRejected { reason });
    }
}

#[test]
fn a_page_of_text_is_drawn() {
    let mut lines = String::new();
    for index in 0..100 {
        let y = index % 23 * 10 + 9;
        let text = "Zażółć gęślą ".repeat(8);
        write!(lines, "<text y=\"{y}\" font-size=\"9\">{text}</text>").unwrap();
    }
    assert!(extent(&drawn(&lines).unwrap()).is_some());
    let mut parts = String::new();
    for index in 0..60 {
        let weight = index % 9 + 1;
        write!(parts, "<tspan font-weight=\"{weight}00\">abcdefgh</tspan>").unwrap();
    }
    let many = format!("<text y=\"60\">{parts}</text>");
    assert!(extent(&drawn(&many).unwrap()).is_some());
    let long = format!("<text y=\"30\">{}</text>", "aб א क ب".repeat(1000));
    assert!(extent(&drawn(&long).unwrap()).is_some());
}

#[test]
fn a_pattern_too_large_is_refused_in_text_as_elsewhere() {
    let content = "<pattern id=\"p\" width=\"30000\" height=\"30000\" patternUnits=\"userSpaceOnUse\"><rect width=\"9\" height=\"9\"/></pattern><text y=\"50\" font-size=\"40\" fill=\"url(#p)\">tile</text>";
    assert!(matches!(
        drawn(content),
        Err(ImagingError::SvgRejected { .. })
    ));
}

#[test]
fn sizes_without_measure_neither_hang_nor_panic() {
    for attributes in [
        "font-size=\"1e9\"",
        "font-size=\"1e-9\"",
        "font-size=\"0\"",
        "font-size=\"-5\"",
        "letter-spacing=\"1e30\"",
        "word-spacing=\"-1e30\"",
        "textLength=\"1e30\"",
        "stroke=\"red\" stroke-width=\"1e9\" font-size=\"1e6\"",
        "x=\"1e38 -1e38 1e38\" rotate=\"1e38\"",
        "font-size=\"20\" stroke=\"red\" stroke-dasharray=\"0.0001\"",
        "transform=\"scale(1e30)\"",
        "baseline-shift=\"1e30\" text-decoration=\"underline overline line-through\"",
        "writing-mode=\"tb\" font-size=\"1e20\"",
    ] {
        let content = format!("<text y=\"50\" {attributes}>size of नit</text>");
        let _either_is_right = drawn(&content).is_ok();
    }
    for path in [
        "M0 0L1e38 1e38",
        "M0 0C1e20 0 0 1e20 3 3",
        "M0 0",
        "M0 0L5 5",
    ] {
        for transform in [
            "scale(1)",
            "scale(1e4)",
            "scale(1e18)",
            "matrix(1e38 0 0 1e-38 0 0)",
            "skewX(89.9999999)",
        ] {
            let content = format!(
                "<g transform=\"{transform}\"><path id=\"p\" d=\"{path}\"/><text font-size=\"1\"><textPath href=\"#p\" startOffset=\"1%\">along it</textPath></text></g>"
            );
            let _either_is_right = drawn(&content).is_ok();
        }
    }
}

#[test]
fn fonts_whose_ligatures_differ_share_a_line() {
    for first in ["Lobster", "Arial", "Lora", "Roboto"] {
        for second in ["Montserrat", "serif", "Lato"] {
            for text in [
                "e\u{301}\u{302}\u{323}",
                "ffi",
                "क्षि",
                "لا",
                "👨‍👩‍👧",
                "fi\u{301}",
            ] {
                let content = format!(
                    "<text y=\"50\" font-size=\"30\" font-family=\"{first}\">{text}<tspan font-family=\"{second}\">{text}</tspan></text>"
                );
                let outcome = drawn(&content);
                assert!(outcome.is_ok(), "{first} {second} {text}: {outcome:?}");
            }
        }
    }
}
