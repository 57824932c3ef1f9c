//! Every operation as a small picture that was looked at once and must stay as it was.
//!
//! `tests/it/golden/operations.tsv` names the picture, its source and what is done to it. After a change that is meant,
//! `LIMPID_UPDATE_GOLDEN=1 cargo test --release -p limpid-imaging golden` writes the pictures anew; look at them, and at
//! `docs/pictures/operations.png`, before they are committed.

use std::{fs, path::PathBuf};

use image::RgbaImage;

use crate::{
    asked::made,
    pictures::{difference, look_at},
};

/// Per channel. The resizer's arithmetic differs between instruction sets by a level, and steps after it amplify that.
const LARGEST_DIFFERENCE: u8 = 12;
/// Mean over all channels. A shift by half a pixel is ten times this.
const MEAN_DIFFERENCE: f64 = 0.5;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/golden"))
}

fn operations() -> Vec<(String, String, String)> {
    let table = fs::read_to_string(folder().join("operations.tsv")).unwrap();
    let rows = table.lines().map(|row| {
        let mut fields = row.split('\t').map(str::to_owned);
        let mut next = || fields.next().unwrap();
        (next(), next(), next())
    });
    rows.collect()
}

fn compared(name: &str, found: &RgbaImage, golden: &RgbaImage) -> Option<String> {
    if found.dimensions() != golden.dimensions() {
        return Some(format!(
            "{name}: {:?}, not {:?}",
            found.dimensions(),
            golden.dimensions()
        ));
    }
    let mean = difference(found, golden);
    let pairs = found.as_raw().iter().zip(golden.as_raw());
    let largest = pairs
        .map(|(found, golden)| found.abs_diff(*golden))
        .max()
        .unwrap_or(0);
    (mean > MEAN_DIFFERENCE || largest > LARGEST_DIFFERENCE)
        .then(|| format!("{name}: differs by {mean:.3} in the mean and {largest} at most"))
}

#[test]
fn every_operation_looks_as_its_golden_picture_does() {
    let is_update = std::env::var_os("LIMPID_UPDATE_GOLDEN").is_some();
    let mut failures = Vec::new();
    for (name, source, asked) in operations() {
        let source = fs::read(folder().join(format!("source/{source}.png"))).unwrap();
        let found = made(&source, &asked);
        let path = folder().join(format!("{name}.png"));
        if is_update {
            found.save(&path).unwrap();
        }
        let golden = look_at(&fs::read(&path).unwrap());
        failures.extend(compared(&name, &found, &golden));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn no_golden_picture_is_left_over() {
    let names: Vec<String> = operations().into_iter().map(|(name, _, _)| name).collect();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "png") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(
                names.contains(&name),
                "{name} is in no row of operations.tsv"
            );
        }
    }
}
