//! `docs/CHECKLIST.md` and the table of crashes in `docs/EVENTS.md` name tests that exist.

use std::path::PathBuf;

use cargo_metadata::MetadataCommand;

/// The requirements that must have a row.
fn required() -> Vec<String> {
    let numbers = (1..=66).chain(101..=102).chain(111..=179);
    numbers.map(|number| format!("R{number}")).collect()
}

#[test]
fn every_requirement_of_the_checklist_names_tests_that_exist() {
    let rows = rows_of("docs/CHECKLIST.md", &["| R"]);
    assert_eq!(ids(&rows), required());
    assert_tests_exist(&rows);
}

#[test]
fn every_crash_of_the_reliability_design_names_tests_that_exist() {
    let rows = rows_of(
        "docs/EVENTS.md",
        &["| C1", "| C2", "| C3", "| C4", "| C5", "| C6", "| T2"],
    );
    let crashes = [1, 2, 3, 4, 5, 6, 13, 18].map(|number| format!("C{number}"));
    let rest = (201..=214).map(|number| format!("T{number}"));
    let expected: Vec<String> = crashes.into_iter().chain(rest).collect();
    assert_eq!(ids(&rows), expected);
    assert_tests_exist(&rows);
}

fn root() -> PathBuf {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    metadata.workspace_root.into_std_path_buf()
}

/// The cells of the rows that begin so.
fn rows_of(document: &str, beginnings: &[&str]) -> Vec<Vec<String>> {
    let document = std::fs::read_to_string(root().join(document)).unwrap();
    let lines = document.lines();
    let wanted = lines.filter(|line| beginnings.iter().any(|begin| line.starts_with(begin)));
    wanted
        .map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

fn ids(rows: &[Vec<String>]) -> Vec<&str> {
    let ids = rows.iter().map(|row| row.first().unwrap().as_str());
    ids.collect()
}

/// The last cell of each row names at least one test, and all of them exist.
fn assert_tests_exist(rows: &[Vec<String>]) {
    let root = root();
    for (row, id) in rows.iter().zip(ids(rows)) {
        let named: Vec<&str> = row.last().unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{id}");
        for name in named {
            let (file, test) = name.split_once("::").unwrap();
            let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            assert!(
                source.contains(&format!("fn {test}(")),
                "{id}: {file} has no test {test}"
            );
        }
    }
}
