//! Packs say what the counts say, whatever comes late, is done at once, breaks off or is damaged.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{BatchSeq, NodeId, TenantId};
use limpid_event_store::Database;
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_read_models::breakdown::GroupBy;
use limpid_read_models::failure_facets::facet;
use limpid_read_models::failure_groups::{self, GroupOrder, groups, project, rebuild};
use limpid_read_models::failure_packs::{
    LEAST_COUNTS, LEAST_FAILURES, claim, claim_parts, refresh, refresh_parts,
};
use limpid_read_models::failure_summary::summary;
use limpid_read_models::failure_timeseries::timeseries;
use limpid_read_models::filter::{FailureFilter, Window};
use limpid_testkit::failures::FailureGenerator;
use sqlx::AssertSqlSafe;

use crate::failures::{
    TENANT, at, database, filters, group_of, matching, window, with_packed_failures,
};

async fn number(database: &Database, query: &str) -> i64 {
    let mut connection = database.service().await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
        .fetch_one(&mut *connection)
        .await
        .unwrap()
}

async fn execute(database: &Database, statement: &str) {
    let mut connection = database.service().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut *connection)
        .await
        .unwrap();
}

/// Hours of packs that answer for themselves.
async fn answering(database: &Database) -> i64 {
    let query = "select coalesce(sum(bit_count(hours::bit(32))), 0)::bigint from failure_day_pack";
    number(database, query).await
}

async fn append(database: &Database, seq: i64, events: &[FailureEvent]) {
    let mut connection = database.service().await.unwrap();
    let batch = Batch {
        seq: BatchSeq(seq),
        events: events.to_vec(),
        refused: 0,
    };
    append_batches(&mut connection, NodeId(1), &[batch])
        .await
        .unwrap();
}

/// Every question of every filter against counting by hand.
async fn compare(database: &Database, events: &[FailureEvent], filter: &FailureFilter) {
    let expected: i64 = matching(events, filter)
        .map(|event| i64::from(event.occurrences))
        .sum();
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let found = summary(&mut tx, filter).await.unwrap();
    assert_eq!(found.attempts, expected, "{filter:?}");
    for hours in [1, 3, 24, 168] {
        let interval = TimeDelta::hours(hours);
        let series = timeseries(&mut tx, filter, GroupBy::Reason, interval)
            .await
            .unwrap();
        let columns = series.counts.first().map_or(0, Vec::len);
        let mut sums = vec![0; columns];
        for event in matching(events, filter) {
            let column = (event.occurred_at - series.start).num_hours() / hours;
            let sum = sums.get_mut(usize::try_from(column).unwrap());
            *sum.unwrap() += i64::from(event.occurrences);
        }
        let found: Vec<i64> = (0..columns)
            .map(|column| {
                series
                    .counts
                    .iter()
                    .filter_map(|line| line.get(column))
                    .sum()
            })
            .collect();
        assert_eq!(found, sums, "{filter:?} by {hours} h");
    }
    compare_groups(database, events, filter).await;
}

async fn compare_groups(database: &Database, events: &[FailureEvent], filter: &FailureFilter) {
    let mut expected: HashMap<_, (i64, DateTime<Utc>, DateTime<Utc>)> = HashMap::new();
    for event in matching(events, filter) {
        let at = event.occurred_at;
        let (count, first, last) = expected.entry(group_of(event)).or_insert((0, at, at));
        *count += i64::from(event.occurrences);
        (*first, *last) = ((*first).min(at), (*last).max(at));
    }
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let list = groups(&mut tx, filter, GroupOrder::Count).await.unwrap();
    let found = list.groups.into_iter().map(|total| {
        assert_eq!(total.trend.iter().sum::<i64>(), total.attempts);
        let moments = (total.attempts, total.first_at, total.last_at);
        (total.group.id, moments)
    });
    assert_eq!(found.collect::<HashMap<_, _>>(), expected, "{filter:?}");
    let by_hand: HashMap<_, i64> =
        matching(events, filter).fold(HashMap::new(), |mut sums, event| {
            *sums.entry(event.upstream_status).or_default() += i64::from(event.occurrences);
            sums
        });
    if filter.include.upstream_statuses.is_empty() && filter.exclude.upstream_statuses.is_empty() {
        let facet = facet(&mut tx, filter, GroupBy::UpstreamStatus)
            .await
            .unwrap();
        assert_eq!(facet.values.len(), by_hand.len(), "{filter:?}");
        let sum: i64 = facet.values.iter().map(|(_, count)| count).sum();
        assert_eq!(sum, by_hand.values().sum::<i64>(), "{filter:?}");
    }
}

