//! `docs/CHECKLIST.md` names tests that exist.

use cargo_metadata::MetadataCommand;

/// The requirements that must have a row.
fn required() -> Vec<String> {
    let numbers = (1..=66).chain(101..=102).chain(111..=179);
    numbers.map(|number| format!("R{number}")).collect()
}

#[test]
fn every_requirement_of_the_checklist_names_tests_that_exist() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let root = metadata.workspace_root.as_std_path();
    let document = std::fs::read_to_string(root.join("docs/CHECKLIST.md")).unwrap();
    let rows: Vec<Vec<&str>> = document
        .lines()
        .filter(|line| line.starts_with("| R"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let ids: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(ids, required());
    for row in rows {
        let named: Vec<&str> = row[2].split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{}", row[0]);
        for name in named {
            let (file, test) = name.split_once("::").unwrap();
            let source = std::fs::read_to_string(root.join(file));
            let source = source.unwrap_or_else(|error| panic!("{}: {file}: {error}", row[0]));
            assert!(
                source.contains(&format!("fn {test}(")),
                "{}: {file} has no test {test}",
                row[0]
            );
        }
    }
}
