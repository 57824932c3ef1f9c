//! Text layers: sizes that don't depend on the machine, lines, alignment, scripts.

use image::{Rgba, RgbaImage};

use crate::layers::laid;

const BLACK: Rgba<u8> = Rgba([0, 0, 0, 255]);
const RED: Rgba<u8> = Rgba([255, 0, 0, 255]);
const WHITE: Rgba<u8> = Rgba([255, 255, 255, 255]);

fn page(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_pixel(width, height, WHITE)
}

/// The box of everything that isn't white: left, top, width, height.
fn ink(picture: &RgbaImage) -> (u32, u32, u32, u32) {
    let (mut left, mut top, mut right, mut bottom) = (u32::MAX, u32::MAX, 0, 0);
    for (x, y, pixel) in picture.enumerate_pixels() {
        if *pixel != WHITE {
            left = left.min(x);
            top = top.min(y);
            right = right.max(x + 1);
            bottom = bottom.max(y + 1);
        }
    }
    assert!(right > left, "nothing was drawn");
    (left, top, right - left, bottom - top)
}

/// The box of a text with a red background, at the top left of a white page.
#[track_caller]
fn block(parameters: &str) -> (u32, u32) {
    let text = format!("l-text,{parameters},bg-FF0000,lfo-top_left,l-end");
    let (left, top, width, height) = ink(&laid(&page(400, 300), &text, &[]));
    assert_eq!((left, top), (0, 0), "{parameters}");
    (width, height)
}

#[test]
fn padding_adds_to_each_side_and_lines_to_the_height() {
    let (width, height) = block("i-Hello,fs-20");
    assert_eq!(block("i-Hello,fs-20,pa-10"), (width + 20, height + 20));
    assert_eq!(block("i-Hello,fs-20,pa-1_2_3_4"), (width + 6, height + 4));
    // a line break, in base64
    assert_eq!(block("ie-SGVsbG8KSGVsbG8%3D,fs-20"), (width, height * 2));
    assert_eq!(block("i-Hello,fs-20,lh-50"), (width, 50));
}

#[test]
fn a_width_wraps_and_is_kept() {
    let (one, line) = block("i-aa%20bb%20cc,fs-20,ff-Roboto");
    assert_eq!(block("i-aa%20bb%20cc,fs-20,ff-Roboto,w-300"), (300, line));
    let wrapped = format!("i-aa%20bb%20cc,fs-20,ff-Roboto,w-{}", one - 5);
    assert_eq!(block(&wrapped), (one - 5, line * 2));
    assert_eq!(block("i-aa%20bb%20cc,fs-20,ff-Roboto,w-25").1, line * 3);
    assert_eq!(block("i-aa%20bb,fs-20,w-bw_div_4").0, 100);
}

#[test]
fn ink_lies_left_in_the_middle_or_right() {
    let at = |align: &str| {
        let text = format!("l-text,i-HH,fs-20,w-200{align},lfo-top_left,l-end");
        ink(&laid(&page(200, 60), &text, &[])).0
    };
    let (left, center, right) = (at(",ia-left"), at(",ia-center"), at(",ia-right"));
    assert_eq!(at(""), center);
    assert!(left < 5, "{left}");
    assert!(center > 75 && center < 95, "{center}");
    assert!(right > 155, "{right}");
}

#[test]
fn colour_opacity_and_background_are_as_asked() {
    let text = "l-text,i-IIII,fs-80,co-FF0000,ff-Roboto,tg-b,l-end";
    let red = laid(&page(200, 100), text, &[]);
    assert!(red.pixels().any(|pixel| *pixel == RED));
    let faded = laid(&page(200, 100), &text.replace(",l-end", ",al-5,l-end"), &[]);
    assert!(
        faded
            .pixels()
            .any(|pixel| *pixel == Rgba([255, 127, 127, 255]))
    );
    let named = text.replace("FF0000", "red");
    assert_eq!(
        laid(
            &page(200, 100),
            &named.replace(",l-end", ",al-5,l-end"),
            &[]
        ),
        red,
        "al beside a colour name is ignored"
    );
    let struck = laid(
        &page(200, 100),
        "l-text,i-HHHH,fs-60,tg-strikethrough,l-end",
        &[],
    );
    let row = struck.dimensions().1 / 2;
    let longest = (row - 10..row + 10).map(|y| {
        (0..200)
            .filter(|x| *struck.get_pixel(*x, y) == BLACK)
            .count()
    });
    let (left, _, width, _) = ink(&struck);
    assert!(left < 60);
    assert!(
        longest.max().unwrap() + 2 >= width as usize,
        "the bar spans the text, but for the soft pixels at its ends"
    );
}

#[test]
fn turning_and_rounding_are_of_the_whole_box() {
    let (width, height) = block("i-Hello,fs-20");
    assert_eq!(block("i-Hello,fs-20,rt-90"), (height, width));
    let round = laid(
        &page(100, 60),
        "l-text,i-x,fs-20,pa-20,bg-FF0000,r-max,lfo-top_left,l-end",
        &[],
    );
    assert_eq!(round.get_pixel(0, 0), &WHITE);
    assert!(round.pixels().any(|pixel| *pixel == RED));
}

#[test]
fn combining_marks_lie_over_their_letters_and_joined_letters_are_narrower() {
    let width = |base64: &str| block(&format!("ie-{base64},fs-40,ff-Open%20Sans")).0;
    // "é" and "e" with U+0301
    assert_eq!(width("w6k%3D"), width("ZcyB"));
    // Arabic beh once, and three joined: narrower than three alone
    let (alone, joined) = (width("2Kg%3D"), width("2KjYqNio"));
    assert!(joined < alone * 3, "{joined} of 3 × {alone}");
    // Devanagari ka; ka with the vowel sign i, which is drawn before it
    assert!(width("4KSV4KS%2F") > width("4KSV"));
}

#[test]
fn right_to_left_text_runs_from_the_right() {
    // "אבג 12" and its first letter alone, aligned left: the letter is at the far end of the word
    let picture = |base64: &str| {
        let text = format!("l-text,ie-{base64},fs-40,w-300,ia-right,lfo-top_left,l-end");
        laid(&page(300, 80), &text, &[])
    };
    let (word, letter) = (picture("15DXkdeSIDEy"), picture("15A%3D"));
    let (left, _, width, _) = ink(&letter);
    let part =
        |picture: &RgbaImage| image::imageops::crop_imm(picture, left, 0, width, 80).to_image();
    assert_eq!(part(&word), part(&letter));
    assert!(ink(&word).2 > width * 2);
}

#[test]
fn characters_no_font_has_show_a_sign_instead_of_nothing() {
    let (_, _, width, height) = ink(&laid(
        &page(100, 100),
        // U+4E2D
        "l-text,ie-5Lit,fs-40,l-end",
        &[],
    ));
    assert!(width > 5 && height > 10);
}

#[test]
fn a_font_file_is_used_instead_of_a_built_in_one() {
    let font = include_bytes!("../../fonts/lobster-latin-400-normal.ttf").as_slice();
    let own = laid(
        &page(200, 80),
        "l-text,i-Lobster,fs-40,ff-fonts@@own.ttf,l-end",
        &[("fonts/own.ttf", font)],
    );
    let built_in = laid(
        &page(200, 80),
        "l-text,i-Lobster,fs-40,ff-Lobster,l-end",
        &[],
    );
    assert_eq!(own, built_in);
    let other = laid(&page(200, 80), "l-text,i-Lobster,fs-40,l-end", &[]);
    assert_ne!(own, other);
}
