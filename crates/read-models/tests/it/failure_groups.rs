//! Groups: each batch counted once, numbers as by hand, repaired when damaged.

use std::collections::HashMap;

use chrono::TimeDelta;
use limpid_domain::failure::{FailureEvent, Outcome};
use limpid_domain::ids::{BatchSeq, GroupId, NodeId};
use limpid_event_store::Database;
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_event_store::failure_partitions::maintain;
use limpid_read_models::failure_groups::{
    GroupOrder, group, groups, project, rebuild, verify, verify_since,
};
use limpid_read_models::filter::FailureFilter;
use limpid_read_models::freshness::{Reads, freshness};
use limpid_testkit::failures::FailureGenerator;

use crate::failures::{
    TENANT, at, database, execute, filters, group_of, matching, store, window, with_failures,
};

fn everything() -> FailureFilter {
    FailureFilter::all(window("2026-11-20T05:00:00Z", "2026-11-23T05:00:00Z"))
}

#[tokio::test]
async fn groups_are_what_counting_by_hand_gives() {
    let (database, events) = with_failures(51).await;
    for filter in filters(&events) {
        let mut expected: HashMap<GroupId, (i64, i64)> = HashMap::new();
        for event in matching(&events, &filter) {
            let (attempts, visible) = expected.entry(group_of(event)).or_default();
            *attempts += i64::from(event.occurrences);
            if event.headline && event.outcome == Outcome::Failed {
                *visible += i64::from(event.occurrences);
            }
        }
        let mut tx = database.tenant_tx(TENANT).await.unwrap();
        let found = groups(&mut tx, &filter, GroupOrder::Count).await.unwrap();
        for total in &found.groups {
            assert_eq!(total.trend.iter().sum::<i64>(), total.attempts);
            assert!(total.first_at >= total.group.first_at && total.last_at <= total.group.last_at);
        }
        assert!(found.groups.is_sorted_by(|a, b| a.attempts >= b.attempts));
        let found: HashMap<GroupId, (i64, i64)> = found
            .groups
            .into_iter()
            .map(|total| (total.group.id, (total.attempts, total.client_visible)))
            .collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_group_knows_its_whole_life() {
    let (database, events) = with_failures(52).await;
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let some = events
        .iter()
        .find(|event| event.tenant_id == TENANT)
        .unwrap();
    let members: Vec<&FailureEvent> = events
        .iter()
        .filter(|event| event.tenant_id == TENANT && group_of(event) == group_of(some))
        .collect();
    let known = group(&mut tx, group_of(some)).await.unwrap().unwrap();
    let times = || members.iter().map(|event| event.occurred_at);
    assert_eq!(Some(known.first_at), times().min());
    assert_eq!(Some(known.last_at), times().max());
    let occurrences = members.iter().map(|event| i64::from(event.occurrences));
    assert_eq!(known.occurrences, occurrences.sum::<i64>());
    assert_eq!(known.reason, some.reason);
    assert!(known.path_template.ends_with("/*.jpg"), "{known:?}");
    let stranger =
        FailureGenerator::new(9, at("2026-11-20T05:00:00Z"), TimeDelta::hours(1)).event();
    assert_eq!(
        group(&mut tx, GroupId(stranger.fingerprint() ^ 1))
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn every_batch_counts_once_however_often_and_by_whomever_it_is_projected() {
    let (database, _) = with_failures(53).await;
    assert_eq!(
        project(&database).await.unwrap().events,
        0,
        "projected already"
    );
    let start = at("2026-11-20T05:00:00Z");
    // Another node, late by days, while two projectors work.
    let late = FailureGenerator::new(54, start, TimeDelta::days(3)).take(1_500);
    store(&database, NodeId(2), &late).await;
    let (one, two) = tokio::join!(project(&database), project(&database));
    let by_both = one.unwrap().events + two.unwrap().events;
    let rest = project(&database).await.unwrap().events;
    assert_eq!(by_both + rest, 1_500);
    let found = verify(&database).await.unwrap();
    assert!(found.agrees() && found.events == 3_500, "{found:?}");
}

#[tokio::test]
async fn damaged_counts_are_noticed_and_derived_again() {
    let (database, _) = with_failures(55).await;
    execute(
        &database,
        "update failure_group_1h set occurrences = occurrences + 1 where group_id = (select min(group_id) from failure_group_1h);
         delete from failure_group_1d where group_id = (select max(group_id) from failure_group_1d);
         update failure_group set occurrences = 0 where group_id = (select min(group_id) from failure_group)",
    )
    .await;
    let found = verify(&database).await.unwrap();
    assert!(found.differing_hours > 0 && found.differing_days > 0);
    let mut heard = Vec::new();
    let report = rebuild(&database, |done, of| heard.push((done, of)))
        .await
        .unwrap();
    assert!(report.replaced >= 3, "{report:?}");
    assert_eq!(heard.last(), Some(&(report.hours, report.hours)));
    assert!(verify(&database).await.unwrap().agrees());
    assert_eq!(rebuild(&database, |_, _| ()).await.unwrap().replaced, 0);
}

/// All rows of the groups, as text.
async fn everything_stored(database: &Database) -> Vec<String> {
    let mut connection = database.service().await.unwrap();
    sqlx::query_scalar(
        "select to_jsonb(g)::text from failure_group g union all select to_jsonb(h)::text from failure_group_1h h
         union all select to_jsonb(d)::text from failure_group_1d d
         union all select concat(tenant_id, ' ', fingerprint, ' ', group_id) from failure_fingerprint order by 1",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap()
}

async fn is_noticed_and_restored(seed: u64, damage: &'static str) {
    let (database, _) = with_failures(seed).await;
    let before = everything_stored(&database).await;
    execute(&database, damage).await;
    let found = verify(&database).await.unwrap();
    assert!(!found.agrees(), "{damage}");
    let report = rebuild(&database, |_, _| ()).await.unwrap();
    assert!(report.replaced > 0, "{damage}");
    assert_eq!(everything_stored(&database).await, before, "{damage}");
    let found = verify(&database).await.unwrap();
    assert!(found.agrees(), "{damage}: {found:?}");
    assert_eq!(rebuild(&database, |_, _| ()).await.unwrap().replaced, 0);
}

#[tokio::test]
async fn all_rows_of_a_tenant_that_are_lost_are_noticed_and_restored() {
    is_noticed_and_restored(
        58,
        "delete from failure_group where tenant_id = 1; delete from failure_fingerprint where tenant_id = 1;
         delete from failure_group_1h where tenant_id = 1; delete from failure_group_1d where tenant_id = 1",
    )
    .await;
}

#[tokio::test]
async fn a_group_that_is_lost_is_noticed_and_restored() {
    let damage =
        "delete from failure_group where group_id = (select min(group_id) from failure_group)";
    is_noticed_and_restored(59, damage).await;
}

#[tokio::test]
async fn a_fingerprint_that_is_lost_is_noticed_and_finds_its_group_again() {
    let damage = "delete from failure_fingerprint where fingerprint = (select min(group_id) from failure_group)";
    is_noticed_and_restored(60, damage).await;
}

#[tokio::test]
async fn a_group_whose_own_numbers_are_changed_is_noticed_and_restored() {
    is_noticed_and_restored(
        61,
        "update failure_group set occurrences = occurrences + 1 where group_id = (select min(group_id) from failure_group);
         update failure_group set first_at = first_at - interval '1 hour' where group_id = (select max(group_id) from failure_group)",
    )
    .await;
}

#[tokio::test]
async fn a_lost_group_is_drift_of_the_last_day_too() {
    let (database, _) = with_failures(62).await;
    let day = at("2026-11-22T00:00:00Z");
    assert!(verify_since(&database, day).await.unwrap().agrees());
    execute(&database, "delete from failure_group where tenant_id = 1").await;
    let found = verify_since(&database, day).await.unwrap();
    assert!(found.differing_groups > 0 && found.differences() > 0);
}

#[tokio::test]
async fn what_fell_together_falls_together_again() {
    let database = database().await;
    let start = at("2026-11-20T05:00:00Z");
    let sample = FailureGenerator::new(63, start, TimeDelta::hours(1)).event();
    let letters = || b'a'..=b'z';
    let folders = letters().flat_map(|one| letters().map(move |two| [one, two]));
    let events: Vec<FailureEvent> = folders
        .take(208)
        .map(|[one, two]| FailureEvent {
            tenant_id: TENANT,
            path: format!("/{}{}/x.jpg", one as char, two as char),
            occurred_at: start + TimeDelta::minutes(1),
            occurrences: 1,
            ..sample.clone()
        })
        .collect();
    store(&database, NodeId(1), &events).await;
    project(&database).await.unwrap();
    let before = everything_stored(&database).await;
    for damage in [
        "delete from failure_group",
        "delete from failure_fingerprint",
    ] {
        execute(&database, damage).await;
        assert!(!verify(&database).await.unwrap().agrees(), "{damage}");
        assert!(rebuild(&database, |_, _| ()).await.unwrap().replaced > 0);
        // One path of those that fell together stands for all of them; which one is of no account.
        let after = everything_stored(&database).await;
        assert_eq!(after.len(), before.len(), "{damage}");
        let differing = after.iter().filter(|row| !before.contains(row)).count();
        assert!(differing <= 1, "{damage}: {differing}");
        assert!(verify(&database).await.unwrap().agrees(), "{damage}");
    }
}

#[tokio::test]
async fn very_many_path_templates_of_a_kind_fall_into_one_group() {
    let database = database().await;
    let start = at("2026-11-20T05:00:00Z");
    let sample = FailureGenerator::new(56, start, TimeDelta::hours(1)).event();
    let names =
        |from: u8| (b'a'..=b'z').map(move |letter| format!("{}{}", from as char, letter as char));
    let folders = (b'a'..=b'h').flat_map(names);
    let events: Vec<FailureEvent> = folders
        .map(|folder| FailureEvent {
            tenant_id: TENANT,
            path: format!("/{folder}/x.jpg"),
            occurred_at: start + TimeDelta::minutes(1),
            occurrences: 1,
            ..sample.clone()
        })
        .collect();
    assert_eq!(events.len(), 208);
    store(&database, NodeId(1), &events).await;
    project(&database).await.unwrap();
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let found = groups(&mut tx, &everything(), GroupOrder::Count)
        .await
        .unwrap();
    assert_eq!(found.groups.len(), 101);
    let together = found.groups.first().unwrap();
    assert_eq!(
        (together.group.path_template.as_str(), together.attempts),
        ("**", 108)
    );
    // Asked for as a group it is found among events, too.
    let mut filter = everything();
    filter.include.groups = vec![together.group.id];
    filter.path_contains = vec!["/".to_owned()];
    let found = groups(&mut tx, &filter, GroupOrder::Count).await.unwrap();
    assert_eq!(found.groups.len(), 1);
    assert_eq!(found.groups.first().unwrap().attempts, 108);
}

#[tokio::test]
async fn an_answer_about_groups_says_when_it_lags_behind_the_events() {
    let (database, events) = with_failures(57).await;
    execute(
        &database,
        "insert into serving_node values (1, now(), 1, 0, 0, null, 0, 0, 0, false)",
    )
    .await;
    let as_of = async |reads| {
        let mut tx = database.tenant_tx(TENANT).await.unwrap();
        let window = everything().window;
        freshness(&mut tx, window, reads).await.unwrap().as_of
    };
    assert_eq!(as_of(Reads::Groups).await, as_of(Reads::Events).await);
    let uncounted = events.first().unwrap();
    let mut connection = database.service().await.unwrap();
    let batch = Batch {
        seq: BatchSeq(1_000),
        events: vec![uncounted.clone()],
        refused: 0,
    };
    append_batches(&mut connection, NodeId(1), &[batch])
        .await
        .unwrap();
    assert_eq!(as_of(Reads::Groups).await, uncounted.occurred_at);
    assert!(as_of(Reads::Events).await > uncounted.occurred_at);
    project(&database).await.unwrap();
    assert!(as_of(Reads::Groups).await > uncounted.occurred_at);
}

/// Sums of daily counts and of groups' own.
async fn day_sums(database: &Database) -> (Vec<i64>, Vec<i64>) {
    let mut connection = database.service().await.unwrap();
    let days = sqlx::query_scalar(
        "select sum(events)::bigint from failure_group_1d group by day order by day",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let groups =
        sqlx::query_scalar("select events from failure_group order by tenant_id, group_id")
            .fetch_all(&mut *connection)
            .await
            .unwrap();
    (days, groups)
}

#[tokio::test]
async fn a_day_whose_events_are_gone_keeps_its_counts_when_its_hours_are_lost_too() {
    let (database, _) = with_failures(63).await;
    let now = at("2026-11-23T06:00:00Z");
    maintain(&database, now, now - TimeDelta::days(1))
        .await
        .unwrap();
    let before = day_sums(&database).await;
    execute(
        &database,
        "delete from failure_group_1h where hour < '2026-11-21 12:00+00';
         delete from failure_group_1d where day = '2026-11-22 00:00+00'",
    )
    .await;
    let report = rebuild(&database, |_, _| ()).await.unwrap();
    assert!(
        report.replaced > 0,
        "the day whose events are kept: {report:?}"
    );
    assert_eq!(day_sums(&database).await, before);

    // A day that is lost beside its events comes back as far as its hours are there.
    execute(
        &database,
        "delete from failure_group_1d where day = '2026-11-21 00:00+00'",
    )
    .await;
    rebuild(&database, |_, _| ()).await.unwrap();
    let (days, groups) = day_sums(&database).await;
    assert_eq!(
        (days.len(), days[0], days[2]),
        (before.0.len(), before.0[0], before.0[2])
    );
    assert!(
        days[1] > 0 && days[1] < before.0[1],
        "{days:?} of {before:?}"
    );
    assert_eq!(groups, before.1, "no group's own numbers become fewer");
}
