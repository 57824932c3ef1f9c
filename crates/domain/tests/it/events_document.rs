//! `docs/EVENTS.md` names every kind of configuration event, and no other.

use std::path::PathBuf;

use limpid_domain::event::ConfigEvent;

#[test]
fn the_events_document_lists_exactly_the_kinds_that_exist() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/EVENTS.md");
    let document = std::fs::read_to_string(path).unwrap();
    let listed: Vec<&str> = document
        .lines()
        .skip_while(|line| *line != "| kind | stream | says |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('`').nth(1))
        .collect();
    assert_eq!(listed, ConfigEvent::KINDS);
}
