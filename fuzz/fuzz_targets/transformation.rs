//! A transformation.

#![no_main]

#[expect(dead_code, reason = "each target has one of them")]
#[path = "../properties/delivery_url.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|text: &str| properties::transformation(text));
