//! Serving and explaining never disagree: every reason of the table goes both ways over one running node, and the way of the
//! trace leaves nothing behind, neither event nor remembered failure nor count of a breaker.

mod cases;
mod contract;
mod stand_ins;
mod states;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::StreamExt;
use limpid_dashboard_api::commands::create_origin;
use limpid_domain::clock::Clock;
use limpid_domain::diagnosis::{DiagnosisAnswer, Explanation};
use limpid_domain::failure::Reason;
use limpid_domain::failure::reason::{NegativeTtl, TABLE};
use limpid_domain::origin::{OriginDraft, OriginSettings};
use limpid_origins::{BreakerLimits, DnsConfig};
use limpid_serving::ServingConfig;
use limpid_testkit::fault_matrix::{FaultyOrigin, Peers, Row, Surroundings, rows};

use crate::client::{self, Answer};
use crate::stack::{Node, Stack};
use crate::trace;

/// A node takes four questions at once.
const AT_ONCE: usize = 3;

/// Reasons that have a test of their own here, because they depend on more than one URL.
const IN_STATES: [Reason; 3] = [
    Reason::CircuitOpen,
    Reason::OriginConcurrencyLimit,
    Reason::ProcessingTimeout,
];

/// Reasons no trace ends with, and why.
const NO_TRACE_ENDS_WITH: [(Reason, &str); 2] = [
    (
        Reason::AccountNotFound,
        "an account traces its own URLs only; that of nobody is answered NotYours",
    ),
    (
        Reason::EncodeFailed,
        "no URL and no original makes an encoder fail: sides it cannot write are refused before (every_encoder_writes_the_longest_sides_it_is_asked_for), \
         what is too much for WebP within its sides is a limit (more_blocks_than_webp_can_describe_are_too_large_an_output), frames shown for too long are cut (a_frame_shown_for_hours_is_shown_for_as_long_as_a_format_can), formats only tried are left out; \
         asked all the same, one fails (what_an_encoder_cannot_write_is_its_failure)",
    ),
];

