//! The crash test: 100 000 failures while PostgreSQL is stopped twice and the program is killed with -9 once. Every failure a
//! client was told about is in the log exactly once, and every sum is the same number.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use limpid_testkit::database::TestCluster;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::instance::Instance;

/// Failures asked for.
const FAILURES: u64 = 100_000;
/// Connections that ask at once.
const CLIENTS: u64 = 48;
/// Different files asked for; the rest are repeats, which may be folded into events with `occurrences`.
const FILES: u64 = 40_000;

/// What the clients saw.
#[derive(Debug, Default)]
struct Seen {
    /// Events named by answers.
    events: HashSet<String>,
    /// Requests named by answers.
    requests: HashSet<String>,
    /// Answers with `ik-error`.
    answered: u64,
    /// Requests sent whose answer never came: each may or may not be recorded.
    unknown: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_failures_survive_two_outages_and_a_kill() {
    let mut postgres = TestCluster::start();
    let url = postgres.url().to_owned();
    let mut instance = Instance::with(&["--database-url", &url], &[("RUST_LOG", "warn")]);
    let progress = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(ask_many(instance.serving(), client, Arc::clone(&progress)));
    }

    reach(&progress, FAILURES * 15 / 100, &instance).await;
    postgres = off_the_runtime(postgres, TestCluster::stop).await;
    reach(&progress, FAILURES * 30 / 100, &instance).await;
    postgres = off_the_runtime(postgres, TestCluster::restart).await;
    reach(&progress, FAILURES * 45 / 100, &instance).await;
    postgres = off_the_runtime(postgres, TestCluster::crash).await;
    reach(&progress, FAILURES * 60 / 100, &instance).await;
    // A backlog is in the spool and nowhere else when the program dies.
    instance.kill();
    postgres = off_the_runtime(postgres, TestCluster::restart).await;
    instance.start_again();

    let mut seen = Seen::default();
    while let Some(part) = clients.join_next().await {
        let part = part.unwrap();
        seen.events.extend(part.events);
        seen.requests.extend(part.requests);
        seen.answered += part.answered;
        seen.unknown += part.unknown;
    }
    assert_eq!(seen.answered, FAILURES);
    assert_eq!(
        seen.requests.len() as u64,
        FAILURES,
        "each answer names a request of its own"
    );
    check(&instance, &url, &seen).await;
    assert!(instance.terminate().success(), "{}", instance.log());
    drop(postgres);
}

/// Asks for missing files until this client's share has been answered.
async fn ask_many(serving: SocketAddr, client: u64, progress: Arc<AtomicU64>) -> Seen {
    let mut seen = Seen::default();
    let mut connection = None;
    let mut number = client;
    while number < FAILURES {
        let Some(open) = &mut connection else {
            // Refused while the program is down: nothing was sent.
            connection = Connection::open(serving).await.ok();
            if connection.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            continue;
        };
        let request = format!(
            "GET /demo/missing/{}.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n",
            number % FILES
        );
        match open.ask(request.as_bytes()).await {
            Ok(answer) if answer.status == 404 => {
                assert!(
                    answer.header("ik-error").starts_with("ENOENT - "),
                    "{:?}",
                    answer.headers
                );
                seen.events.insert(answer.header("ik-event-id").to_owned());
                seen.requests
                    .insert(answer.header("ik-request-id").to_owned());
                seen.answered += 1;
                number += CLIENTS;
                progress.fetch_add(1, Ordering::Relaxed);
            }
            // Refused before any work, while the program starts or stops: asked again.
            Ok(answer) => assert_eq!(answer.status, 503, "{:?}", answer.headers),
            Err(_cut) => {
                seen.unknown += 1;
                connection = None;
            }
        }
    }
    seen
}

