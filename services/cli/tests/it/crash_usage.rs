//! What a killed program leaves of the requests it counted: everything it answered is counted once, or lies in a stretch of time of which
//! answers say that something may be missing. And what a program that is told to stop leaves: everything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::clock::Clock;
use limpid_testkit::database::TestCluster;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::crash::off_the_runtime;
use crate::instance::Instance;

/// Connections that ask at once.
const CLIENTS: usize = 4;
/// Answers before something happens to the program: some seconds, which is longer than what it may lose and shorter than it takes to its
/// next flush.
const ANSWERS: u64 = 4_000;
/// Longest time before its end of which a killed program may lose something: a second, and patience for a machine with other work.
const MOST_LOST: TimeDelta = TimeDelta::seconds(3);
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(10);

/// When answers came, and how many requests got none: each may or may not be counted.
#[derive(Debug, Default)]
struct Seen {
    answered: Vec<DateTime<Utc>>,
    unknown: usize,
}

/// Clients that ask for one path, over and over, until told to stop.
struct Clients {
    set: JoinSet<Seen>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
}

impl Clients {
    fn start(serving: SocketAddr, path: &'static str) -> Self {
        let (stop, answered) = (Arc::default(), Arc::default());
        let mut set = JoinSet::new();
        for _ in 0..CLIENTS {
            let shared = (Arc::clone(&stop), Arc::clone(&answered));
            set.spawn(ask_on(serving, path, shared));
        }
        Self {
            set,
            stop,
            answered,
        }
    }