#[tokio::test]
async fn whatever_comes_when_and_is_packed_when_every_answer_is_what_the_events_say() {
    let database = database().await;
    let start = at("2026-11-20T05:00:00Z");
    let mut generator = FailureGenerator::new(77, start, TimeDelta::days(3));
    let mut stored: Vec<FailureEvent> = Vec::new();
    for round in 1..=8 {
        // Each round's failures are of all three days: those of packed hours are late.
        let fresh = generator.take(250);
        append(&database, round, &fresh).await;
        stored.extend(fresh);
        project(&database).await.unwrap();
        let now = start + TimeDelta::hours(11 * round);
        claim(&database, start, now).await.unwrap();
        if round % 3 != 0 {
            refresh(&database).await.unwrap();
        }
        let all = filters(&stored);
        let some = usize::try_from(round).unwrap();
        for filter in all.iter().skip(some).step_by(9) {
            compare(&database, &stored, filter).await;
        }
        let drift = failure_groups::verify(&database).await.unwrap();
        assert!(drift.agrees(), "{drift:?}");
    }
    assert!(answering(&database).await > 50);
}

#[tokio::test]
async fn a_late_failure_is_counted_in_its_own_hour_before_and_after_that_is_packed_again() {
    let (database, mut events) = with_packed_failures(51).await;
    let hour = window("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z");
    let mut late = events.first().unwrap().clone();
    late.tenant_id = TENANT;
    late.occurred_at = hour.from + TimeDelta::minutes(30);
    late.occurrences = 1_000;
    let before = answering(&database).await;
    append(&database, 1_000, std::slice::from_ref(&late)).await;
    project(&database).await.unwrap();
    events.push(late);
    assert_eq!(
        answering(&database).await,
        before - 1,
        "one hour of one pack"
    );
    for _ in 0..2 {
        for from in [
            hour.from,
            at("2026-11-21T00:00:00Z"),
            at("2026-11-20T00:00:00Z"),
        ] {
            let filter = FailureFilter::all(Window {
                from,
                to: at("2026-11-23T00:00:00Z"),
            });
            compare(&database, &events, &filter).await;
        }
        assert!(failure_groups::verify(&database).await.unwrap().agrees());
        refresh(&database).await.unwrap();
    }
    assert_eq!(answering(&database).await, before);
    assert_eq!(refresh(&database).await.unwrap().packs, 0);
}

/// Until a statement waits for a transaction's row.
async fn somebody_waits(database: &Database) {
    let waits = "select count(*) from pg_locks where not granted and locktype = 'transactionid'
                   and database is null and pid in (select pid from pg_stat_activity where datname = current_database())";
    let started = std::time::Instant::now();
    while number(database, waits).await == 0 {
        assert!(
            started.elapsed() < std::time::Duration::from_secs(30),
            "nobody waits"
        );
    }
}

#[tokio::test]
async fn what_changes_while_it_is_packed_is_not_stored() {
    let (database, events) = with_packed_failures(52).await;
    let pack = "tenant_id = 1 and day = '2026-11-21'";
    execute(
        &database,
        &format!("update failure_day_pack set hours = 0 where {pack}"),
    )
    .await;
    // As the projector does: it has noted a change, and has not committed yet.
    let mut projector = database.service_tx().await.unwrap();
    let change = format!("update failure_day_pack set generation = generation + 1 where {pack}");
    sqlx::raw_sql(AssertSqlSafe(change))
        .execute(&mut *projector)
        .await
        .unwrap();
    let (packed, ()) = tokio::join!(refresh(&database), async {
        somebody_waits(&database).await;
        projector.commit().await.unwrap();
    });
    let packed = packed.unwrap();
    assert_eq!((packed.packs, packed.missed), (0, 1));
    let hours = format!("select hours::bigint from failure_day_pack where {pack}");
    assert_eq!(number(&database, &hours).await, 0);
    let everything = FailureFilter::all(window("2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z"));
    compare(&database, &events, &everything).await;
    assert_eq!(refresh(&database).await.unwrap().packs, 1);
}

