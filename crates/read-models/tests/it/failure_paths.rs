//! The paths that fail most: exact where counted from events, bounded where not, right again after late failures.

use std::collections::HashMap;

use chrono::TimeDelta;
use limpid_domain::failure::{FailureEvent, Reason};
use limpid_domain::ids::NodeId;
use limpid_event_store::Database;
use limpid_read_models::failure_paths::{failing_paths, rebuild, refresh, verify};
use limpid_read_models::filter::FailureFilter;
use limpid_testkit::failures::FailureGenerator;

use crate::failures::{
    TENANT, at, database, execute, filters, matching, store, window, with_failures,
};

fn counted(events: &[FailureEvent], filter: &FailureFilter) -> HashMap<String, i64> {
    let mut counts = HashMap::new();
    for event in matching(events, filter) {
        *counts.entry(event.path.clone()).or_default() += i64::from(event.occurrences);
    }
    counts
}

#[tokio::test]
async fn quiet_hours_are_counted_exactly_from_the_events() {
    let (database, events) = with_failures(61).await;
    for filter in filters(&events) {
        let mut tx = database.tenant_tx(TENANT).await.unwrap();
        let found = failing_paths(&mut tx, &filter, 200).await.unwrap();
        let expected = counted(&events, &filter);
        assert_eq!(found.max_undercount, 0);
        assert_eq!(
            usize::try_from(found.distinct_paths).unwrap(),
            expected.len()
        );
        assert_eq!(found.paths.len(), expected.len().min(200));
        for path in &found.paths {
            assert_eq!(path.attempts, expected[&path.path], "{filter:?}");
        }
        assert!(found.paths.is_sorted_by(|a, b| a.attempts >= b.attempts));
    }
}

/// A busy hour: one path that fails 400 times, two reasons of another, and 900 that fail once.
fn busy_hour() -> Vec<FailureEvent> {
    let start = at("2026-11-21T10:00:00Z");
    let sample = FailureGenerator::new(62, start, TimeDelta::hours(1)).event();
    let event = |path: String, n: i64, reason| FailureEvent {
        tenant_id: TENANT,
        occurred_at: start + TimeDelta::seconds(n),
        occurrences: 1,
        reason,
        path,
        ..sample.clone()
    };
    let worst = (0..400).map(|n| event("/worst.jpg".to_owned(), n, Reason::ObjectNotFound));
    let second = (0..60).map(|n| event("/second.jpg".to_owned(), n, Reason::AccessDenied));
    let as_well = (0..40).map(|n| event("/second.jpg".to_owned(), 100 + n, Reason::DnsNotFound));
    let rest = (0..900).map(|n| event(format!("/{n}.jpg"), n, Reason::ObjectNotFound));
    worst.chain(second).chain(as_well).chain(rest).collect()
}

async fn top(database: &Database, filter: &FailureFilter) -> Vec<(String, i64)> {
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let found = failing_paths(&mut tx, filter, 2).await.unwrap();
    assert!(found.max_undercount <= 1, "{}", found.max_undercount);
    let paths = found.paths.into_iter();
    paths.map(|path| (path.path, path.attempts)).collect()
}

#[tokio::test]
async fn a_busy_hour_keeps_its_worst_paths_and_says_what_that_can_miss() {
    let database = database().await;
    let events = busy_hour();
    store(&database, NodeId(1), &events).await;
    let (since, now) = (at("2026-11-20T00:00:00Z"), at("2026-11-22T12:00:00Z"));
    let open = at("2026-11-21T10:30:00Z");
    assert_eq!(
        refresh(&database, since, open).await.unwrap().spans,
        0,
        "not closed"
    );
    let refreshed = refresh(&database, since, now).await.unwrap();
    assert_eq!(refreshed.spans, 2, "the hour and the day");
    assert_eq!(refresh(&database, since, now).await.unwrap().spans, 0);

    let spans = [
        window("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z"),
        window("2026-11-20T22:10:00Z", "2026-11-22T03:00:00Z"),
    ];
    for span in spans {
        let mut filter = FailureFilter::all(span);
        let expected = [
            ("/worst.jpg".to_owned(), 400),
            ("/second.jpg".to_owned(), 100),
        ];
        assert_eq!(top(&database, &filter).await, expected);
        filter.include.reasons = vec![Reason::AccessDenied];
        assert_eq!(
            top(&database, &filter).await,
            [("/second.jpg".to_owned(), 60)]
        );
    }
    // One of the 900: it may or may not be kept, and the bound covers it.
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let all = FailureFilter::all(spans[0]);
    let found = failing_paths(&mut tx, &all, 200).await.unwrap();
    assert_eq!((found.max_undercount, found.distinct_paths), (1, 902));
    // What the kept paths do not know is counted from the events.
    let mut rare = all.clone();
    rare.path_contains = vec!["/7".to_owned()];
    let found = failing_paths(&mut tx, &rare, 200).await.unwrap();
    assert_eq!((found.max_undercount, found.distinct_paths), (0, 111));
}

