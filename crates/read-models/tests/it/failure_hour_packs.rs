//! Packs of hours say what the failures of their parts say, whatever comes late, is done at once, breaks off or is damaged.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::FailureEvent;
use limpid_event_store::Database;
use limpid_read_models::breakdown::GroupBy;
use limpid_read_models::failure_groups::{self, project, rebuild};
use limpid_read_models::failure_packs::{LEAST_FAILURES, claim_parts, refresh_parts};
use limpid_read_models::failure_summary::summary;
use limpid_read_models::failure_timeseries::timeseries;
use limpid_read_models::filter::{FailureFilter, Window};
use limpid_testkit::failures::FailureGenerator;
use sqlx::AssertSqlSafe;

use crate::failure_packs::{append, compare, execute, number, somebody_waits};
use crate::failures::{TENANT, at, database, filters, matching, window};

/// Parts of hours that packs answer for.
async fn answering_parts(database: &Database) -> i64 {
    let query = "select coalesce(sum(packed_parts), 0)::bigint from failure_hour_pack";
    number(database, query).await
}

/// Three hours with so many failures that their parts are packed, and the end of what was generated.
fn dense(seed: u64) -> (FailureGenerator, DateTime<Utc>) {
    let start = at("2026-11-21T10:00:00Z");
    let generator = FailureGenerator::new(seed, start, TimeDelta::hours(3));
    (generator, start + TimeDelta::hours(3))
}

/// The dense hours stored, counted and, as far as they are over at `now`, packed.
async fn with_packed_parts(seed: u64, now: DateTime<Utc>) -> (Database, Vec<FailureEvent>) {
    let database = database().await;
    let (mut generator, _) = dense(seed);
    let mut events = generator.take(6_000);
    for event in &mut events {
        event.tenant_id = TENANT;
    }
    append(&database, 1, &events).await;
    project(&database).await.unwrap();
    claim_parts(&database, DateTime::UNIX_EPOCH, now)
        .await
        .unwrap();
    refresh_parts(&database).await.unwrap();
    (database, events)
}

/// Windows with ragged ends, of less than a part to some hours.
fn ragged() -> Vec<Window> {
    [
        ("10:07:13", "12:41:58"),
        ("10:00:00", "12:34:56"),
        ("10:59:59", "11:00:01"),
        ("10:31:00", "10:32:00"),
        ("10:02:30", "10:57:30"),
        ("11:01:00", "13:00:00"),
        ("09:12:00", "12:02:31"),
    ]
    .into_iter()
    .map(|(from, to)| window(&format!("2026-11-21T{from}Z"), &format!("2026-11-21T{to}Z")))
    .collect()
}

/// The same by the buckets that short windows have.
async fn compare_buckets(database: &Database, events: &[FailureEvent], filter: &FailureFilter) {
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    for seconds in [60, 150, 300, 900] {
        let interval = TimeDelta::seconds(seconds);
        let series = timeseries(&mut tx, filter, GroupBy::Reason, interval)
            .await
            .unwrap();
        let mut found: HashMap<i64, i64> = HashMap::new();
        for line in &series.counts {
            for (column, count) in (0..).zip(line).filter(|(_, count)| **count > 0) {
                *found.entry(column).or_default() += count;
            }
        }
        let mut expected: HashMap<i64, i64> = HashMap::new();
        for event in matching(events, filter) {
            let column = (event.occurred_at - series.start).num_seconds() / seconds;
            *expected.entry(column).or_default() += i64::from(event.occurrences);
        }
        assert_eq!(found, expected, "{filter:?} by {seconds} s");
    }
}

async fn compare_ragged(database: &Database, events: &[FailureEvent]) {
    for window in ragged() {
        let filter = FailureFilter::all(window);
        compare(database, events, &filter).await;
        compare_buckets(database, events, &filter).await;
    }
}

