//! `parse(print(t)) == t`, and nothing panics.

use limpid_delivery_url::{Mount, target, transformation::parse};
use proptest::prelude::*;
use proptest::sample::select;

/// Parameters that steps and image layers take.
const LOOK: &[&str] = &[
    "w-300",
    "w-0.25",
    "w-1",
    "w-70000",
    "w-auto",
    "w-iw_div_2",
    "h-200",
    "h-0.5",
    "h-ih_mul_0.5_add_3",
    "ar-4-3",
    "ar-2.5_1",
    "ar-1.5",
    "ar-iar_div_2",
    "dpr-2",
    "dpr-auto",
    "dpr-9",
    "dpr-iw_div_300",
    "c-at_max",
    "c-force",
    "cm-extract",
    "cm-pad_resize",
    "fo-top_left",
    "fo-auto",
    "fo-custom",
    "fo-face",
    "fo-person_car_toothbrush",
    "z-0.5",
    "x-10",
    "x-N10",
    "x-iw_div_4",
    "y-0",
    "xc-5",
    "yc-ih_div_2",
    "rt-90",
    "rt-N22.5",
    "rt-auto",
    "rt-N0",
    "fl-h",
    "fl-v_h",
    "bg-FF8000",
    "bg-abc",
    "bg-red",
    "bg-transparent",
    "bg-11223344",
    "bg-blurred",
    "bg-blurred_20",
    "bg-blurred_auto_N15",
    "bg-dominant",
    "bg-gradient_dominant_4",
    "t-true",
    "t-false",
    "t-40",
    "r-20",
    "r-max",
    "r-10_max_20_30",
    "b-5_red",
    "b-5-A94D34",
    "b-iw_div_20_FF000050",
    "o-50",
    "bl-10",
    "cr-red",
    "cr-FF0000_50_00FF00",
    "e-grayscale",
    "e-contrast-true",
    "e-sharpen",
    "e-sharpen-10",
    "e-usm",
    "e-usm-2-2-0.8-0.024",
    "e-shadow",
    "e-shadow-bl-15_x-N10",
    "e-gradient",
    "e-gradient-ld-top_from-green_to-00FF0010_sp-1",
    "e-gradient-sp-ih_mul_0.5",
    "e-colorize-co-FF0000_in-15",
    "e-distort-a-N30",
    "e-distort-p-50_50_150_50_150_150_N50_150",
];

/// Parameters that only steps outside layers take.
const DELIVERY: &[&str] = &[
    "q-80",
    "f-auto",
    "f-jpeg",
    "f-orig",
    "pr-true",
    "lo-false",
    "cp-true",
    "md-true",
    "dn-300",
    "c2pa-true",
    "orig",
    "pg-2",
    "pg-1_3_5",
    "pg-2-4",
    "pg-4-",
    "pg-name-%22a%2Cb%22_%22c%22",
    "di-a@@b.jpg",
    "di-a%2Cb%3Ac.jpg",
    "di-x@y/z%40/w",
    "n-some_name",
];

/// Parameters of text layers.
const TEXT: &[&str] = &[
    "fs-32",
    "ff-a@@b.ttf",
    "pa-1_2_3",
    "al-5",
    "tg-b_strikethrough",
    "co-red",
    "lx-N20",
    "ly-bh_div_2",
    "rt-N45",
    "bg-11223344",
    "fl-h",
    "lap-center",
    "lm-cutout",
    "w-bw_div_3",
];

/// What opens, fills and closes blocks.
const BLOCKS: &[&str] = &[
    "l-image",
    "l-text",
    "l-end",
    "i-logo.png",
    "i-ik_canvas",
    "i-Hello%2C%20you",
    "ie-4KS54KS%2F4KSo4KWN4KSm4KWA",
    "lm-multiply",
    "lx-N20",
    "ly-bh_div_2",
    "lxc-5",
    "lfo-top",
    "lap-center",
    "fs-32",
    "ff-a@@b.ttf",
    "pa-1_2_3",
    "al-5",
    "tg-b_strikethrough",
    "if-w_gt_300_and_ar_lt_4-3_or_ih_eq_5",
    "if-else",
    "if-end",
    "co-red",
];

fn some_of(tokens: &'static [&'static str], at_most: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(select(tokens), 1..=at_most).prop_map(|tokens| tokens.join(","))
}