    /// Waits for so many answers more.
    async fn go_on(&self, answers: u64) {
        let began = Instant::now();
        let wanted = self.answered.load(Ordering::Relaxed) + answers;
        while self.answered.load(Ordering::Relaxed) < wanted {
            assert!(began.elapsed() < PATIENCE, "no answers any more");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn finish(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let mut seen = Seen::default();
        while let Some(part) = self.set.join_next().await {
            let part = part.unwrap();
            seen.answered.extend(part.answered);
            seen.unknown += part.unknown;
        }
        seen
    }
}

async fn ask_on(
    serving: SocketAddr,
    path: &str,
    (stop, answered): (Arc<AtomicBool>, Arc<AtomicU64>),
) -> Seen {
    let mut seen = Seen::default();
    let mut connection = None;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    while !stop.load(Ordering::Relaxed) {
        let Some(open) = &mut connection else {
            connection = Connection::open(serving).await.ok();
            if connection.is_none() {
                tokio::time::sleep(PAUSE).await;
            }
            continue;
        };
        match open.ask(request.as_bytes()).await {
            // The machine is to have room for the program's own second, too.
            Ok(answer) if answer.status != 503 => {
                seen.answered.push(Clock::system().now());
                answered.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            // Refused while it starts or stops, or cut.
            _ => {
                seen.unknown += 1;
                connection = None;
            }
        }
    }
    seen
}

async fn usage(instance: &Instance, key: &str) -> Value {
    let answer = instance
        .api(key, "/dashboard/v1/usage?from=now-1h&to=now")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The usage once it does not grow any more and is counted up to this moment.
async fn settled_usage(instance: &Instance, key: &str) -> Value {
    let asked = Clock::system().now();
    let waited = Instant::now();
    loop {
        let usage = usage(instance, key).await;
        let as_of: DateTime<Utc> = usage["meta"]["asOf"].as_str().unwrap().parse().unwrap();
        if as_of > asked {
            return usage;
        }
        assert!(waited.elapsed() < PATIENCE, "{usage}\n{}", instance.log());
        tokio::time::sleep(PAUSE).await;
    }
}

/// The stretches of which the answer says that something may be missing.
fn stretches(usage: &Value) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let moment = |value: &Value| value.as_str().unwrap().parse().unwrap();
    let stretches = usage["uncounted"].as_array().unwrap().iter();
    stretches
        .map(|stretch| (moment(&stretch["from"]), moment(&stretch["to"])))
        .collect()
}

/// Holds the counts against what clients saw and when the program was killed.
fn check(usage: &Value, seen: &Seen, kills: &[DateTime<Utc>]) {
    let stretches = stretches(usage);
    assert_eq!(stretches.len(), kills.len(), "{usage}");
    for ((from, to), killed) in stretches.iter().zip(kills) {
        assert!(from <= killed && killed <= to, "{from} {killed} {to}");
        assert!(
            *killed - *from <= MOST_LOST,
            "{from} to {killed} may be lost"
        );
    }
    let may_be_lost = |at: &&DateTime<Utc>| {
        let mut stretches = stretches.iter();
        stretches.any(|(from, to)| from <= *at && *at <= to)
    };
    let lost = seen.answered.iter().filter(may_be_lost).count();
    let (all, counted) = (
        seen.answered.len(),
        usize::try_from(usage["requests"].as_u64().unwrap()).unwrap(),
    );
    let told = format!(
        "{counted} counted, {all} answered, {lost} of them in stretches, {} unknown",
        seen.unknown
    );
    assert!(counted >= all - lost, "{told}");
    assert!(counted <= all + seen.unknown, "{told}");
    assert_eq!(usage["meta"]["complete"], kills.is_empty(), "{usage}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_a_program_that_is_killed_again_and_again_are_counted_once_or_said_to_be_missing()
 {
    let mut postgres = TestCluster::start();
    let url = postgres.url().to_owned();
    let mut instance = Instance::with(&["--database-url", &url], &[("RUST_LOG", "warn")]);
    let key = instance.ready("/demo/private_key");
    let clients = Clients::start(instance.serving(), "/demo/tr:w-40/cat.jpg");
    let mut kills = Vec::new();
    for round in 0..3 {
        clients.go_on(ANSWERS).await;
        if round == 1 {
            // What is counted is on local disk and nowhere else.
            postgres = off_the_runtime(postgres, TestCluster::crash).await;
            clients.go_on(ANSWERS).await;
        }
        kills.push(Clock::system().now());
        instance.kill();
        if round == 1 {
            postgres = off_the_runtime(postgres, TestCluster::restart).await;
        }
        instance.start_again();
    }
    let seen = clients.finish().await;
    let usage = settled_usage(&instance, &key).await;
    check(&usage, &seen, &kills);

    let (summary, _) = instance.summary_when(&key, |_| true).await;
    assert_eq!(summary["failingShareComplete"], false, "{summary}");
    let verified = instance.command(&["verify", "--database-url", &url]);
    let text = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{text}");
    assert!(text.contains("delivery_usage: equals the log"), "{text}");
    assert!(instance.terminate().success(), "{}", instance.log());
    drop(postgres);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_told_to_stop_under_load_loses_no_request_and_no_failure() {
    let postgres = TestCluster::start();
    let url = postgres.url().to_owned();
    let mut instance = Instance::with(&["--database-url", &url], &[("RUST_LOG", "warn")]);
    let key = instance.ready("/demo/private_key");
    let clients = Clients::start(instance.serving(), "/demo/missing/one.jpg");
    for _ in 0..2 {
        clients.go_on(ANSWERS / 4).await;
        assert!(instance.terminate().success(), "{}", instance.log());
        instance.start_again();
    }
    let seen = clients.finish().await;
    let usage = settled_usage(&instance, &key).await;
    check(&usage, &seen, &[]);
    let (least, most) = (seen.answered.len(), seen.answered.len() + seen.unknown);
    let (summary, _) = instance
        .summary_when(&key, |summary| {
            let visible = summary["clientVisible"].as_u64().unwrap();
            summary["meta"]["complete"] == true && usize::try_from(visible).unwrap() >= least
        })
        .await;
    let failures = usize::try_from(summary["clientVisible"].as_u64().unwrap()).unwrap();
    assert!(failures <= most, "{failures} of {least} to {most}");
    assert_eq!(summary["failingShareComplete"], true, "{summary}");
    assert!(instance.terminate().success(), "{}", instance.log());
    drop(postgres);
}

/// Fetches of all origins that were answered without a file, or failed.
async fn unsuccessful_fetches(instance: &Instance, key: &str) -> u64 {
    let answer = instance
        .api(key, "/dashboard/v1/origins/health?from=now-1h&to=now")
        .await;
    let health = answer.json();
    let origins = health["origins"].as_array().unwrap().iter();
    let counts = |origin: &Value| {
        let kinds = ["fileFaults", "failures"].iter();
        kinds
            .map(|kind| origin[kind].as_u64().unwrap())
            .sum::<u64>()
    };
    origins.map(counts).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_program_observed_of_origins_is_stored_by_the_next() {
    const FETCHES: u64 = 50;
    let postgres = TestCluster::start();
    let url = postgres.url().to_owned();
    let mut instance = Instance::with(&["--database-url", &url], &[("RUST_LOG", "warn")]);
    let key = instance.ready("/demo/private_key");
    let before = unsuccessful_fetches(&instance, &key).await;
    // What is observed from here on is on local disk and nowhere else.
    let postgres = off_the_runtime(postgres, TestCluster::crash).await;
    let mut connection = Connection::open(instance.serving()).await.unwrap();
    for number in 0..FETCHES {
        let request =
            format!("GET /demo/observed/{number}.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(
            connection.ask(request.as_bytes()).await.unwrap().status,
            404
        );
    }
    let observed = std::time::SystemTime::from(Clock::system().now());
    let written = |slot: &&str| {
        let file = instance.data_dir().join("spool").join(slot);
        let changed = std::fs::metadata(file).and_then(|file| file.modified());
        changed.is_ok_and(|at| at > observed)
    };
    let waited = Instant::now();
    while !["origins.a", "origins.b"].iter().any(written) {
        assert!(waited.elapsed() < PATIENCE, "{}", instance.log());
        tokio::time::sleep(PAUSE).await;
    }
    instance.kill();
    let postgres = off_the_runtime(postgres, TestCluster::restart).await;
    instance.start_again();
    let waited = Instant::now();
    let mut stored = before;
    while stored < before + FETCHES {
        assert!(waited.elapsed() < PATIENCE, "{stored}\n{}", instance.log());
        tokio::time::sleep(PAUSE).await;
        stored = unsuccessful_fetches(&instance, &key).await;
    }
    assert_eq!(stored, before + FETCHES, "each once");
    assert!(instance.terminate().success(), "{}", instance.log());
    drop(postgres);
}