#[tokio::test]
async fn ragged_ends_are_what_the_events_say_whatever_comes_when_and_is_packed_when() {
    let database = database().await;
    let (mut generator, end) = dense(61);
    let mut stored: Vec<FailureEvent> = Vec::new();
    let mut most_parts = 0;
    for round in 1..=6 {
        let mut fresh = generator.take(1_500);
        for event in fresh.iter_mut().step_by(2) {
            event.tenant_id = TENANT;
        }
        append(&database, round, &fresh).await;
        stored.extend(fresh);
        project(&database).await.unwrap();
        let now = end - TimeDelta::minutes(17 * (6 - round));
        claim_parts(&database, DateTime::UNIX_EPOCH, now)
            .await
            .unwrap();
        if round % 3 != 0 {
            refresh_parts(&database).await.unwrap();
        }
        most_parts = most_parts.max(answering_parts(&database).await);
        for filter in filters(&stored)
            .iter()
            .skip(usize::try_from(round).unwrap())
            .step_by(9)
        {
            let some = ragged()
                .into_iter()
                .skip(usize::try_from(round % 3).unwrap());
            for window in some.step_by(3) {
                let filter = filter.over(window);
                compare(&database, &stored, &filter).await;
                compare_buckets(&database, &stored, &filter).await;
            }
        }
        compare_ragged(&database, &stored).await;
        let drift = failure_groups::verify(&database).await.unwrap();
        assert!(drift.agrees(), "{drift:?}");
    }
    assert!(most_parts > 40, "{most_parts}");
}

#[tokio::test]
async fn parts_that_are_packed_are_not_counted_again_from_the_events() {
    let (database, events) = with_packed_parts(62, at("2026-11-21T14:00:00Z")).await;
    let parts = window("2026-11-21T11:30:00Z", "2026-11-21T12:00:00Z");
    let filter = FailureFilter::all(parts);
    compare(&database, &events, &filter).await;
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::raw_sql("delete from origin_failure")
        .execute(&mut *owner)
        .await
        .unwrap();
    owner.commit().await.unwrap();
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let expected: i64 = matching(&events, &filter)
        .map(|event| i64::from(event.occurrences))
        .sum();
    assert!(expected > 0);
    assert_eq!(summary(&mut tx, &filter).await.unwrap().attempts, expected);
    // Within a part there is nothing but the events.
    let short = filter.over(window("2026-11-21T11:30:10Z", "2026-11-21T11:32:00Z"));
    assert_eq!(summary(&mut tx, &short).await.unwrap().attempts, 0);
    // Nothing is seen of what is not to be seen.
    let blind = FailureFilter {
        events_from: at("2026-11-21T11:45:00Z"),
        ..filter.clone()
    };
    let seen = summary(&mut tx, &blind).await.unwrap().attempts;
    let later = filter.over(window("2026-11-21T11:45:00Z", "2026-11-21T12:00:00Z"));
    assert_eq!(seen, summary(&mut tx, &later).await.unwrap().attempts);
    assert!(seen > 0);
}

#[tokio::test]
async fn a_late_failure_sets_the_pack_of_its_hour_back_to_before_its_part() {
    let (database, mut events) = with_packed_parts(63, at("2026-11-21T14:00:00Z")).await;
    assert_eq!(answering_parts(&database).await, 3 * 24);
    let mut late = events.first().unwrap().clone();
    late.occurred_at = at("2026-11-21T11:30:00Z");
    late.occurrences = 1_000;
    append(&database, 2, std::slice::from_ref(&late)).await;
    // Stored and not counted yet: packs don't say more than the counts do.
    assert_eq!(refresh_parts(&database).await.unwrap().packs, 0);
    project(&database).await.unwrap();
    events.push(late);
    assert_eq!(answering_parts(&database).await, 2 * 24 + 12);
    for _ in 0..2 {
        compare_ragged(&database, &events).await;
        assert!(failure_groups::verify(&database).await.unwrap().agrees());
        refresh_parts(&database).await.unwrap();
    }
    assert_eq!(answering_parts(&database).await, 3 * 24);
}

#[tokio::test]
async fn parts_are_packed_as_they_end_and_what_was_claimed_before_a_crash_is_packed_later() {
    let (database, events) = with_packed_parts(64, at("2026-11-21T12:31:00Z")).await;
    // 12:27:30 is the last that ended two minutes ago or earlier.
    assert_eq!(answering_parts(&database).await, 2 * 24 + 11);
    claim_parts(
        &database,
        at("2026-11-21T12:00:00Z"),
        at("2026-11-21T12:40:00Z"),
    )
    .await
    .unwrap();
    assert_eq!(answering_parts(&database).await, 2 * 24 + 11);
    compare_ragged(&database, &events).await;
    assert_eq!(refresh_parts(&database).await.unwrap().packs, 1);
    assert_eq!(answering_parts(&database).await, 2 * 24 + 15);
    compare_ragged(&database, &events).await;
}

