//! The seeds of the fuzz targets, among them every input that once failed.

use std::path::PathBuf;

#[expect(clippy::indexing_slicing, reason = "a property fails by panicking")]
#[path = "../../../../fuzz/properties/origins.rs"]
mod properties;

fn check(target: &str, holds: fn(&[u8])) {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let mut checked = 0;
    for entry in std::fs::read_dir(directory.join(target)).unwrap() {
        holds(&std::fs::read(entry.unwrap().path()).unwrap());
        checked += 1;
    }
    assert!(checked >= 10, "{target}: only {checked} seeds");
}

#[test]
fn seeds_of_requests_to_origins_hold() {
    check("origin_url", |bytes| {
        // As the target reads it: up to what is no text.
        let text = bytes.utf8_chunks().next();
        properties::origin_url(text.map_or("", |chunk| chunk.valid()));
    });
}

#[test]
fn seeds_of_refusals_of_providers_hold() {
    check("provider_error", properties::provider_error);
}

#[test]
fn seeds_of_redirects_hold() {
    check("redirect", properties::redirect);
}

#[test]
fn seeds_of_content_encodings_hold() {
    check("content_encoding", properties::content_encoding);
}