#[tokio::test]
async fn counting_and_packing_at_once_agree_in_the_end_and_all_along() {
    let (database, mut events) = with_packed_failures(53).await;
    let now = at("2026-11-24T00:00:00Z");
    let mut generator = FailureGenerator::new(54, at("2026-11-20T05:00:00Z"), TimeDelta::days(3));
    for round in 0..10 {
        let fresh = generator.take(40);
        append(&database, 2_000 + round, &fresh).await;
        events.extend(fresh);
        let (projected, packed, claimed) = tokio::join!(
            project(&database),
            refresh(&database),
            claim(&database, at("2026-11-19T00:00:00Z"), now)
        );
        projected.unwrap();
        packed.unwrap();
        claimed.unwrap();
        let drift = failure_groups::verify(&database).await.unwrap();
        assert!(drift.agrees(), "{drift:?}");
    }
    project(&database).await.unwrap();
    let everything = FailureFilter::all(window("2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z"));
    compare(&database, &events, &everything).await;
}

#[tokio::test]
async fn hours_that_were_claimed_before_a_crash_are_answered_by_the_counts_until_they_are_packed() {
    let (database, events) = crate::failures::with_failures(55).await;
    let now = at("2026-11-24T00:00:00Z");
    claim(&database, at("2026-11-01T00:00:00Z"), now)
        .await
        .unwrap();
    assert_eq!(answering(&database).await, 0);
    let everything = FailureFilter::all(window("2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z"));
    compare(&database, &events, &everything).await;
    assert!(refresh(&database).await.unwrap().packs > 5);
    assert!(answering(&database).await > 5 * 24);
    compare(&database, &events, &everything).await;
}

#[tokio::test]
async fn a_damaged_pack_answers_nothing_is_noticed_and_is_packed_again() {
    let (database, events) = with_packed_failures(56).await;
    let everything = FailureFilter::all(window("2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z"));
    for damage in [
        "keys = '\\xff'",
        "hour_counts = '\\x05', day_counts = '\\x80'",
    ] {
        let statement = format!("update failure_day_pack set {damage} where tenant_id = 1");
        execute(&database, &statement).await;
        compare(&database, &events, &everything).await;
        let drift = failure_groups::verify(&database).await.unwrap();
        assert!(drift.differing_packs >= 3, "{drift:?}");
        let packs = u64::try_from(drift.differing_packs).unwrap();
        assert_eq!(rebuild(&database, |_, _| ()).await.unwrap().replaced, packs);
        assert!(failure_groups::verify(&database).await.unwrap().agrees());
        assert_eq!(refresh(&database).await.unwrap().packs, packs);
        assert!(failure_groups::verify(&database).await.unwrap().agrees());
    }
}

#[tokio::test]
async fn a_pack_that_says_a_wrong_number_is_noticed() {
    let (database, _) = with_packed_failures(57).await;
    execute(
        &database,
        "update failure_group_1h set occurrences = occurrences + 1 where tenant_id = 1 and hour = '2026-11-21 10:00+00'",
    )
    .await;
    let drift = failure_groups::verify(&database).await.unwrap();
    assert_eq!(drift.differing_packs, 1);
    assert!(rebuild(&database, |_, _| ()).await.unwrap().replaced > 0);
    refresh(&database).await.unwrap();
    assert!(failure_groups::verify(&database).await.unwrap().agrees());
}

#[tokio::test]
async fn days_with_few_counts_and_tenants_that_are_being_erased_are_not_packed() {
    let database = database().await;
    let start = at("2026-11-21T00:00:00Z");
    let mut generator = FailureGenerator::new(58, start, TimeDelta::hours(20));
    let mut events = generator.take(600);
    for event in &mut events {
        event.tenant_id = TenantId(2);
    }
    let few = usize::try_from(LEAST_COUNTS).unwrap() - 1;
    for event in events.iter_mut().take(few) {
        event.tenant_id = TENANT;
    }
    append(&database, 1, &events).await;
    project(&database).await.unwrap();
    execute(
        &database,
        "insert into tenant_erasure (tenant_id, requested_by) values (2, '{}')",
    )
    .await;
    let now = at("2026-11-22T00:10:00Z");
    claim(&database, start, now).await.unwrap();
    assert_eq!(
        number(&database, "select count(*) from failure_day_pack").await,
        0
    );
    execute(&database, "update tenant_erasure set finished_at = now()").await;
    claim(&database, start, now).await.unwrap();
    let tenants = "select sum(tenant_id)::bigint from failure_day_pack";
    assert_eq!(number(&database, tenants).await, 2);
}

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
