//! What is dropped and what is not.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::event::{Actor, ActorKind};
use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{BatchSeq, NodeId};
use limpid_event_store::Database;
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_event_store::failure_partitions::maintain;
use limpid_event_store::tenant_erasure::{erase, request};
use limpid_read_models::failure_counts;
use limpid_read_models::failure_groups::{self, project, rebuild};
use limpid_read_models::failure_packs;
use limpid_read_models::failure_paths::refresh;
use limpid_read_models::failure_summary::summary;
use limpid_read_models::filter::{FailureFilter, Window};
use limpid_read_models::retention::{DroppedCounts, Kept, drop_old_counts, kept};
use limpid_testkit::failures::FailureGenerator;
use sqlx::AssertSqlSafe;

use crate::failures::{TENANT, at, database, window};

const COUNTS: [(&str, &str); 10] = [
    ("failure_1h", "hour"),
    ("failure_group_1h", "hour"),
    ("failure_group_1d", "day"),
    ("failure_day_pack", "day"),
    ("failure_hour_pack", "hour"),
    ("failure_path_pack", "starts_at"),
    ("delivery_usage_1h", "hour"),
    ("delivery_usage_top_1h", "hour"),
    ("delivery_usage_top_1d", "day"),
    ("delivery_usage_top_pack", "starts_at"),
];

async fn number(database: &Database, query: String) -> i64 {
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_one(&mut *owner)
        .await
        .unwrap()
}

