//! A refusal of a provider or a web server.

#![no_main]

#[expect(dead_code, reason = "each target has one of them")]
#[path = "../properties/origins.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::provider_error(bytes));
