//! What is refused, and with which words (R17, R113, R117, R118; `imagekit.md` 5.2, 5.13).

use limpid_delivery_url::transformation::parse;
use proptest::prelude::*;

const MALFORMED: &[&str] = &[
    "w-abc",
    "w-0",
    "w--5",
    "w-N5",
    "w-1.5",
    "w-NaN",
    "w-1e9",
    "w-",
    "w",
    "h-auto",
    "ar-0-0",
    "ar-4-3-2",
    "ar-0",
    "q-0",
    "q-101",
    "q-80.5",
    "c-foo",
    "c-",
    "cm-foo",
    "fo-nowhere",
    "fo-person_dragon",
    "x-1.5",
    "xc-",
    "rt-x",
    "rt-NN5",
    "bg-12345",
    "bg-FF0000ZZ",
    "bg-#FF0000",
    "bg-+10000",
    "bg-notacolour",
    "bg-blurred_101",
    "f-bmp",
    "r-1_2_3",
    "r-max_x",
    "b-red",
    "b-5",
    "b-99999_red",
    "o-100.5",
    "o-101",
    "bl-0",
    "t-0",
    "t-100",
    "fl-x",
    "cr-",
    "cr-red_101",
    "e-",
    "e-sharpen-0",
    "e-sharpen-100001",
    "e-usm-1-2",
    "e-shadow-bl-16",
    "e-shadow-foo-1",
    "e-gradient-sp-0",
    "e-gradient-sp-2.5",
    "e-distort-p-1_2",
    "e-distort",
    "dpr-abc",
    "z-0",
    "dn-0",
    "pr-yes",
    "orig-maybe",
    "pg-0",
    "pg-4-2",
    "pg-name-x",
    "di-",
    "di-@@",
    "di-a@@..@@b",
    "di-a%00",
    "n-a-b",
    "n-",
    "w-iw_div",
    "w-iw_foo_2",
    "w-_",
    "w-iw__2",
    "c2pa-1",
    "w-%ff",
];

const BROKEN: &[&str] = &[
    ",",
    ":",
    "w-1,",
    "w-1:",
    ",w-1",
    "w-1,,h-1",
    "w-1::h-1",
    "l-image,i-a.png",
    "l-text,l-end",
    "l-image,w-1,l-end",
    "l-end",
    "l-foo,i-a,l-end",
    "l-",
    "l",
    "l-text,i-%20,l-end",
    "l-text,ie-%FF,l-end",
    "l-text,ie-YQ%21,l-end",
    "l-text,i-a,l-image,i-b,l-end,l-end",
    "l-image,i-a,f-png,l-end",
    "l-image,i-a,al-5,l-end",
    "l-text,i-a,h-5,l-end",
    "l-image,i-a,fs-5,l-end",
    "l-image,i-a,if-w_gt_1,w-1,if-end,l-end",
    "l-image,i-..@@a,l-end",
    "if-w_gt_1",
    "if-w_gt_1,w-1",
    "if-end",
    "if-else",
    "if-,w-1,if-end",
    "if-w_gt,w-1,if-end",
    "if-w_gt_1_and,w-1,if-end",
    "if-w_gt_4-3,w-1,if-end",
    "if-foo_gt_1,w-1,if-end",
    "if-w_gt_1,w-1,if-else,w-2,if-else,w-3,if-end",
    "h-100,if-h_eq_200,w-100,if-end",
    "h-400:rt-90,if-h_eq_200,w-100,if-end:rt-90",
    "if-h_eq_200,w-100,if-end,h-1",
    "if-w_gt_1,if-w_gt_1,if-w_gt_1,if-w_gt_1,if-w_gt_1,w-1,if-end,if-end,if-end,if-end,if-end",
    "l-image,if-end,l-end",
];

fn sentence(text: &str) -> String {
    parse(text).expect_err(text).sentence().to_owned()
}

#[test]
fn malformed_values_are_refused() {
    for text in MALFORMED {
        let error = parse(text).expect_err(text);
        let (token, sentence) = (error.token(), error.sentence());
        let reason = sentence.strip_prefix(token);
        let reason = reason.and_then(|rest| rest.strip_prefix(": "));
        // what was meant to be there, not only that something else was
        let allowed = [
            "takes",
            "missing",
            "known are",
            "without",
            "wider than",
            "control",
            "percent",
        ];
        assert!(
            reason.is_some_and(|reason| allowed.iter().any(|word| reason.contains(word))),
            "{text}: {sentence}"
        );
    }
}