/// Tokens joined at random: mostly invalid.
fn random_text() -> impl Strategy<Value = String> {
    let known = prop_oneof![select(LOOK), select(DELIVERY), select(TEXT), select(BLOCKS)];
    let token = prop_oneof![6 => known.prop_map(str::to_owned), 1 => "[a-z]{1,3}-[^\\x00]{0,6}"];
    let separator = select([",", ",", ",", ":"].as_slice());
    proptest::collection::vec((token, separator), 1..8)
        .prop_map(|parts| {
            parts
                .into_iter()
                .flat_map(|(token, separator)| [token, separator.to_owned()])
                .collect::<String>()
        })
        .prop_map(|text| text.trim_end_matches([',', ':']).to_owned())
}

/// Balanced blocks: always valid.
fn valid_text() -> impl Strategy<Value = String> {
    let image =
        some_of(LOOK, 4).prop_map(|tokens| format!("l-image,i-logo.png,lx-5,{tokens}:w-5,l-end"));
    let text =
        some_of(TEXT, 4).prop_map(|tokens| format!("l-text,{tokens},ie-YSxi,lfo-top:r-5,l-end"));
    let layer = prop_oneof![image, text].boxed();
    let nested = layer
        .clone()
        .prop_map(|inner| format!("l-image,ie-aWtfY2FudmFz,al-3,bg-red,{inner},l-end"));
    // `z-2` keeps a lone parameter with an encoded comma from being decoded before it is split.
    let step = (
        some_of(LOOK, 4),
        some_of(DELIVERY, 2),
        prop_oneof![layer, nested, Just("z-2".to_owned())],
    )
        .prop_map(|(look, delivery, layer)| format!("{look},{layer},{delivery}"));
    let chain = proptest::collection::vec(step, 1..4)
        .prop_map(|steps| steps.join(":"))
        .boxed();
    (chain.clone(), chain, any::<bool>()).prop_map(|(then, otherwise, is_conditional)| {
        if is_conditional {
            format!("if-w_gt_300_or_iar_lt_1-3,{then},if-else,{otherwise},if-end")
        } else {
            then
        }
    })
}

fn assert_round_trip(text: &str) -> Result<bool, TestCaseError> {
    let Ok(transformation) = parse(text) else {
        return Ok(false);
    };
    let printed = transformation.to_string();
    let again = parse(&printed);
    prop_assert_eq!(
        again.as_ref(),
        Ok(&transformation),
        "{} printed as {}",
        text,
        printed
    );
    prop_assert_eq!(
        again.map(|again| again.to_string()),
        Ok(printed),
        "printing is canonical"
    );
    Ok(true)
}

#[test]
fn every_token_comes_back() {
    for token in LOOK.iter().chain(DELIVERY) {
        let transformation = parse(&format!("{token},w-70000")).expect(token);
        assert_eq!(
            parse(&transformation.to_string()).as_ref(),
            Ok(&transformation),
            "{token} printed as {transformation}"
        );
    }
}

#[test]
fn a_lone_encoded_separator_survives() {
    let transformation = parse("di-a%2Cb%3Ac.jpg,w-70000").unwrap();
    assert_eq!(transformation.default_image(), Some("a,b:c.jpg"));
    assert_eq!(parse(&transformation.to_string()), Ok(transformation));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn valid_texts_come_back(text in valid_text()) {
        prop_assert!(assert_round_trip(&text)?, "{} is valid: {:?}", text, parse(&text).err());
    }

    #[test]
    fn accepted_texts_come_back(text in random_text()) {
        assert_round_trip(&text)?;
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,300}") {
        assert_round_trip(&text)?;
        if let Ok(target) = target::parse(&format!("/{text}")) {
            for mount in [Mount::Account, Mount::Domain, Mount::Endpoint("shop")] {
                let resolved = target.resolve(mount, |prefix| prefix == "shop");
                if let Ok(resolved) = resolved {
                    drop((resolved.transformation(), resolved.file.decoded(), resolved.file.file_name()));
                    prop_assert!(resolved.file.as_raw().is_ascii());
                }
            }
        }
    }

    #[test]
    fn accepted_paths_hold_no_dot_segment_after_one_decoding(path in "(%2[eEfF]|\\.|/|a|%5[cC]|tr:w-1/|https:/){0,12}") {
        let resolved = target::parse(&format!("/demo/{path}")).map(|target| target.resolve(Mount::Account, |_| false));
        if let Ok(Ok(resolved)) = resolved {
            let decoded = resolved.file.decoded().unwrap_or_default();
            prop_assert!(decoded.split('/').all(|segment| segment != "." && segment != ".."), "{}", decoded);
            prop_assert!(!decoded.contains('\\'));
        }
    }
}
