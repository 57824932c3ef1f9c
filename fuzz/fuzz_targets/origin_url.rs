//! An origin's settings, a path and a query.

#![no_main]

#[expect(dead_code, reason = "each target has one of them")]
#[path = "../properties/origins.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|text: &str| properties::origin_url(text));
