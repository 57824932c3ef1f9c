//! The projector against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::clock::Clock;
use limpid_domain::event::{Actor, ActorKind};
use limpid_domain::ids::{BatchSeq, NodeId, TenantId};
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_event_store::tenant_erasure::{Erasure, SETTLING, erasure, request};
use limpid_event_store::{Database, DatabaseOptions};
use limpid_projector::{ProjectorConfig, run};
use limpid_read_models::failure_counts::verify;
use limpid_read_models::filter::Window;
use limpid_testkit::database::{TestCluster, TestDatabase};
use limpid_testkit::failures::FailureGenerator;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

fn now() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn database(url: &str) -> Database {
    let options = DatabaseOptions {
        acquire_timeout: Duration::from_millis(500),
        ..DatabaseOptions::default()
    };
    Database::lazy(url, &options).unwrap()
}

fn start(database: &Database) -> (JoinSet<()>, CancellationToken) {
    let config = ProjectorConfig::new(database.clone(), Clock::fixed(now()));
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(run(config, stop.clone()));
    (tasks, stop)
}

/// Whether tomorrow has a partition; an error while the database is away.
async fn has_partitions(database: &Database) -> bool {
    let Ok(changes) = limpid_event_store::failure_partitions::days(database).await else {
        return false;
    };
    changes.contains(&(now() + TimeDelta::days(1)).date_naive())
}

async fn until_partitions(database: &Database) {
    let started = Instant::now();
    while !has_partitions(database).await {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "no partitions were made"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn partitions_are_there_soon_after_the_start_and_it_stops_when_told() {
    let test = TestDatabase::migrated(|url| async move {
        Database::migrate(&url).await.unwrap();
    })
    .await;
    let database = database(test.url());
    let events =
        FailureGenerator::new(1, now() - TimeDelta::hours(5), TimeDelta::hours(4)).take(300);
    let batch = Batch {
        seq: BatchSeq(1),
        events,
        refused: 0,
    };
    let mut connection = database.service().await.unwrap();
    append_batches(&mut connection, NodeId(1), &[batch])
        .await
        .unwrap();
    let (mut tasks, stop) = start(&database);
    until_partitions(&database).await;
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
    let window = Window {
        from: now() - TimeDelta::hours(12),
        to: now(),
    };
    let found = verify(&database, window).await.unwrap();
    assert!(found.agrees() && found.events == 300, "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_waited_for() {
    let mut cluster = TestCluster::start();
    Database::migrate(cluster.url()).await.unwrap();
    let database = database(cluster.url());
    cluster.crash();
    let (mut tasks, stop) = start(&database);
    assert!(!has_partitions(&database).await);
    cluster.restart();
    until_partitions(&database).await;
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_tenant_is_erased_to_the_end_and_the_end_waits_for_those_who_did_not_know() {
    let test = TestDatabase::migrated(|url| async move {
        Database::migrate(&url).await.unwrap();
    })
    .await;
    let database = database(test.url());
    let mut tx = database.new_tenant_tx().await.unwrap();
    let tenant = tx.tenant_id();
    let by = Actor {
        kind: ActorKind::Operator,
        label: "operator API".to_owned(),
    };
    request(&mut tx, &by).await.unwrap();
    tx.commit().await.unwrap();
    let asked = erasure(&database, tenant).await.unwrap().unwrap();
    let clock = Clock::fixed(asked.requested_at);
    let config = ProjectorConfig {
        erasure_interval: Duration::from_millis(20),
        ..ProjectorConfig::new(database.clone(), clock.clone())
    };
    // Stored by somebody who had not heard of the request.
    execute(
        &database,
        "insert into failure_top_path_span values (1, 1, now(), 1, 1, 0)",
    )
    .await;
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(run(config, stop.clone()));
    until(&database, tenant, |erasure| {
        erasure.erased_rows.contains_key("failure_top_path_span")
    })
    .await;
    execute(
        &database,
        "insert into failure_top_path_span values (1, 1, now(), 1, 1, 0)",
    )
    .await;
    let left = until(&database, tenant, |erasure| {
        erasure.erased_rows.get("failure_top_path_span") == Some(&2)
    })
    .await;
    assert_eq!(left.finished_at, None);
    clock.advance(SETTLING);
    until(&database, tenant, |erasure| erasure.finished_at.is_some()).await;
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
}

async fn execute(database: &Database, statement: &'static str) {
    let mut connection = database.service().await.unwrap();
    sqlx::raw_sql(statement)
        .execute(&mut *connection)
        .await
        .unwrap();
}

async fn until(database: &Database, tenant: TenantId, holds: impl Fn(&Erasure) -> bool) -> Erasure {
    let started = Instant::now();
    loop {
        let found = erasure(database, tenant).await.unwrap().unwrap();
        if holds(&found) {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{found:?}");
        tokio::task::yield_now().await;
    }
}

/// Ends at the projector's moment, and one second later.
const TWO_ANSWERS: &str = "\
insert into command_answer (tenant_id, scope, key_digest, command_id, sealed, expires_at)
select tenant_id, 'tenant', decode(repeat(digit, 64), 'hex'), '01890a5d-ac96-774b-bcce-b302099a8057', '', ends_at::timestamptz
from tenant_head, (values ('a', '2026-11-22T12:00:00Z'), ('b', '2026-11-22T12:00:01Z')) as answer (digit, ends_at)";

#[tokio::test]
async fn answers_to_commands_that_are_no_longer_given_are_dropped() {
    let test = TestDatabase::migrated(|url| async move {
        Database::migrate(&url).await.unwrap();
    })
    .await;
    let database = database(test.url());
    let tenant = database.new_tenant_tx().await.unwrap();
    tenant.commit().await.unwrap();
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::raw_sql(TWO_ANSWERS)
        .execute(&mut *owner)
        .await
        .unwrap();
    owner.commit().await.unwrap();
    let (mut tasks, stop) = start(&database);
    let started = Instant::now();
    loop {
        let mut connection = database.service().await.unwrap();
        let left: Vec<String> = sqlx::query_scalar(
            "select left(encode(key_digest, 'hex'), 1) from command_answer order by 1",
        )
        .fetch_all(&mut *connection)
        .await
        .unwrap();
        if left == ["b"] {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{left:?}");
        tokio::task::yield_now().await;
    }
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
}