#[tokio::test]
async fn late_failures_are_counted_again_with_the_rest() {
    let database = database().await;
    let events = busy_hour();
    store(&database, NodeId(1), &events).await;
    let (since, now) = (at("2026-11-20T00:00:00Z"), at("2026-11-22T12:00:00Z"));
    refresh(&database, since, now).await.unwrap();
    let late: Vec<FailureEvent> = (0..500)
        .map(|_| FailureEvent {
            path: "/late.jpg".to_owned(),
            ..events[0].clone()
        })
        .collect();
    store(&database, NodeId(2), &late).await;
    assert_eq!(refresh(&database, since, now).await.unwrap().spans, 2);
    let filter = FailureFilter::all(window("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z"));
    let expected = [
        ("/late.jpg".to_owned(), 500),
        ("/worst.jpg".to_owned(), 400),
    ];
    assert_eq!(top(&database, &filter).await, expected);
}

/// All that is kept of paths, as text.
async fn everything_kept(database: &Database) -> Vec<String> {
    let mut connection = database.service().await.unwrap();
    sqlx::query_scalar("select to_jsonb(p)::text from failure_path_pack p order by 1")
        .fetch_all(&mut *connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn kept_paths_that_are_damaged_are_noticed_and_derived_again() {
    let database = database().await;
    store(&database, NodeId(1), &busy_hour()).await;
    let (since, now) = (at("2026-11-20T00:00:00Z"), at("2026-11-22T12:00:00Z"));
    refresh(&database, since, now).await.unwrap();
    let before = everything_kept(&database).await;
    assert_eq!(verify(&database).await.unwrap(), 0);
    for (damage, spans) in [
        (
            "update failure_path_pack set totals = '\\xff' where span_hours = 1",
            1,
        ),
        ("update failure_path_pack set cells = cells || '\\x00'", 2),
        (
            "update failure_path_pack set undercount = 0, distinct_paths = 5",
            2,
        ),
    ] {
        execute(&database, damage).await;
        assert_eq!(verify(&database).await.unwrap(), spans, "{damage}");
        let mut heard = Vec::new();
        let report = rebuild(&database, now, |done, of| heard.push((done, of)))
            .await
            .unwrap();
        assert_eq!((report.spans, report.replaced), (2, spans), "{damage}");
        assert_eq!(heard, [(1, 2), (2, 2)]);
        assert_eq!(everything_kept(&database).await, before, "{damage}");
        assert_eq!(verify(&database).await.unwrap(), 0);
    }

    // What is not counted yet is no difference, and is counted.
    execute(&database, "delete from failure_path_pack").await;
    assert_eq!(verify(&database).await.unwrap(), 0);
    let report = rebuild(&database, now, |_, _| ()).await.unwrap();
    assert_eq!((report.spans, report.replaced), (2, 0));
    assert_eq!(everything_kept(&database).await, before);
}

#[tokio::test]
async fn of_a_damaged_pack_the_events_are_counted() {
    let database = database().await;
    store(&database, NodeId(1), &busy_hour()).await;
    let (since, now) = (at("2026-11-20T00:00:00Z"), at("2026-11-22T12:00:00Z"));
    refresh(&database, since, now).await.unwrap();
    let mut filter = FailureFilter::all(window("2026-11-20T22:10:00Z", "2026-11-22T03:00:00Z"));
    for (damage, reasons) in [
        ("update failure_path_pack set totals = '\\xff'", vec![]),
        (
            "update failure_path_pack set cells = '\\x01'",
            vec![Reason::ObjectNotFound, Reason::AccessDenied],
        ),
    ] {
        execute(&database, "delete from failure_path_pack").await;
        refresh(&database, since, now).await.unwrap();
        execute(&database, damage).await;
        filter.include.reasons = reasons;
        let mut tx = database.tenant_tx(TENANT).await.unwrap();
        let found = failing_paths(&mut tx, &filter, 1).await.unwrap();
        let worst = found.paths.first().map(|path| path.attempts);
        assert_eq!((worst, found.max_undercount), (Some(400), 0), "{damage}");
    }
}
