//! What a killed run had gathered and not stored: kept on disk, stored by the next run, once.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use limpid_domain::clock::Clock;
use limpid_domain::ids::{NodeId, TenantId, UrlEndpointNo};
use limpid_domain::usage::{CacheResult, DeliveredFormat, UsageCounts};
use limpid_event_store::Database;
use limpid_event_store::flusher::{Flusher, Gathered, Journal};
use limpid_event_store::usage_append::{UsageCell, UsageRows};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::failure_ingest::connect;
use crate::fresh;

const NODE: NodeId = NodeId(7);
const PATIENCE: Duration = Duration::from_mins(1);

/// Counts that are shared with the test, which adds to them.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<UsageRows>>);

impl Counted {
    /// Counts `requests` of a tenant.
    fn add(&self, requests: i64) {
        self.0.lock().unwrap().cells.push(UsageCell {
            tenant_id: TenantId(1),
            hour: "2026-11-27T09:00:00Z".parse().unwrap(),
            endpoint_no: UrlEndpointNo(1),
            status: 200,
            cache: CacheResult::Hit,
            format: DeliveredFormat::WebP,
            counts: UsageCounts {
                requests,
                bytes: 10 * requests,
            },
        });
    }
}

impl Gathered for Counted {
    type Rows = UsageRows;

    const NAME: &'static str = "counts of a test";

    fn take(&mut self, _now: DateTime<Utc>) -> Vec<UsageRows> {
        let rows = std::mem::take(&mut *self.0.lock().unwrap());
        if rows.cells.is_empty() {
            Vec::new()
        } else {
            vec![rows]
        }
    }

    fn unsent(&mut self) -> UsageRows {
        self.0.lock().unwrap().clone()
    }

    fn refused(&self, rows: u64) {
        assert_eq!(rows, 0, "refused");
    }
}

/// A run that begins with what is on disk; killed when the set is dropped.
fn start(
    directory: &Path,
    database: &Database,
    counted: &Counted,
    stop: CancellationToken,
) -> JoinSet<()> {
    let flusher = Flusher::new(counted.clone(), database.clone(), Clock::system(), NODE)
        .with_journal(Journal::open(directory, "counts"));
    let mut run = JoinSet::new();
    run.spawn(flusher.run(Duration::from_millis(20), stop));
    run
}

/// Waits also for what its thread for the disk was at, which no process has that is killed.
async fn kill(mut run: JoinSet<()>, counted: &Counted) {
    run.abort_all();
    while run.join_next().await.is_some() {}
    let gone = async {
        while Arc::strong_count(&counted.0) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
}

/// Starts, stores and stops in good order.
async fn run_to_the_end(directory: &Path, database: &Database, counted: &Counted) {
    let stop = CancellationToken::new();
    stop.cancel();
    let mut run = start(directory, database, counted, stop);
    run.join_next().await.unwrap().unwrap();
}

/// Waits until the disk tells this.
async fn until_kept(directory: &Path, text: &str) {
    let kept = async {
        loop {
            let (_, left) = Journal::<UsageRows>::open(directory, "counts");
            if format!("{left:?}").contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, kept).await.unwrap();
}

async fn requests(database: &Database) -> i64 {
    let mut connection = database.service().await.unwrap();
    sqlx::query_scalar("select coalesce(sum(requests), 0)::bigint from delivery_usage_1h")
        .fetch_one(&mut *connection)
        .await
        .unwrap()
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test]
async fn what_a_killed_run_had_counted_is_stored_by_the_next_and_only_once() {
    let (_test, database) = fresh().await;
    let away = connect("postgres://nobody@127.0.0.1:1/nothing");
    let directory = tempfile::tempdir().unwrap();
    let counted = Counted::default();
    counted.add(5);
    let first = start(directory.path(), &away, &counted, CancellationToken::new());
    until_kept(directory.path(), "requests: 5,").await;
    // The first batch waits for the database; what comes now is kept beside it.
    counted.add(70);
    until_kept(directory.path(), "requests: 70,").await;
    kill(first, &counted).await;

    let as_killed = tempfile::tempdir().unwrap();
    copy(directory.path(), as_killed.path());
    let next = Counted::default();
    next.add(100);
    run_to_the_end(directory.path(), &database, &next).await;
    assert_eq!(requests(&database).await, 175);

    // As if the run that stored it had been killed before it could forget it, twice.
    for _ in 0..2 {
        copy(as_killed.path(), directory.path());
        run_to_the_end(directory.path(), &database, &Counted::default()).await;
        assert_eq!(requests(&database).await, 175);
    }
    let mut connection = database.service().await.unwrap();
    let stopped: Vec<bool> = sqlx::query_scalar(
        "select stopped from delivery_usage_ledger where node_id = 7 order by started_at",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    assert_eq!(stopped, [false, true, true, true]);
}

#[tokio::test]
async fn the_ledger_hears_of_a_run_right_behind_what_the_one_before_left() {
    let (_test, database) = fresh().await;
    let away = connect("postgres://nobody@127.0.0.1:1/nothing");
    let directory = tempfile::tempdir().unwrap();
    let counted = Counted::default();
    counted.add(5);
    let first = start(directory.path(), &away, &counted, CancellationToken::new());
    until_kept(directory.path(), "requests: 5,").await;
    kill(first, &counted).await;

    let flusher = Flusher::new(Counted::default(), database.clone(), Clock::system(), NODE);
    let next = flusher.with_journal(Journal::open(directory.path(), "counts"));
    let mut run = JoinSet::new();
    // Its next flush is far away.
    run.spawn(next.run(Duration::from_hours(1), CancellationToken::new()));
    let both = async {
        let mut connection = database.service().await.unwrap();
        let runs = "select count(distinct run_id) from delivery_usage_ledger where node_id = 7";
        while sqlx::query_scalar::<_, i64>(runs)
            .fetch_one(&mut *connection)
            .await
            .unwrap()
            < 2
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert_eq!(requests(&database).await, 5);
}

#[tokio::test]
async fn a_run_that_ends_in_good_order_without_a_database_loses_nothing() {
    let (_test, database) = fresh().await;
    let away = connect("postgres://nobody@127.0.0.1:1/nothing");
    let directory = tempfile::tempdir().unwrap();
    let counted = Counted::default();
    counted.add(3);
    run_to_the_end(directory.path(), &away, &counted).await;
    run_to_the_end(directory.path(), &database, &Counted::default()).await;
    assert_eq!(requests(&database).await, 3);
    let mut connection = database.service().await.unwrap();
    let unclean: i64 =
        sqlx::query_scalar("select count(*) from delivery_usage_ledger where not stopped")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
    assert_eq!(unclean, 0);
}

#[tokio::test]
async fn runs_that_are_killed_again_and_again_beside_a_database_count_everything_that_was_kept_once()
 {
    let (_test, database) = fresh().await;
    let directory = tempfile::tempdir().unwrap();
    let mut all = 0;
    for round in 0..10 {
        let counted = Counted::default();
        let run = start(
            directory.path(),
            &database,
            &counted,
            CancellationToken::new(),
        );
        let more = 1_000 + round;
        counted.add(more);
        all += more;
        // Killed at another point each time: before, while and after it is sent.
        let seen = async {
            loop {
                let (_, left) = Journal::<UsageRows>::open(directory.path(), "counts");
                let is_kept = format!("{left:?}").contains(&format!("requests: {more},"));
                if is_kept || requests(&database).await == all {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, seen).await.unwrap();
        kill(run, &counted).await;
    }
    run_to_the_end(directory.path(), &database, &Counted::default()).await;
    assert_eq!(requests(&database).await, all);
}
