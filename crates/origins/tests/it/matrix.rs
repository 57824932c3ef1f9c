//! The fault matrix: what can go wrong at an origin × what it is called, whether it is repeated, how long it may take.
//!
//! Every row is a real peer on loopback. Together the rows reach every reason a fetch can end with; the reasons of the table
//! that they do not reach are listed with who reaches them, and a reason that is in neither list fails the test.
#![expect(
    clippy::string_slice,
    reason = "positions were found in the text itself"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use limpid_domain::failure::Reason;
use limpid_domain::failure::reason::TABLE;
use limpid_origins::DnsConfig;
use limpid_testkit::fault_matrix::{Peers, Row, rows};

use crate::fetching::{Fetching, config};

/// Reasons no fetch ends with, or not on its first try, and who reaches them: file, test (whose text names the reason).
const ELSEWHERE: [(Reason, &str, &str); 20] = [
    (
        Reason::AccountNotFound,
        "services/serving/tests/it/failures.rs",
        "an_endpoint_without_origins_and_an_unknown_account_are_enoent",
    ),
    (
        Reason::NoOriginAttached,
        "services/serving/tests/it/failures.rs",
        "an_endpoint_without_origins_and_an_unknown_account_are_enoent",
    ),
    (
        Reason::CircuitOpen,
        "crates/origins/tests/it/breaker.rs",
        "an_open_breaker_asks_nobody_and_says_when_it_will",
    ),
    (
        Reason::OriginConcurrencyLimit,
        "crates/origins/tests/it/connections.rs",
        "no_more_fetches_run_at_an_origin_than_it_may_bear",
    ),
    (
        Reason::SourceResolutionTooLarge,
        "services/serving/tests/it/bad_input.rs",
        "a_bomb_of_a_picture_is_refused_by_its_header",
    ),
    (
        Reason::TooManyFrames,
        "services/serving/tests/it/unusable_pictures.rs",
        "an_animation_of_too_many_pixels_in_all_frames_is_refused_by_its_header",
    ),
    (
        Reason::OutputTooLarge,
        "services/serving/tests/it/failures.rs",
        "limits_answer_400_and_end_the_search",
    ),
    (
        Reason::ProcessingTimeout,
        "services/serving/tests/it/unusable_pictures.rs",
        "pixels_that_take_longer_than_allowed_are_stopped",
    ),
    (
        Reason::NotAnImage,
        "services/serving/tests/it/failures.rs",
        "every_misbehaviour_of_the_zoo_has_its_code_and_its_event",
    ),
    (
        Reason::FormatUnsupported,
        "services/serving/tests/it/drawings.rs",
        "a_gif_moves_as_webp_and_stands_still_as_a_thumbnail",
    ),
    (
        Reason::ImageTruncated,
        "services/serving/tests/it/failures.rs",
        "every_misbehaviour_of_the_zoo_has_its_code_and_its_event",
    ),
    (
        Reason::ImageCorrupt,
        "services/serving/tests/it/unusable_pictures.rs",
        "a_picture_without_height_is_corrupt",
    ),
    (
        Reason::SvgRejected,
        "services/serving/tests/it/drawings.rs",
        "a_malformed_or_too_large_svg_says_so",
    ),
    (
        Reason::EncodeFailed,
        "services/serving/src/picture.rs",
        "a_picture_that_cannot_be_written_is_the_platforms_failure",
    ),
    (
        Reason::LayerInputNotFound,
        "services/serving/tests/it/layers.rs",
        "a_missing_layer_is_not_found_and_recorded_by_its_name",
    ),
    (
        Reason::Internal,
        "crates/origins/tests/it/secrets.rs",
        "credentials_that_cannot_be_opened_are_our_failure_and_nobody_is_asked",
    ),
    (
        Reason::HostNotAllowed,
        "crates/origins/tests/it/guard.rs",
        "schemes_ports_and_user_info_are_refused_without_a_question",
    ),
    (
        Reason::PortNotAllowed,
        "crates/origins/tests/it/guard.rs",
        "schemes_ports_and_user_info_are_refused_without_a_question",
    ),
    (
        Reason::SchemeNotAllowed,
        "crates/origins/tests/it/guard.rs",
        "schemes_ports_and_user_info_are_refused_without_a_question",
    ),
    (
        Reason::AddressProhibited,
        "crates/origins/tests/it/guard.rs",
        "no_spelling_of_a_prohibited_address_passes_a_redirect",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_misbehaviour_has_its_code_reason_repeats_and_time() {
    let peers = Peers::start().await;
    let rows = rows();
    assert!(rows.len() >= 60, "only {} rows", rows.len());
    let wrong: Vec<String> = futures::stream::iter(&rows)
        .map(|row| check(&peers, row))
        .buffer_unordered(6)
        .filter_map(|wrong| async move { wrong })
        .collect()
        .await;
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_reason_of_the_table_is_reached_by_a_row_or_named_with_who_reaches_it() {
    let by_rows: BTreeSet<&str> = rows().iter().map(|row| row.reason.name()).collect();
    let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|(reason, ..)| reason.name()).collect();
    let both: Vec<_> = by_rows.intersection(&elsewhere).collect();
    assert!(
        both.is_empty(),
        "reached by a row, so no longer elsewhere: {both:?}"
    );
    let reached: BTreeSet<&str> = by_rows.union(&elsewhere).copied().collect();
    let table: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(reached, table);
}

#[test]
fn who_is_named_to_reach_a_reason_asserts_it() {
    for (reason, file, test) in ELSEWHERE {
        let path = format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(&path).unwrap();
        assert!(asserts(&source, test, reason), "{reason}: {test} in {file}");
    }
}

/// Whether a test of a file names a reason, itself or in a table of that file which it reads.
fn asserts(source: &str, test: &str, reason: Reason) -> bool {
    let Some((before, body)) = item(source, &format!("fn {test}()")) else {
        return false;
    };
    let is_test = before
        .lines()
        .rev()
        .take_while(|line| {
            line.starts_with("#[") || line.trim_start().starts_with("#[") || line.trim().is_empty()
        })
        .any(|line| line.contains("test"));
    let quoted = format!("\"{}\"", reason.name());
    let variant = format!("Reason::{reason:?}");
    let names = |text: &str| {
        text.contains(&quoted)
            || text.match_indices(&variant).any(|(at, _)| {
                let after = text[at + variant.len()..].chars().next();
                !after.is_some_and(char::is_alphanumeric)
            })
    };
    let tables = source
        .match_indices("\nconst ")
        .filter_map(|(at, _)| source[at + 7..].split_once(':'))
        .map(|(name, _)| name)
        .filter(|name| body.contains(name));
    let in_table =
        |name: &str| item(source, &format!("const {name}:")).is_some_and(|(_, table)| names(table));
    is_test && (names(body) || tables.into_iter().any(in_table))
}

/// What stands before an item of a formatted file, and the item: to the first line that ends it at its own indentation.
fn item<'a>(source: &'a str, head: &str) -> Option<(&'a str, &'a str)> {
    let at = source.find(head)?;
    let line = source[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let indentation: String = source[line..].chars().take_while(|c| *c == ' ').collect();
    let rest = &source[line..];
    let ends = ["}\n", "];\n"].map(|end| rest.find(&format!("\n{indentation}{end}")));
    let end = ends.into_iter().flatten().min().unwrap_or(rest.len());
    Some((&source[..line], &rest[..end]))
}

#[test]
fn a_test_that_does_not_name_its_reason_asserts_nothing() {
    let source = "#[test]\nfn one() {\n    assert!(\"not_an_image\");\n}\n\n#[test]\nfn two() {\n    all(TABLE);\n}\n\nconst TABLE: [&str; 1] = [\n    \"body_empty\",\n];\n\nfn three() {\n    Reason::BodyEmpty;\n}\n";
    assert!(asserts(source, "one", Reason::NotAnImage));
    assert!(asserts(source, "two", Reason::BodyEmpty));
    for (test, reason) in [
        ("one", Reason::BodyEmpty),
        ("two", Reason::NotAnImage),
        ("three", Reason::BodyEmpty),
        ("four", Reason::BodyEmpty),
    ] {
        assert!(!asserts(source, test, reason), "{test}");
    }
}

/// What is wrong about a row, if anything.
async fn check(peers: &Peers, row: &Row) -> Option<String> {
    let fetching = fetching(peers, row);
    let ended = fetching.get(&row.path()).await;
    let failed = match ended.result {
        Err(failed) => failed,
        Ok(original) => {
            return Some(format!(
                "{}: fetched {} bytes",
                row.id,
                original.bytes.len()
            ));
        }
    };
    let mut wrong = Vec::new();
    if failed.reason != row.reason {
        wrong.push(format!("{} instead of {}", failed.reason, row.reason));
    }
    if failed.reason.code().as_str() != row.code {
        wrong.push(format!(
            "{} instead of {}",
            failed.reason.code().as_str(),
            row.code
        ));
    }
    if failed.retries != row.repeats {
        wrong.push(format!(
            "{} repeats instead of {}",
            failed.retries, row.repeats
        ));
    }
    if ended.took > Duration::from_secs(row.seconds) {
        wrong.push(format!(
            "took {:?}, allowed are {} s",
            ended.took, row.seconds
        ));
    }
    if failed.note.is_none() && failed.limit.is_none() {
        wrong.push("nothing for people to read".to_owned());
    }
    (!wrong.is_empty()).then(|| format!("{}: {} ({:?})", row.id, wrong.join(", "), failed.note))
}

/// The origin of a row, with a fetcher of its own: no kept connection, no remembered token.
fn fetching(peers: &Peers, row: &Row) -> Fetching {
    let origin = peers.origin(row);
    let around = origin.surroundings;
    let mut config = config();
    config.extra_roots.extend(around.root);
    if let Some(server) = around.name_server {
        config.dns = DnsConfig {
            servers: vec![server],
            timeout: Duration::from_millis(300),
        };
    }
    let url = |text: String| text.parse().unwrap();
    config.azure_blob_endpoint = around.azure_blob_endpoint.map(url);
    config.google_storage_endpoint = around.google_storage_endpoint.map(url);
    config.google_token_endpoint = around.google_token_endpoint.map(url);
    config.total_timeout = around.total_timeout.unwrap_or(config.total_timeout);
    let mut fetching = Fetching::with_config(origin.location, config);
    fetching.credentials = origin.credentials;
    fetching
}