#[test]
fn broken_structure_is_refused() {
    for text in BROKEN {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn unknown_parameters_are_named_with_a_suggestion() {
    assert_eq!(
        sentence("foo-1"),
        "foo-1: there is no such parameter; did you mean fo?"
    );
    assert!(sentence("width-300").ends_with("did you mean w?"));
    assert!(sentence("qualty-80").ends_with("did you mean q?"));
    assert!(sentence("W-300").ends_with("did you mean w?"));
    assert!(sentence("rndm_trnsf-abcd").contains("there is no such parameter"));
    assert!(sentence("e-sharpn").ends_with("did you mean e-sharpen?"));
    assert!(sentence("c-pad_resize").contains("cm-pad_resize"));
    assert!(sentence("cm-at_max").contains("c-at_max"));
}

#[test]
fn misspelt_values_are_answered_with_a_suggestion() {
    for (text, meant) in [
        ("f-wepb", "f-webp"),
        ("c-fit", "c-at_max"),
        ("c-forced", "c-force"),
        ("cm-pad_rezise", "cm-pad_resize"),
        ("fo-topleft", "fo-top_left"),
        ("bg-redd", "bg-red"),
        ("fl-h_w", "fl-h_v"),
        ("pr-True", "pr-true"),
        ("t-flase", "t-false"),
        ("l-imge,i-a,l-end", "l-image"),
        ("l-txt,i-a,l-end", "l-text"),
        ("l-image,i-a,lm-mutiply,l-end", "lm-multiply"),
        ("l-image,i-a,lfo-topleft,l-end", "lfo-top_left"),
        ("l-image,i-a,lap-centre,l-end", "lap-center"),
        ("l-text,i-a,ia-centre,l-end", "ia-center"),
        ("l-text,i-a,co-whitee,l-end", "co-white"),
    ] {
        let suggestion = format!("did you mean {meant}?");
        assert!(sentence(text).ends_with(&suggestion), "{}", sentence(text));
    }
    assert!(sentence("f-bmp").contains("takes"));
    assert_eq!(
        sentence("f-wepb"),
        "f-wepb: f takes auto, jpg, jpeg, webp, avif, png, gif, svg or orig; did you mean f-webp?"
    );
}

#[test]
fn a_condition_that_is_none_is_told_which_word_is_wrong() {
    for (condition, reason) in [
        (
            "wd_gt_5",
            "wd is no property; there are w, h, ar, iw, ih, iar",
        ),
        (
            "w_gtt_5",
            "gtt is no comparison; there are eq, ne, gt, gte, lt, lte",
        ),
        ("w_gt_x", "w is compared with a number, not x"),
        ("w_gt_4-3", "w is compared with a number, not 4-3"),
        (
            "iar_gt_x",
            "iar is compared with a number or a ratio such as 4-3, not x",
        ),
        (
            "w_gt_5_adn_h_lt_4",
            "tests are joined by and or or, not adn",
        ),
        (
            "w_gt_5_and_foo_lt_4",
            "foo is no property; there are w, h, ar, iw, ih, iar",
        ),
        (
            "w_gt",
            "the condition is not complete; write tests such as w_gt_300 or iar_lt_4-3 joined by _and_ or _or_",
        ),
    ] {
        let text = format!("if-{condition},w-1,if-end");
        assert_eq!(sentence(&text), format!("if-{condition}: {reason}"));
    }
    let hostile = format!("if-{}_gt_5,w-1,if-end", "\u{e9}<".repeat(300));
    assert!(sentence(&hostile).len() <= 200);
}

#[test]
fn a_ratio_with_a_colon_is_told_how_ratios_are_written() {
    for text in ["ar-4:3", "w-300,ar-16:9"] {
        assert!(sentence(text).contains("ar-4-3"), "{}", sentence(text));
    }
}

#[test]
fn next_to_orig_true_a_refused_parameter_says_nothing() {
    for text in ["orig-true,foo-1", "w-abc,orig-true", "foo-1:orig-true"] {
        assert!(parse(text).unwrap().wants_original(), "{text}");
    }
    assert!(parse("orig-false,foo-1").is_err());
    assert!(parse("orig-true,,w-1").is_err());
}

#[test]
fn retired_overlay_parameters_point_to_layers() {
    for text in ["oi-logo.png", "ot-Hello", "ox-5", "oa-5", "obg-FF0000"] {
        assert!(sentence(text).contains("layers"), "{text}");
    }
}

#[test]
fn video_and_ai_parameters_say_so() {
    for text in [
        "vc-h264",
        "so-5",
        "f-mp4",
        "sr-1440_1080",
        "l-video,i-a.mp4,l-end",
        "l-subtitles,i-a.srt,l-end",
        "l-text,i-a,lso-5,l-end",
    ] {
        assert!(
            sentence(text).contains("video"),
            "{text}: {}",
            sentence(text)
        );
    }
    for text in [
        "e-bgremove",
        "e-changebg-prompt-car",
        "e-dropshadow-az-45",
        "bg-genfill",
        "bg-genfill-prompt-x",
        "e-upscale",
    ] {
        assert!(sentence(text).contains("AI"), "{text}: {}", sentence(text));
    }
}

#[test]
fn parameters_in_the_wrong_place_say_where_they_belong() {
    assert!(sentence("lx-5").contains("layer"));
    assert!(sentence("fs-5").contains("text layer"));
    assert!(sentence("l-image,i-a,q-5,f-png,l-end").contains("l-end"));
    assert!(sentence("h-100,if-h_eq_200,w-100,if-end").contains("alone"));
}

#[test]
fn the_token_is_escaped_and_cut() {
    let error = parse("w-<script>\u{e9}\r\n").unwrap_err();
    assert_eq!(error.token(), "w-%3Cscript%3E%C3%A9%0D%0A");
    let long = parse(&format!("w-{}", "x".repeat(10_000))).unwrap_err();
    assert!(long.token().len() <= 43 && long.token().ends_with("..."));
    assert_eq!(long.to_string(), long.sentence());
}

proptest! {
    #[test]
    fn every_sentence_is_short_printable_ascii(text in "(\\PC|[\\x00-\\xff]){0,200}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.sentence().len() <= 200);
            prop_assert!(error.sentence().bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
    }
}
