//! The seeds of the fuzz targets, among them every input that once failed.

use std::path::PathBuf;

#[path = "../../../../fuzz/properties/delivery_url.rs"]
mod properties;

fn check(target: &str, holds: fn(&str)) {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let mut checked = 0;
    for entry in std::fs::read_dir(directory.join(target)).expect(target) {
        let path = entry.expect(target).path();
        let bytes = std::fs::read(path).expect(target);
        if let Ok(text) = std::str::from_utf8(&bytes) {
            holds(text);
            checked += 1;
        }
    }
    assert!(checked >= 3, "{target}: only {checked} seeds");
}

#[test]
fn seeds_of_targets_hold() {
    check("request_target", properties::request_target);
}

#[test]
fn seeds_of_transformations_hold() {
    check("transformation", properties::transformation);
}

#[test]
fn seeds_of_rewriters_hold() {
    check("rewriter", properties::rewriter);
}

#[test]
fn seeds_of_signatures_hold() {
    check("signature", properties::signature);
}