/// Compares what clients saw with every sum there is.
async fn check(instance: &Instance, database_url: &str, seen: &Seen) {
    let key = &instance.ready("/demo/private_key");
    // requests that were cut may have their events in frames that come last: wait until nothing comes any more
    let before = AtomicU64::new(0);
    let settled = |summary: &Value| {
        let now = summary["clientVisible"].as_u64().unwrap();
        let has_stopped = before.swap(now, Ordering::Relaxed) == now;
        has_stopped && now >= seen.answered && summary["meta"]["complete"] == true
    };
    let (summary, _) = instance.summary_when(key, settled).await;
    let recorded = summary["clientVisible"].as_u64().unwrap();
    assert!(
        recorded <= seen.answered + seen.unknown,
        "{recorded} recorded, {} answered, {} unknown",
        seen.answered,
        seen.unknown
    );
    assert_eq!(summary["byCode"][0]["count"], recorded);

    let mut occurrences = 0;
    let mut ids = HashSet::new();
    let mut cursor = String::new();
    loop {
        let path =
            format!("/dashboard/v1/origin-errors/events?from=now-1h&to=now&limit=200{cursor}");
        let page = instance.api(key, &path).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        for event in page["data"].as_array().unwrap() {
            assert_eq!(
                (&event["headline"], &event["outcome"]),
                (&Value::Bool(true), &Value::from("failed"))
            );
            assert!(
                ids.insert(event["id"].as_str().unwrap().to_owned()),
                "an event twice"
            );
            occurrences += event["occurrences"].as_u64().unwrap();
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(occurrences, recorded, "single events and counts agree");
    let lost: Vec<&String> = seen.events.difference(&ids).take(5).collect();
    assert!(
        lost.is_empty(),
        "events that answers named and the log lacks: {lost:?}"
    );

    // Events, hourly counts and ledger, compared by the program's own proof.
    let verified = instance.command(&["verify", "--database-url", database_url]);
    let text = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(
        verified.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&verified.stderr)
    );
    assert!(
        text.contains(&format!("for {recorded} failures; by the counts")),
        "{text}"
    );
}

/// Waits until so many failures were answered.
async fn reach(progress: &AtomicU64, wanted: u64, instance: &Instance) {
    let mut before = 0;
    let mut idle = Duration::ZERO;
    let pause = Duration::from_millis(10);
    loop {
        let now = progress.load(Ordering::Relaxed);
        if now >= wanted {
            return;
        }
        idle = if now == before {
            idle + pause
        } else {
            Duration::ZERO
        };
        assert!(
            idle < Duration::from_mins(1),
            "stuck at {now}:\n{}",
            instance.log()
        );
        before = now;
        tokio::time::sleep(pause).await;
    }
}

/// Runs something that blocks on a thread of its own, so that the clients go on.
pub(crate) async fn off_the_runtime(
    mut postgres: TestCluster,
    change: impl FnOnce(&mut TestCluster) + Send + 'static,
) -> TestCluster {
    let (done, changed) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        change(&mut postgres);
        done.send(postgres).unwrap();
    });
    changed.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_started_while_its_database_is_away_serves_and_records() {
    let mut postgres = TestCluster::start();
    let url = postgres.url().to_owned();
    let mut instance = Instance::with(&["--database-url", &url], &[("RUST_LOG", "warn")]);
    let image = instance.get("/demo/tr:w-40/cat.jpg").await;
    assert_eq!(image.status, 200);
    instance.kill();
    postgres = off_the_runtime(postgres, TestCluster::crash).await;

    instance.spawn();
    let image = instance.get_when_listening("/demo/tr:w-50/cat.jpg").await;
    assert_eq!(image.status, 200, "{}", instance.log());
    let failed = instance.get("/demo/missing.jpg").await;
    assert_eq!(failed.header("ik-error-reason"), "object_not_found");

    postgres = off_the_runtime(postgres, TestCluster::restart).await;
    instance.wait_until_ready();
    let key = instance.ready("/demo/private_key");
    instance
        .summary_when(&key, |summary| summary["clientVisible"] == 1)
        .await;
    assert!(instance.terminate().success(), "{}", instance.log());
    drop(postgres);
}
