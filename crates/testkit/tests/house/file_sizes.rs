//! Files stay short enough to be read whole.

use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;

/// Source: quickwit's cap for new files, halved in spirit by our style sheet (250 usual).
const MAX_LINES: usize = 600;

/// Every Rust file of ours below `root`.
pub(crate) fn source_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["crates", "services", "dashboard-api"]
        .iter()
        .map(|name| root.join(name))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && name != "node_modules" && name != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(
        found.len() > 50,
        "looked in the wrong place: {}",
        root.display()
    );
    found
}

#[test]
fn no_source_file_is_longer_than_600_lines() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    for path in source_files(metadata.workspace_root.as_std_path()) {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(
            lines <= MAX_LINES,
            "{} has {lines} lines: split it by noun",
            path.display()
        );
    }
}