async fn execute(database: &Database, statement: &'static str) {
    let mut tx = database.owner_tx().await.unwrap();
    sqlx::raw_sql(statement).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// Failures of two tenants over three days, with everything that is made of them.
async fn three_days() -> (Database, Vec<FailureEvent>) {
    let database = database().await;
    let start = at("2026-11-20T00:00:00Z");
    let events = FailureGenerator::new(91, start, TimeDelta::days(3)).take(9_000);
    let mut connection = database.service().await.unwrap();
    for (seq, events) in (1..).zip(events.chunks(3_000)) {
        let batch = Batch {
            seq: BatchSeq(seq),
            events: events.to_vec(),
            refused: 0,
        };
        append_batches(&mut connection, NodeId(1), &[batch])
            .await
            .unwrap();
    }
    drop(connection);
    project(&database).await.unwrap();
    let later = at("2026-11-25T00:00:00Z");
    refresh(&database, start, later).await.unwrap();
    failure_packs::claim(&database, start, later).await.unwrap();
    assert_eq!(failure_packs::refresh(&database).await.unwrap().packs, 6);
    execute(
        &database,
        "insert into failure_hour_pack (tenant_id, hour, claimed_parts) select t, hour, 0
         from generate_series('2026-11-20'::timestamptz, '2026-11-22 23:00', '1 hour') hour, generate_series(1, 2) t;
         insert into delivery_usage_1h select t, hour, 1, 200, 1, 1, 5, 100
         from generate_series('2026-11-20'::timestamptz, '2026-11-22 23:00', '1 hour') hour, generate_series(1, 2) t;
         insert into delivery_usage_top_1h select t, hour, 1, 1, '/a.jpg', 5, 100
         from generate_series('2026-11-20'::timestamptz, '2026-11-22 23:00', '1 hour') hour, generate_series(1, 2) t;
         insert into delivery_usage_top_1d select t, day, 1, 1, '/a.jpg', 5, 100
         from generate_series('2026-11-20'::timestamptz, '2026-11-22', '1 day') day, generate_series(1, 2) t;
         insert into delivery_usage_top_pack select t, 24, day, '{1}', '{1}', '{/a.jpg}', '{5}', '{100}'
         from generate_series('2026-11-20'::timestamptz, '2026-11-22', '1 day') day, generate_series(1, 2) t",
    )
    .await;
    (database, events)
}

async fn drop_all(database: &Database, keep_from: DateTime<Utc>, budget: u64) -> DroppedCounts {
    let mut all = DroppedCounts::default();
    for run in 0.. {
        assert!(run < 1_000, "it never ends");
        let dropped = drop_old_counts(database, keep_from, budget).await.unwrap();
        all.counts += dropped.counts;
        all.groups += dropped.groups;
        if dropped.finished {
            break;
        }
    }
    all
}

#[tokio::test]
async fn counts_are_dropped_by_the_day_for_everybody_whatever_a_run_may_do() {
    let (database, _) = three_days().await;
    let noon = at("2026-11-22T12:00:00Z");
    let mut expected = 0;
    for (table, time) in COUNTS {
        let old = format!("select count(*) from {table} where {time} < '2026-11-22'");
        let old = number(&database, old).await;
        assert!(old > 0, "{table}");
        expected += old;
    }
    let dropped = drop_all(&database, noon, 1).await;
    assert_eq!(dropped.counts, expected.unsigned_abs());
    for (table, time) in COUNTS {
        let old = format!("select count(*) from {table} where {time} < '2026-11-22'");
        assert_eq!(number(&database, old).await, 0, "{table}");
        let young = format!("select count(*) from {table} where {time} >= '2026-11-22'");
        assert!(number(&database, young).await > 0, "{table}");
    }
    let again = drop_old_counts(&database, noon, 1).await.unwrap();
    assert_eq!((again.counts, again.finished), (0, true));
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let kept = kept(&mut tx).await.unwrap();
    assert_eq!(
        kept,
        Kept {
            counts_from: at("2026-11-22T00:00:00Z"),
            ..Kept::default()
        }
    );
    assert!(
        failure_groups::verify(&database)
            .await
            .unwrap()
            .differing_days
            == 0
    );
}

#[tokio::test]
async fn groups_go_with_their_last_counts_and_with_all_that_is_known_of_them() {
    let (database, _) = three_days().await;
    execute(
        &database,
        "update failure_group set last_at = '2026-11-20' where group_id = (select min(group_id) from failure_group)",
    )
    .await;
    let all = "select count(*) from failure_group".to_owned();
    let old = "select count(*) from failure_group where last_at < '2026-11-21'".to_owned();
    let (groups, expected) = (
        number(&database, all.clone()).await,
        number(&database, old).await,
    );
    // More than one run deletes.
    assert!(
        1_000 < expected && expected < groups,
        "{expected} of {groups}"
    );
    let dropped = drop_all(&database, at("2026-11-21T00:00:00Z"), 1_000_000).await;
    assert_eq!(dropped.groups, expected.unsigned_abs());
    assert_eq!(number(&database, all).await, groups - expected);
    for table in [
        "failure_fingerprint",
        "failure_group_life",
        "failure_group_event",
    ] {
        let rows = number(&database, format!("select count(*) from {table}")).await;
        assert!(rows >= groups - expected, "{table}");
        let orphans = format!(
            "select count(*) from {table} p
             where not exists (select from failure_group g where g.tenant_id = p.tenant_id and g.group_id = p.group_id)"
        );
        assert_eq!(number(&database, orphans).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_rebuild_keeps_the_days_whose_hours_are_gone() {
    let (database, _) = three_days().await;
    // Hours of the first day are gone, its days are not: as after a run that was interrupted.
    execute(
        &database,
        "update failure_retention set counts_dropped_before = '2026-11-21', dropped_before = '2026-11-21';
         delete from failure_group_1h where hour < '2026-11-21'; delete from failure_1h where hour < '2026-11-21';
         delete from origin_failure where occurred_at < '2026-11-21'",
    )
    .await;
    let days = "select sum(events)::bigint from failure_group_1d".to_owned();
    let lives = "select sum(events)::bigint from failure_group".to_owned();
    let before = (
        number(&database, days.clone()).await,
        number(&database, lives.clone()).await,
    );
    assert_eq!(before, (9_000, 9_000));
    assert_eq!(rebuild(&database, |_, _| {}).await.unwrap().replaced, 0);
    let after = (
        number(&database, days).await,
        number(&database, lives).await,
    );
    assert_eq!(after, before);
}

#[tokio::test]
async fn aliases_of_no_event_go_and_those_of_events_stay() {
    let (database, events) = three_days().await;
    let now = at("2026-11-23T00:00:00Z");
    maintain(&database, now, now - TimeDelta::days(30))
        .await
        .unwrap();
    execute(
        &database,
        "insert into failure_fingerprint select 1, -n, 4711, '2026-10-01' from generate_series(1, 1500) n;
         update failure_fingerprint set added_at = '2026-10-01', group_id = 4712
         where (tenant_id, fingerprint) = (select tenant_id, fingerprint from failure_fingerprint where group_id <> 4711 and tenant_id = 1 limit 1);
         update failure_retention set dropped_before = '2026-11-01'",
    )
    .await;
    let dropped = drop_old_counts(&database, at("2025-01-01T00:00:00Z"), 10)
        .await
        .unwrap();
    assert_eq!(dropped.aliases, 1_500);
    let stays = "select count(*) from failure_fingerprint where group_id = 4712".to_owned();
    assert_eq!(number(&database, stays).await, 1);
    assert!(!events.is_empty());
}

#[tokio::test]
async fn what_a_tenant_may_not_see_is_no_longer_counted_from_events() {
    let (database, events) = three_days().await;
    let all = window("2026-11-20T00:30:00Z", "2026-11-20T00:45:00Z");
    let filter = FailureFilter::all(all);
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let seen = summary(&mut tx, &filter).await.unwrap();
    let by_hand: i64 = events
        .iter()
        .filter(|event| event.tenant_id == TENANT)
        .filter(|event| all.from <= event.occurred_at && event.occurred_at < all.to)
        .map(|event| i64::from(event.occurrences))
        .sum();
    assert_eq!(seen.attempts, by_hand);
    assert!(by_hand > 0 && !filter.misses_events(None));
    let blind = filter.within(Kept {
        events_from: all.to,
        ..Kept::default()
    });
    assert!(blind.misses_events(None));
    assert_eq!(summary(&mut tx, &blind).await.unwrap().attempts, 0);
    let hour = blind.over(window("2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z"));
    assert!(!hour.misses_events(None) && hour.misses_events(Some(TimeDelta::minutes(10))));
}

#[tokio::test]
async fn nothing_drifts_while_a_tenant_is_erased_and_after() {
    let (database, _) = three_days().await;
    execute(
        &database,
        "insert into tenant_head (tenant_id) overriding system value values (1), (2)",
    )
    .await;
    let by = Actor {
        kind: ActorKind::Operator,
        label: "operator API".to_owned(),
    };
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    request(&mut tx, &by).await.unwrap();
    tx.commit().await.unwrap();
    let everything = Window {
        from: at("2026-11-19T00:00:00Z"),
        to: at("2026-11-24T00:00:00Z"),
    };
    for batches in 1.. {
        let outcome = erase(&database, TENANT, batches).await.unwrap();
        let counts = failure_counts::verify(&database, everything).await.unwrap();
        assert!(counts.agrees(), "{batches}: {counts:?}");
        let groups = failure_groups::verify(&database).await.unwrap();
        assert!(groups.agrees(), "{batches}: {groups:?}");
        if outcome == Some(0) {
            break;
        }
    }
    execute(&database, "update tenant_erasure set finished_at = now()").await;
    let counts = failure_counts::verify(&database, everything).await.unwrap();
    assert!(counts.agrees() && counts.events > 0, "{counts:?}");
    assert!(failure_groups::verify(&database).await.unwrap().agrees());
    assert_eq!(rebuild(&database, |_, _| {}).await.unwrap().replaced, 0);
}
