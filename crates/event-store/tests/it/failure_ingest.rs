//! The ingest statement: exactly once, whatever the events hold.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{BatchSeq, NodeId};
use limpid_event_store::drainer::{DrainStatus, FailureDrainer};
use limpid_event_store::failure_append::{Appended, Batch, append_batches};
use limpid_event_store::spool::{self, FsyncPolicy, SpoolConfig, SpoolReader};
use limpid_event_store::{Database, DatabaseOptions};
use limpid_testkit::database::TestDatabase;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::spool::{generator, segments};

const NODE: NodeId = NodeId(7);

pub(crate) async fn database() -> Database {
    let test = TestDatabase::migrated(|url| async move {
        Database::migrate(&url).await.unwrap();
    })
    .await;
    connect(test.url())
}

pub(crate) fn connect(url: &str) -> Database {
    let options = DatabaseOptions {
        max_connections: 3,
        acquire_timeout: std::time::Duration::from_millis(500),
        ..DatabaseOptions::default()
    };
    Database::lazy(url, &options).unwrap()
}

/// Rows, Σ occurrences, distinct ids, Σ ledger events, Σ ledger occurrences, Σ counted events, Σ counted occurrences.
pub(crate) type Totals = (i64, i64, i64, i64, i64, i64, i64);

pub(crate) async fn totals(database: &Database) -> Totals {
    let mut connection = database.service().await.unwrap();
    sqlx::query_as(
        "select (select count(*) from origin_failure), (select coalesce(sum(occurrences), 0)::bigint from origin_failure),
           (select count(distinct event_id) from origin_failure),
           (select coalesce(sum(events), 0)::bigint from ingest_batch), (select coalesce(sum(occurrences), 0)::bigint from ingest_batch),
           (select coalesce(sum(events), 0)::bigint from failure_1h), (select coalesce(sum(occurrences), 0)::bigint from failure_1h)",
    )
    .fetch_one(&mut *connection)
    .await
    .unwrap()
}

pub(crate) fn totals_of(events: &[FailureEvent]) -> Totals {
    let rows = i64::try_from(events.len()).unwrap();
    let occurrences = events
        .iter()
        .map(|event| i64::from(event.occurrences))
        .sum();
    (
        rows,
        occurrences,
        rows,
        rows,
        occurrences,
        rows,
        occurrences,
    )
}

fn batch(seq: i64, events: Vec<FailureEvent>) -> Batch {
    Batch {
        seq: BatchSeq(seq),
        events,
        refused: 0,
    }
}

/// Drains what there is and ends. Gives how that went.
async fn drained(reader: SpoolReader, database: &Database) -> watch::Receiver<DrainStatus> {
    let drainer = FailureDrainer::new(reader, database.clone());
    let status = drainer.status();
    let stop = CancellationToken::new();
    stop.cancel();
    drainer.run(stop).await;
    status
}

#[tokio::test]
async fn a_batch_that_is_sent_again_changes_nothing() {
    let database = database().await;
    let mut connection = database.service().await.unwrap();
    let events = generator(20).take(900);
    let first = [
        batch(1, events[..300].to_vec()),
        batch(2, events[300..600].to_vec()),
    ];
    let appended = append_batches(&mut connection, NODE, &first).await.unwrap();
    assert_eq!(
        appended,
        Appended {
            batches: 2,
            events: 600,
            erased: 0,
        }
    );
    // Replayed twice, once by itself and once among new ones.
    let again = append_batches(&mut connection, NODE, &first[1..])
        .await
        .unwrap();
    assert_eq!(again, Appended::default());
    let mixed = [
        first[0].clone(),
        first[1].clone(),
        batch(3, events[600..].to_vec()),
    ];
    let appended = append_batches(&mut connection, NODE, &mixed).await.unwrap();
    assert_eq!(
        appended,
        Appended {
            batches: 1,
            events: 300,
            erased: 0,
        }
    );
    assert_eq!(totals(&database).await, totals_of(&events));
}

