//! None lost, none twice: 100 000 failures while PostgreSQL crashes twice and the program once.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use limpid_event_store::Database;
use limpid_event_store::drainer::{DrainStatus, FailureDrainer};
use limpid_event_store::spool::{self, FsyncPolicy, SpoolConfig, SpoolReader, SpoolWriter};
use limpid_testkit::database::TestCluster;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::failure_ingest::{connect, totals, totals_of};
use crate::spool::{generator, segments};

const EVENTS: usize = 100_000;
const PATIENCE: Duration = Duration::from_mins(2);

/// A drainer as it runs in the program, on tasks that abort when dropped: that is how the program gets killed here.
struct Running {
    tasks: JoinSet<()>,
    status: watch::Receiver<DrainStatus>,
    stop: CancellationToken,
}

impl Running {
    fn start(reader: SpoolReader, database: Database) -> Self {
        let drainer = FailureDrainer::new(reader, database);
        let status = drainer.status();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(drainer.run(stop.clone()));
        Self {
            tasks,
            status,
            stop,
        }
    }

    async fn until(&mut self, what: &str, condition: impl FnMut(&DrainStatus) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, self.status.wait_for(condition)).await;
        assert!(matches!(waited, Ok(Ok(_))), "waited in vain until {what}");
    }

    async fn kill(mut self) {
        self.tasks.abort_all();
        while self.tasks.join_next().await.is_some() {}
    }
}

fn open(dir: &std::path::Path) -> (SpoolWriter, SpoolReader) {
    spool::open(SpoolConfig {
        fsync: FsyncPolicy::Always,
        segment_bytes: 4 << 20,
        ..SpoolConfig::new(dir)
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failure_is_stored_exactly_once_across_two_database_crashes_and_a_kill() {
    let mut cluster = TestCluster::start();
    Database::migrate(cluster.url()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let events = generator(77).take(EVENTS);
    let mut chunks = events.chunks(500);
    let mut append = |writer: &mut SpoolWriter, count: usize| {
        for chunk in chunks.by_ref().take(count) {
            writer.append(chunk).unwrap();
        }
    };

    let (mut writer, reader) = open(dir.path());
    let mut running = Running::start(reader, connect(cluster.url()));
    append(&mut writer, 40);
    running
        .until("some events are stored", |status| status.stored_events > 0)
        .await;
    cluster.crash();
    append(&mut writer, 60);
    running
        .until("the outage is noticed", |status| {
            status.database_answers == Some(false)
        })
        .await;
    cluster.restart();
    running
        .until("it goes on", |status| status.stored_events > 20_000)
        .await;

    // Kill -9: nothing is flushed, the acknowledgement moves back, half a frame is at the end.
    running.kill().await;
    drop(writer);
    let newest = segments(dir.path()).pop().unwrap();
    OpenOptions::new()
        .append(true)
        .open(newest)
        .unwrap()
        .write_all(b"LFR1\x99garbage")
        .unwrap();
    let ack = OpenOptions::new()
        .write(true)
        .open(dir.path().join("ack"))
        .unwrap();
    ack.write_all_at(&[0; 12], 0).unwrap();

    let (mut writer, reader) = open(dir.path());
    let mut running = Running::start(reader, connect(cluster.url()));
    append(&mut writer, 50);
    cluster.crash();
    append(&mut writer, usize::MAX);
    running
        .until("the second outage is noticed", |status| {
            status.database_answers == Some(false)
        })
        .await;
    cluster.restart();
    running
        .until("the spool is empty", |status| {
            status.backlog.frames == 0 && status.database_answers == Some(true)
        })
        .await;
    running.stop.cancel();
    while running.tasks.join_next().await.is_some() {}

    let database = connect(cluster.url());
    assert_eq!(totals(&database).await, totals_of(&events));
    assert!(
        !dir.path().join("dead-letter.jsonl").exists() || {
            let letters = std::fs::read_to_string(dir.path().join("dead-letter.jsonl")).unwrap();
            letters.lines().all(|letter| letter.contains("\"damage\""))
        }
    );
    cluster.stop();
}

/// Ends the server as the kernel does when memory is short, and waits for the one that its supervisor starts. That may take more than one
/// attempt: the other processes of the first notice its end by themselves.
async fn kill_hard(cluster: &TestCluster) {
    let pid = cluster.pid().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid])
        .status()
        .unwrap();
    assert!(killed.success());
    let since = Instant::now();
    let process = std::path::Path::new("/proc").join(pid);
    let database = connect(cluster.url());
    while process.exists() || database.service().await.is_err() {
        assert!(since.elapsed() < PATIENCE, "not started again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failure_is_stored_exactly_once_while_postgresql_is_killed_again_and_again() {
    let mut cluster = TestCluster::start();
    Database::migrate(cluster.url()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let events = generator(78).take(20_000);
    let (mut writer, reader) = open(dir.path());
    let mut running = Running::start(reader, connect(cluster.url()));
    for part in events.chunks(4_000) {
        let before = running.status.borrow().stored_events;
        for frame in part.chunks(100) {
            writer.append(frame).unwrap();
        }
        // In the middle of it.
        running
            .until("some of it is stored", |status| {
                status.stored_events > before
            })
            .await;
        kill_hard(&cluster).await;
    }
    running
        .until("the spool is empty", |status| {
            status.backlog.frames == 0 && status.database_answers == Some(true)
        })
        .await;
    running.stop.cancel();
    while running.tasks.join_next().await.is_some() {}
    let database = connect(cluster.url());
    assert_eq!(totals(&database).await, totals_of(&events));
    assert!(!dir.path().join("dead-letter.jsonl").exists());
    cluster.stop();
}

#[tokio::test]
async fn the_server_that_crashes_here_writes_as_the_embedded_one_does() {
    let cluster = TestCluster::start();
    Database::migrate(cluster.url()).await.unwrap();
    let database = connect(cluster.url());
    let mut connection = database.service().await.unwrap();
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        let found: String = sqlx::query_scalar("select current_setting($1)")
            .bind(setting)
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert_eq!(found, "on", "{setting}");
    }
}
