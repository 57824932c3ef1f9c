//! Hostile sizes: linear, bounded, below 10 ms (R123; `reliability.md` T133 to T135).

use std::time::{Duration, Instant};

use limpid_delivery_url::transformation::parse;
use limpid_delivery_url::{Mount, target};

const MAX_BYTES: usize = 64 * 1024;

/// The best of five, so that a busy machine does not decide.
fn fastest(text: &str) -> Duration {
    let runs = (0..5).map(|_| {
        let begun = Instant::now();
        drop(std::hint::black_box(parse(std::hint::black_box(text))));
        begun.elapsed()
    });
    runs.min().unwrap_or_default()
}

#[test]
fn no_text_takes_more_than_ten_milliseconds() {
    let unit_texts = [
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
    let prefixed = [
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
    let texts = unit_texts.iter().map(|unit| ("", *unit)).chain(prefixed);
    for (prefix, unit) in texts {
        let mut text = format!(
            "{prefix}{}",
            unit.repeat((MAX_BYTES - prefix.len()) / unit.len())
        );
        text.truncate(MAX_BYTES);
        let elapsed = fastest(&text);
        assert!(
            elapsed < Duration::from_millis(10),
            "{prefix}{unit}…: {elapsed:?}"
        );
    }
}

#[test]
fn longer_than_the_limit_is_refused_at_once() {
    assert!(
        parse(&"w-1,".repeat(MAX_BYTES))
            .unwrap_err()
            .sentence()
            .contains("65536")
    );
}

#[test]
fn steps_are_counted_across_branches_and_layers() {
    let steps = |count: usize| vec!["w-5"; count].join(":");
    assert!(parse(&steps(100)).is_ok());
    assert!(
        parse(&steps(101))
            .unwrap_err()
            .sentence()
            .contains("100 steps")
    );
    let split = format!("{}:l-image,i-a,{},l-end", steps(60), steps(60));
    assert!(parse(&split).is_err());
}

#[test]
fn steps_of_path_and_query_are_counted_together() {
    let target = format!("/demo/a.jpg?{}", vec!["tr=w-5:w-6"; 60].join("&"));
    let resolved = target::parse(&target)
        .unwrap()
        .resolve(Mount::Account, |_| false)
        .unwrap();
    assert!(
        resolved
            .transformation()
            .unwrap_err()
            .sentence()
            .contains("100 steps")
    );
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    assert!(parse(&"if-w_gt_1,".repeat(6000)).is_err());
    assert!(parse(&"l-image,i-a,".repeat(5000)).is_err());
}