#[tokio::test]
async fn of_two_connections_that_store_the_same_batch_one_stores_it() {
    let database = database().await;
    let events = generator(22).take(200);
    let batches = [
        batch(1, events[..100].to_vec()),
        batch(2, events[100..].to_vec()),
    ];
    let mut first = database.service_tx().await.unwrap();
    append_batches(&mut first, NODE, &batches[..1])
        .await
        .unwrap();
    let other = database.clone();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut second = other.service().await.unwrap();
        append_batches(&mut second, NODE, &batches).await.unwrap()
    });
    // The second sees nothing of the first in the ledger and then waits for its key.
    let mut observer = database.service().await.unwrap();
    let mut waiting = 0_i64;
    while waiting == 0 && task.try_join_next().is_none() {
        waiting = sqlx::query_scalar(
            "select count(*) from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.datname = current_database()",
        )
        .fetch_one(&mut *observer)
        .await
        .unwrap();
    }
    assert_eq!(waiting, 1);
    drop(observer);
    first.commit().await.unwrap();
    let appended = task.join_next().await.unwrap().unwrap();
    let expected = Appended {
        batches: 1,
        events: 100,
        erased: 0,
    };
    assert_eq!(appended, expected);
    assert_eq!(totals(&database).await, totals_of(&events));
}

#[tokio::test]
async fn two_nodes_may_use_the_same_numbers() {
    let database = database().await;
    let mut connection = database.service().await.unwrap();
    let events = generator(21).take(200);
    for (node, events) in [(NodeId(1), &events[..100]), (NodeId(2), &events[100..])] {
        append_batches(&mut connection, node, &[batch(1, events.to_vec())])
            .await
            .unwrap();
    }
    assert_eq!(totals(&database).await, totals_of(&events));
}

#[tokio::test]
async fn two_writers_with_the_same_keys_never_block_each_other_for_good() {
    let database = database().await;
    let events = generator(22).take(4_000);
    let (left, right) = events.split_at(2_000);
    let send = |node: i64, events: &[FailureEvent]| {
        let (database, events) = (database.clone(), events.to_vec());
        async move {
            let mut connection = database.service().await.unwrap();
            for (seq, events) in (1..).zip(events.chunks(100)) {
                append_batches(
                    &mut connection,
                    NodeId(node),
                    &[batch(seq, events.to_vec())],
                )
                .await
                .unwrap();
            }
        }
    };
    tokio::join!(send(1, left), send(2, right));
    assert_eq!(totals(&database).await, totals_of(&events));
}

#[tokio::test]
async fn texts_that_postgresql_refuses_are_escaped_and_stored() {
    let database = database().await;
    let mut connection = database.service().await.unwrap();
    let mut events = generator(23).take(40);
    for event in &mut events {
        event.path = format!("a\0b{}", "x".repeat(70_000));
        if let Some(detail) = &mut event.detail {
            detail.note = Some("nul \0 and more".to_owned());
            detail.body_excerpt = Some("y".repeat(1 << 20));
        }
    }
    append_batches(&mut connection, NODE, &[batch(1, events.clone())])
        .await
        .unwrap();
    assert_eq!(totals(&database).await, totals_of(&events));
}

#[tokio::test]
async fn facts_cannot_be_changed_by_the_service() {
    let database = database().await;
    let mut connection = database.service().await.unwrap();
    for statement in [
        "update origin_failure set occurrences = 0",
        "delete from origin_failure",
        "truncate origin_failure",
        "update ingest_batch set events = 0",
        "delete from ingest_batch",
    ] {
        let error = sqlx::raw_sql(statement)
            .execute(&mut *connection)
            .await
            .unwrap_err();
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .unwrap()
            .into_owned();
        assert_eq!(code, "42501", "{statement}");
    }
}

/// An event that no escaping helps: its time is outside what PostgreSQL can store.
fn impossible(mut event: FailureEvent) -> FailureEvent {
    event.occurred_at = DateTime::<Utc>::MIN_UTC + TimeDelta::days(400);
    event
}

