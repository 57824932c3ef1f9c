//! The fault matrix: what can go wrong at an origin × what it is called, whether it is repeated, how long it may take.
//!
//! Every row is a real peer on loopback. Together the rows reach every reason a fetch can end with; the reasons of the table
//! that they do not reach are listed with who reaches them, and a reason that is in neither list fails the test.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use limpid_domain::failure::Reason;
use limpid_domain::failure::reason::TABLE;
use limpid_origins::DnsConfig;
use limpid_testkit::fault_matrix::{Peers, Row, rows};

use crate::fetching::{Fetching, config};

/// Reasons no fetch ends with, or not on its first try, and the tests that reach them from a real socket.
const ELSEWHERE: [(Reason, &str); 20] = [
    (
        Reason::AccountNotFound,
        "services/serving/tests/it/failures.rs",
    ),
    (
        Reason::NoOriginAttached,
        "services/serving/tests/it/failures.rs",
    ),
    (Reason::CircuitOpen, "tests/it/breaker.rs"),
    (Reason::OriginConcurrencyLimit, "tests/it/connections.rs"),
    (
        Reason::SourceResolutionTooLarge,
        "services/serving/tests/it/bad_input.rs",
    ),
    (
        Reason::TooManyFrames,
        "services/serving/tests/it/bad_input.rs",
    ),
    (
        Reason::OutputTooLarge,
        "services/serving/tests/it/bad_input.rs",
    ),
    (
        Reason::ProcessingTimeout,
        "services/serving/tests/it/bad_input.rs",
    ),
    (Reason::NotAnImage, "services/serving/tests/it/bad_input.rs"),
    (
        Reason::FormatUnsupported,
        "services/serving/tests/it/bad_input.rs",
    ),
    (
        Reason::ImageTruncated,
        "services/serving/tests/it/bad_input.rs",
    ),
    (
        Reason::ImageCorrupt,
        "services/serving/tests/it/bad_input.rs",
    ),
    (
        Reason::SvgRejected,
        "services/serving/tests/it/bad_input.rs",
    ),
    (Reason::EncodeFailed, "crates/imaging, the encoders"),
    (
        Reason::LayerInputNotFound,
        "services/serving/tests/it/layers.rs",
    ),
    (Reason::Internal, "tests/it/secrets.rs"),
    (Reason::HostNotAllowed, "tests/it/guard.rs"),
    (Reason::PortNotAllowed, "tests/it/guard.rs"),
    (Reason::SchemeNotAllowed, "tests/it/guard.rs"),
    (Reason::AddressProhibited, "tests/it/guard.rs"),
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
    let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|(reason, _)| reason.name()).collect();
    let both: Vec<_> = by_rows.intersection(&elsewhere).collect();
    assert!(
        both.is_empty(),
        "reached by a row, so no longer elsewhere: {both:?}"
    );
    let reached: BTreeSet<&str> = by_rows.union(&elsewhere).copied().collect();
    let table: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(reached, table);
    for (reason, place) in ELSEWHERE {
        let Some(file) = place.strip_suffix(".rs") else {
            continue;
        };
        let near = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        let far = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
        let exists = [near, far]
            .iter()
            .any(|root| std::path::Path::new(&format!("{root}{file}.rs")).exists());
        assert!(exists, "{reason}: {place}");
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
