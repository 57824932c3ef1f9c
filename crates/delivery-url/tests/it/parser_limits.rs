//! Hostile sizes: linear and bounded (R123; `reliability.md` T133 to T135).

use limpid_delivery_url::transformation::parse;
use limpid_delivery_url::{Mount, target};

use crate::adversarial::texts;

const MAX_BYTES: usize = 64 * 1024;

/// A refusal's own texts, which do not grow.
const MAX_REFUSAL_BYTES: u64 = 4096;

/// Most memory that is allocated per byte of text, altogether. The dearest unit is a layer: 18 bytes that become a layer of some
/// hundred bytes in a list that doubles.
const MAX_BYTES_PER_BYTE: u64 = 200;

/// What reading `text` allocates, altogether. Units: bytes.
fn allocated(text: &str) -> u64 {
    let read = || drop(std::hint::black_box(parse(std::hint::black_box(text))));
    allocation_counter::measure(read).bytes_total
}

/// Counted, not timed, so that a busy machine does not decide: four times the text may cost four times the memory and, where a
/// list doubles as it grows, a step more. A quadratic reader needs sixteen times. `examples/worst_case.rs` measures the time.
#[test]
fn no_text_costs_more_than_its_length_says() {
    let quarter: Vec<u64> = texts(MAX_BYTES / 4)
        .map(|(_, text)| allocated(&text))
        .collect();
    for ((unit, text), quarter) in texts(MAX_BYTES).zip(quarter) {
        let whole = allocated(&text);
        assert!(
            whole <= 6 * quarter.max(MAX_REFUSAL_BYTES),
            "{unit}…: {quarter} B of memory for 16 KiB, {whole} B for 64 KiB"
        );
        assert!(
            whole <= MAX_BYTES_PER_BYTE * MAX_BYTES as u64,
            "{unit}…: {whole} B of memory for 64 KiB"
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
