//! Texts made to be expensive: many tokens, deep nesting, long values, at any length.

/// What is said over and over from the beginning.
const UNITS: &[&str] = &[
    ",",
    ":",
    "(",
    "%",
    "%2C",
    "%25",
    "-",
    "_",
    "@@",
    "w-1,",
    "w-1:",
    "w-70000:",
    "l-image,",
    "l-image,i-a,",
    "l-text,i-a,",
    "l-end,",
    "if-w_gt_1,",
    "if-end,",
    "if-else,",
    "w-iw_div_2,",
    "é",
    "e-shadow,",
    "foo,",
    "l-image,i-a,l-end,",
];

/// A beginning, and what is said over and over after it.
const PREFIXED: &[(&str, &str)] = &[
    ("w-iw", "_add_1"),
    ("if-w_gt_1", "_and_w_gt_1"),
    ("fo-person", "_car"),
    ("e-gradient-from-red", "_"),
    ("e-gradient-", "_sp-1"),
    ("e-usm", "-1"),
    ("r-1", "_1"),
    ("pg-1", "_1"),
    ("pg-name-", "\"a\"_"),
    ("l-text,i-a,pa-1", "_1"),
    ("l-text,ie-", "YWFh"),
    ("l-text,i-", " "),
    ("di-", "a@@"),
    ("w-", "9"),
    ("w-0.", "9"),
    ("e-distort-p-1", "_1"),
    ("bg-", "F"),
    ("cr-red", "_1"),
    ("e-shadow-bl-1", "_bl-1"),
    ("e-colorize-co-red", "_co-red"),
    ("z", "y"),
    ("e-z", "y"),
];

/// Each text, `bytes` long, with the unit it is made of.
pub(crate) fn texts(bytes: usize) -> impl Iterator<Item = (String, String)> {
    let plain = UNITS.iter().map(|unit| ("", *unit));
    plain
        .chain(PREFIXED.iter().copied())
        .map(move |(prefix, unit)| {
            let times = (bytes - prefix.len()) / unit.len();
            (
                format!("{prefix}{unit}"),
                format!("{prefix}{}", unit.repeat(times)),
            )
        })
}
