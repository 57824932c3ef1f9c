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
use limpid_read_models::failure_packs::{LEAST_COUNTS, claim, refresh};
use limpid_read_models::failure_summary::summary;
use limpid_read_models::failure_timeseries::timeseries;
use limpid_read_models::filter::{FailureFilter, Window};
use limpid_testkit::failures::FailureGenerator;
use sqlx::AssertSqlSafe;

use crate::failures::{
    TENANT, at, database, filters, group_of, matching, window, with_packed_failures,
};

pub(crate) async fn number(database: &Database, query: &str) -> i64 {
    let mut connection = database.service().await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
        .fetch_one(&mut *connection)
        .await
        .unwrap()
}

pub(crate) async fn execute(database: &Database, statement: &str) {
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

pub(crate) async fn append(database: &Database, seq: i64, events: &[FailureEvent]) {
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
pub(crate) async fn compare(database: &Database, events: &[FailureEvent], filter: &FailureFilter) {
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
pub(crate) async fn somebody_waits(database: &Database) {
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
