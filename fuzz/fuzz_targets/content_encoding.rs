//! A body with declared encodings.

#![no_main]

#[expect(dead_code, reason = "each target has one of them")]
#[path = "../properties/origins.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::content_encoding(bytes));