#[tokio::test]
async fn a_damaged_pack_of_an_hour_answers_nothing_is_noticed_and_is_packed_again() {
    let (database, events) = with_packed_parts(65, at("2026-11-21T14:00:00Z")).await;
    for damage in [
        "keys = '\\xff'",
        "part_counts = '\\x05', part_times = '\\x80'",
    ] {
        execute(&database, &format!("update failure_hour_pack set {damage}")).await;
        compare_ragged(&database, &events).await;
        let drift = failure_groups::verify(&database).await.unwrap();
        assert_eq!(drift.differing_packs, 3, "{drift:?}");
        assert_eq!(rebuild(&database, |_, _| ()).await.unwrap().replaced, 3);
        assert!(failure_groups::verify(&database).await.unwrap().agrees());
        assert_eq!(refresh_parts(&database).await.unwrap().packs, 3);
        compare_ragged(&database, &events).await;
    }
}

#[tokio::test]
async fn what_changes_while_parts_are_packed_is_not_stored() {
    let (database, events) = with_packed_parts(66, at("2026-11-21T14:00:00Z")).await;
    let pack = "tenant_id = 1 and hour = '2026-11-21 11:00+00'";
    execute(
        &database,
        &format!("update failure_hour_pack set packed_parts = 3 where {pack}"),
    )
    .await;
    let mut projector = database.service_tx().await.unwrap();
    let change = format!("update failure_hour_pack set generation = generation + 1 where {pack}");
    sqlx::raw_sql(AssertSqlSafe(change))
        .execute(&mut *projector)
        .await
        .unwrap();
    let (packed, ()) = tokio::join!(refresh_parts(&database), async {
        somebody_waits(&database).await;
        projector.commit().await.unwrap();
    });
    let packed = packed.unwrap();
    assert_eq!((packed.packs, packed.missed), (0, 1));
    assert_eq!(answering_parts(&database).await, 2 * 24 + 3);
    compare_ragged(&database, &events).await;
    assert_eq!(refresh_parts(&database).await.unwrap().packs, 1);
    compare_ragged(&database, &events).await;
}

#[tokio::test]
async fn counting_and_packing_parts_at_once_agree_in_the_end_and_all_along() {
    let (database, mut events) = with_packed_parts(67, at("2026-11-21T12:00:00Z")).await;
    let (mut generator, end) = dense(68);
    for round in 0..10 {
        let fresh = generator.take(200);
        append(&database, 100 + round, &fresh).await;
        events.extend(fresh);
        let now = end - TimeDelta::minutes(5 * (10 - round));
        let (projected, packed, claimed) = tokio::join!(
            project(&database),
            refresh_parts(&database),
            claim_parts(&database, DateTime::UNIX_EPOCH, now)
        );
        projected.unwrap();
        packed.unwrap();
        claimed.unwrap();
        let drift = failure_groups::verify(&database).await.unwrap();
        assert!(drift.agrees(), "{drift:?}");
    }
    project(&database).await.unwrap();
    compare_ragged(&database, &events).await;
}

#[tokio::test]
async fn hours_with_few_failures_are_not_packed_and_packs_go_with_the_failures() {
    let (database, _) = with_packed_parts(69, at("2026-11-21T14:00:00Z")).await;
    let hours = "select count(*) from failure_hour_pack";
    assert_eq!(number(&database, hours).await, 3);
    let mut generator = FailureGenerator::new(70, at("2026-11-21T15:00:00Z"), TimeDelta::hours(1));
    let few = usize::try_from(LEAST_FAILURES).unwrap() - 1;
    let mut fresh = generator.take(few);
    for event in &mut fresh {
        event.tenant_id = TENANT;
    }
    append(&database, 2, &fresh).await;
    project(&database).await.unwrap();
    let now = at("2026-11-21T17:00:00Z");
    claim_parts(&database, DateTime::UNIX_EPOCH, now)
        .await
        .unwrap();
    assert_eq!(number(&database, hours).await, 3);
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::raw_sql("update failure_retention set dropped_before = '2026-11-21 12:00+00'")
        .execute(&mut *owner)
        .await
        .unwrap();
    owner.commit().await.unwrap();
    refresh_parts(&database).await.unwrap();
    assert_eq!(number(&database, hours).await, 1);
}