/// One URL that fails.
#[derive(Debug)]
struct Case {
    name: String,
    target: String,
    reason: Reason,
    /// Whether an origin was asked, or would have been.
    is_of_origin: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_misbehaviour_of_an_origin_is_served_and_explained_alike() {
    let clock = Clock::fixed(Clock::system().now());
    let stack = Stack::start_with(|config| adapt(config, &clock, &Surroundings::default())).await;
    let peers = Peers::start().await;
    let rows = rows();
    let mut cases = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let origin = peers.origin(row);
        let case = add_row(&stack, (number, row), &origin).await;
        cases.push((case, origin.surroundings));
    }
    stack.wait_for_version().await;
    let before = attempts(&stack).await;
    let served = AtomicI64::new(0);
    let (stack, served, clock) = (&stack, &served, &clock);
    let wrong: Vec<String> = futures::stream::iter(&cases)
        .map(|(case, around)| async move {
            if *around == Surroundings::default() {
                return disagreement(stack, stack.node.address, case, served).await;
            }
            // What a whole node must be told cannot be told to all of them.
            let directory = tempfile::tempdir().unwrap();
            let node = Node::start(own_config(stack, clock, (around, directory.path()))).await;
            let wrong = disagreement(stack, node.address, case, served).await;
            node.stop().await;
            wrong
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(|wrong| async move { wrong })
        .collect()
        .await;
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_nothing_else_was_recorded(stack, before, served).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failure_of_urls_and_pictures_is_served_and_explained_alike() {
    let clock = Clock::fixed(Clock::system().now());
    let stack = Stack::start_with(|config| adapt(config, &clock, &Surroundings::default())).await;
    let cases = cases::of_urls_and_pictures(&stack).await;
    let before = attempts(&stack).await;
    let served = AtomicI64::new(0);
    let (stack, served) = (&stack, &served);
    let wrong: Vec<String> = futures::stream::iter(&cases)
        .map(|case| disagreement(stack, stack.node.address, case, served))
        .buffer_unordered(AT_ONCE)
        .filter_map(|wrong| async move { wrong })
        .collect()
        .await;
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_nothing_else_was_recorded(stack, before, served).await;
    let strangers = trace::ask(stack, stack.node.address, "/nobody/a.jpg").await;
    assert_eq!(strangers, DiagnosisAnswer::NotYours);
    assert_eq!(
        stack.get("/nobody/a.jpg").await.header("ik-error-reason"),
        Reason::AccountNotFound.name()
    );
}

#[test]
fn every_reason_of_the_table_is_compared_or_named_with_why_not() {
    let by_rows = rows().into_iter().map(|row| row.reason.name());
    let by_cases = cases::REASONS.iter().map(|reason| reason.name());
    let by_states = IN_STATES.iter().map(|reason| reason.name());
    let compared: BTreeSet<&str> = by_rows.chain(by_cases).chain(by_states).collect();
    let never: BTreeSet<&str> = NO_TRACE_ENDS_WITH
        .iter()
        .map(|(reason, why)| {
            assert!(!why.is_empty());
            reason.name()
        })
        .collect();
    assert!(compared.is_disjoint(&never), "{never:?}");
    let all: BTreeSet<&str> = compared.union(&never).copied().collect();
    let table: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(all, table);
}

/// Adds the origin of a row and an endpoint of its own for it.
async fn add_row(stack: &Stack, (number, row): (usize, &Row), origin: &FaultyOrigin) -> Case {
    let draft = OriginDraft {
        settings: OriginSettings {
            name: format!("row {number}"),
            location: origin.location.clone(),
            include_canonical_header: false,
            base_url_for_canonical_header: None,
        },
        credentials: origin.credentials.clone(),
    };
    let created = create_origin(&stack.context(), stack.tenant_id(), draft).await;
    let prefix = format!("row{number}");
    stack.create_endpoint(&prefix, &[created.unwrap().id]).await;
    Case {
        name: row.id.clone(),
        target: format!("/demo/{prefix}/tr:w-30/{}", row.path()),
        reason: row.reason,
        is_of_origin: true,
    }
}

/// The configuration of a node with these surroundings.
fn adapt(config: &mut ServingConfig, clock: &Clock, around: &Surroundings) {
    config.clock = clock.clone();
    let origins = &mut config.origins;
    // Nearly every fetch here fails on purpose; the breaker has a test of its own.
    origins.breaker = BreakerLimits {
        min_failures: u32::MAX,
        ..BreakerLimits::default()
    };
    origins.extra_roots.extend(around.root.clone());
    if let Some(server) = around.name_server {
        origins.dns = DnsConfig {
            servers: vec![server],
            timeout: std::time::Duration::from_millis(300),
        };
    }
    let url = |text: &String| text.parse().unwrap();
    origins.azure_blob_endpoint = around.azure_blob_endpoint.as_ref().map(url);
    origins.google_storage_endpoint = around.google_storage_endpoint.as_ref().map(url);
    origins.google_token_endpoint = around.google_token_endpoint.as_ref().map(url);
    origins.total_timeout = around.total_timeout.unwrap_or(origins.total_timeout);
}

fn own_config(
    stack: &Stack,
    clock: &Clock,
    (around, directory): (&Surroundings, &std::path::Path),
) -> ServingConfig {
    let mut config = stack.config.clone();
    config.spool = limpid_event_store::spool::SpoolConfig::new(directory.join("spool"));
    config.snapshot_path = directory.join("snapshot");
    adapt(&mut config, clock, around);
    config
}

/// Explains, serves, explains again and serves again; what differs between them, if anything.
async fn disagreement(
    stack: &Stack,
    node: SocketAddr,
    case: &Case,
    served: &AtomicI64,
) -> Option<String> {
    let first = trace::explained(stack, node, &case.target).await;
    let answer = client::get(node, &case.target).await;
    let second = trace::explained(stack, node, &case.target).await;
    let repeat = client::get(node, &case.target).await;
    served.fetch_add(2, Ordering::Relaxed);
    let mut wrong = Vec::new();
    differences(&mut wrong, "the answer", case, &answer);
    wrong.extend(contract::of_answer(case, &answer));
    wrong.extend(contract::of_answer(case, &repeat));
    differences(&mut wrong, "the repeat", case, &repeat);
    for (which, explanation) in [("the trace before", &first), ("the trace after", &second)] {
        explained_otherwise(&mut wrong, which, case, (explanation, &answer));
    }
    if !answer.header("ik-error").is_empty() {
        for (answer, is_repeat) in [(&answer, false), (&repeat, is_remembered(case.reason))] {
            recorded_otherwise(&mut wrong, stack, case, (answer, is_repeat)).await;
        }
        let event = stack.event_of(&answer).await;
        wrong.extend(contract::of_trace(case, &first, &event));
    }
    let told = format!("requests are answered {}", case.reason.name());
    let tells = |explanation: &Explanation| {
        let mut steps = explanation.steps.iter();
        steps.any(|step| step.name.ends_with("negative cache") && step.detail.contains(&told))
    };
    if tells(&first) || tells(&second) != is_remembered(case.reason) {
        wrong.push("the traces do not tell what the negative cache holds".to_owned());
    }
    (!wrong.is_empty()).then(|| format!("{}: {}", case.name, wrong.join("; ")))
}

fn differences(wrong: &mut Vec<String>, which: &str, case: &Case, answer: &Answer) {
    let code = case.reason.code().as_str();
    let error = answer.header("ik-error");
    if !error.starts_with(&format!("{code} - ")) {
        wrong.push(format!("{which} is {}, {error:?}", answer.status));
    }
    if !answer.header("is-intermediate-response").is_empty() {
        wrong.push(format!("{which} is called intermediate"));
    }
    let told = answer.header("ik-error-reason");
    if told != case.reason.name() && !(told.is_empty() && case.name.contains("proxy")) {
        wrong.push(format!("{which} says {told:?} instead of {}", case.reason));
    }
}

fn explained_otherwise(
    wrong: &mut Vec<String>,
    which: &str,
    case: &Case,
    (explanation, answer): (&Explanation, &Answer),
) {
    if explanation.status != answer.status {
        wrong.push(format!("{which} says {}", explanation.status));
    }
    if explanation.reason.as_deref() != Some(case.reason.name()) {
        wrong.push(format!("{which} names {:?}", explanation.reason));
    }
    if explanation.ik_error.as_deref() != Some(answer.header("ik-error")) {
        wrong.push(format!("{which}: {:?}", explanation.ik_error));
    }
    for name in [
        "ik-error-reason",
        "proxy-status",
        "cache-control",
        "content-type",
        "etag",
    ] {
        let told = trace::header(explanation, name);
        if told != answer.header(name) {
            wrong.push(format!("{which} has {name}: {told}"));
        }
    }
    let failed = explanation.failed_step.map(|at| &explanation.steps[at]);
    if failed.is_none_or(|step| step.ok) {
        wrong.push(format!("{which} has no red step"));
    }
    if explanation
        .advice
        .as_ref()
        .is_none_or(|advice| advice.len() < 20)
    {
        wrong.push(format!("{which} advises nothing"));
    }
}

async fn recorded_otherwise(
    wrong: &mut Vec<String>,
    stack: &Stack,
    case: &Case,
    (answer, is_repeat): (&Answer, bool),
) {
    let event = stack.event_of(answer).await;
    if event.reason != case.reason || !event.headline {
        wrong.push(format!("the event says {}", event.reason));
    }
    if event.outcome != limpid_domain::failure::Outcome::Failed {
        wrong.push(format!("the event's outcome is {:?}", event.outcome));
    }
    wrong.extend(contract::of_event(case, &event, (answer, is_repeat)));
    let said = format!("{} - {}", event.reason.code(), event.message());
    if said != answer.header("ik-error") {
        wrong.push(format!("the event reads {said:?}"));
    }
    let note = event.detail.and_then(|detail| detail.note);
    let note = note.unwrap_or_default();
    if note.starts_with("repeated from the negative cache") != is_repeat {
        wrong.push(format!(
            "repeated: {is_repeat}, but the event's note is {note:?}"
        ));
    }
}

/// Whether the next request is answered alike from memory. Without origins there is nobody to spare.
fn is_remembered(reason: Reason) -> bool {
    reason != Reason::NoOriginAttached
        && reason.row().negative_ttl != NegativeTtl::For(std::time::Duration::ZERO)
}

/// Every attempt recorded so far.
async fn attempts(stack: &Stack) -> i64 {
    // The spool keeps their order: with the last one all are there.
    let last = stack.get("/demo/last.jpg?marker=1").await;
    stack.event_of(&last).await;
    stack.summary_of(None).await.attempts
}

async fn assert_nothing_else_was_recorded(stack: &Stack, before: i64, served: &AtomicI64) {
    let markers = 1;
    let expected = before + served.load(Ordering::Relaxed) + markers;
    assert_eq!(attempts(stack).await, expected, "a trace was recorded");
}