#[tokio::test]
async fn an_event_that_is_refused_goes_to_the_dead_letters_and_holds_nothing_up() {
    let database = database().await;
    let dir = tempfile::tempdir().unwrap();
    let config = SpoolConfig {
        fsync: FsyncPolicy::Always,
        ..SpoolConfig::new(dir.path())
    };
    let (mut writer, reader) = spool::open(config).unwrap();
    let events = generator(24).take(50);
    let mut mixed = events.clone();
    mixed.insert(20, impossible(generator(25).event()));
    writer.append(&mixed).unwrap();
    let more = generator(26).take(30);
    writer.append(&more).unwrap();
    drop(writer);

    let status = drained(reader, &database).await;
    let expected: Vec<FailureEvent> = events.into_iter().chain(more).collect();
    assert_eq!(totals(&database).await, totals_of(&expected));
    assert_eq!(status.borrow().dead_letters, 1);
    let letters = std::fs::read_to_string(dir.path().join("dead-letter.jsonl")).unwrap();
    assert!(letters.contains("\"kind\":\"refused\""), "{letters}");
    let mut connection = database.service().await.unwrap();
    let refused: i64 = sqlx::query_scalar("select sum(refused)::bigint from ingest_batch")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(refused, 1);
    let (stopped, frames): (bool, i64) =
        sqlx::query_as("select stopped, backlog_frames from serving_node")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
    assert_eq!((stopped, frames), (true, 0));
}

/// A segment's only frame, as a later version would write it.
fn of_a_newer_schema(segment: &std::path::Path) {
    let frame = std::fs::read(segment).unwrap();
    let (before_checksum, rest) = frame.split_at(8);
    let (_, rest) = rest.split_at(4);
    let (before_schema, rest) = rest.split_at(32 - 12);
    let (_, after_schema) = rest.split_at(2);
    let schema = 99_u16.to_le_bytes();
    let checked = [before_schema, &schema, after_schema].concat();
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(before_checksum.strip_prefix(b"LFR1").unwrap());
    hasher.update(&checked);
    let checksum = hasher.finalize().to_le_bytes();
    std::fs::write(segment, [before_checksum, &checksum, &checked].concat()).unwrap();
}

#[tokio::test]
async fn events_of_a_newer_version_go_to_the_dead_letters_and_hold_nothing_up() {
    let database = database().await;
    let dir = tempfile::tempdir().unwrap();
    let config = SpoolConfig {
        fsync: FsyncPolicy::Always,
        ..SpoolConfig::new(dir.path())
    };
    let (mut writer, reader) = spool::open(config.clone()).unwrap();
    writer.append(&generator(27).take(5)).unwrap();
    drop((writer, reader));
    of_a_newer_schema(segments(dir.path()).first().unwrap());
    let (mut writer, reader) = spool::open(config).unwrap();
    let readable = generator(28).take(30);
    writer.append(&readable).unwrap();
    drop(writer);

    let status = drained(reader, &database).await;
    assert_eq!(totals(&database).await, totals_of(&readable));
    assert_eq!(status.borrow().dead_letters, 5);
    let letters = std::fs::read_to_string(dir.path().join("dead-letter.jsonl")).unwrap();
    assert_eq!(letters.matches("unknown schema 99").count(), 5, "{letters}");
    let mut connection = database.service().await.unwrap();
    let refused: i64 = sqlx::query_scalar("select sum(refused)::bigint from ingest_batch")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(refused, 5, "the ledger knows of them");
}

#[tokio::test]
async fn a_batch_that_the_ledger_refuses_goes_to_the_dead_letters_and_holds_nothing_up() {
    let database = database().await;
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::raw_sql("alter table ingest_batch add constraint never_one check (batch_seq <> 1)")
        .execute(&mut *owner)
        .await
        .unwrap();
    owner.commit().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = SpoolConfig {
        fsync: FsyncPolicy::Always,
        ..SpoolConfig::new(dir.path())
    };
    let (mut writer, reader) = spool::open(config).unwrap();
    writer.append(&generator(29).take(10)).unwrap();
    let others = generator(30).take(20);
    writer.append(&others).unwrap();
    drop(writer);
    let status = drained(reader, &database).await;
    assert_eq!(totals(&database).await, totals_of(&others));
    assert_eq!(status.borrow().dead_letters, 10);
    assert_eq!(status.borrow().backlog.frames, 0);
}
