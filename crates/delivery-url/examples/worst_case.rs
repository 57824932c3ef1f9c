//! The longest time that reading one transformation took, over texts made to be expensive.
//!
//! `cargo run --release -p limpid-delivery-url --example worst_case`

#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::time::{Duration, Instant};

use limpid_delivery_url::transformation::parse;

#[path = "../tests/it/adversarial.rs"]
mod adversarial;

/// Of each text the best of so many runs, so that a busy machine does not decide.
const RUNS: u32 = 20;

fn fastest(text: &str) -> Duration {
    let runs = (0..RUNS).map(|_| {
        let begun = Instant::now();
        drop(std::hint::black_box(parse(std::hint::black_box(text))));
        begun.elapsed()
    });
    runs.min().unwrap_or_default()
}

fn main() {
    for bytes in [16 * 1024, 64 * 1024] {
        let mut times: Vec<(Duration, String)> = adversarial::texts(bytes)
            .map(|(unit, text)| (fastest(&text), unit))
            .collect();
        times.sort();
        println!("{bytes} bytes, the slowest five:");
        for (time, unit) in times.iter().rev().take(5) {
            println!("  {time:>10.1?}  {unit}…");
        }
    }
}
