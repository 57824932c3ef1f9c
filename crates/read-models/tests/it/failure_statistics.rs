//! Summary and timeseries say what counting by hand says.

use std::collections::HashMap;

use chrono::TimeDelta;
use limpid_domain::failure::{FailureEvent, Outcome};
use limpid_domain::ids::{NodeId, TenantId};
use limpid_event_store::Database;
use limpid_read_models::failure_groups::project;
use limpid_read_models::failure_summary::{Summary, summary};
use limpid_read_models::failure_timeseries::{GroupBy, SeriesKey, interval_for, timeseries};
use limpid_read_models::filter::FailureFilter;
use limpid_read_models::freshness::{Reads, freshness};

use crate::failures::{
    TENANT, database, filters, group_of, matching, store, window, with_failures,
    with_packed_failures,
};

#[tokio::test]
async fn a_summary_is_what_counting_by_hand_gives() {
    let (database, events) = with_failures(1).await;
    compare_summaries(&database, &events).await;
    let (database, events) = with_packed_failures(1).await;
    compare_summaries(&database, &events).await;
}

async fn compare_summaries(database: &Database, events: &[FailureEvent]) {
    for filter in filters(events) {
        let mut tx = database.tenant_tx(TENANT).await.unwrap();
        let found = summary(&mut tx, &filter).await.unwrap();
        let count = |wanted: &dyn Fn(&FailureEvent) -> bool| -> i64 {
            let matching = matching(events, &filter).filter(|event| wanted(event));
            matching.map(|event| i64::from(event.occurrences)).sum()
        };
        assert_eq!(found.attempts, count(&|_| true), "{filter:?}");
        assert_eq!(
            found.rescued,
            count(&|event| event.outcome == Outcome::Rescued),
            "{filter:?}"
        );
        let visible = count(&|event| event.headline && event.outcome == Outcome::Failed);
        assert_eq!(found.client_visible, visible, "{filter:?}");
        for (code, counted) in &found.by_code {
            assert_eq!(
                *counted,
                count(&|event| event.reason.code() == *code),
                "{filter:?}"
            );
        }
        for (reason, counted) in &found.by_reason {
            assert_eq!(
                *counted,
                count(&|event| event.reason == *reason),
                "{filter:?}"
            );
        }
        for (origin, counted) in &found.by_origin {
            assert_eq!(
                *counted,
                count(&|event| event.origin_no == *origin),
                "{filter:?}"
            );
        }
        let sums = [
            found.by_code.iter().map(|(_, n)| n).sum::<i64>(),
            found.by_reason.iter().map(|(_, n)| n).sum(),
            found.by_origin.iter().map(|(_, n)| n).sum(),
        ];
        assert_eq!(sums, [found.attempts; 3]);
        assert!(found.by_reason.is_sorted_by(|(_, a), (_, b)| a >= b));
    }
}

#[tokio::test]
async fn a_timeseries_adds_up_to_the_summary_whatever_makes_its_lines() {
    let (database, events) = with_failures(2).await;
    compare_timeseries(&database, &events).await;
    let (database, events) = with_packed_failures(2).await;
    compare_timeseries(&database, &events).await;
}

async fn compare_timeseries(database: &Database, events: &[FailureEvent]) {
    for filter in filters(events) {
        for group_by in [
            GroupBy::Code,
            GroupBy::Reason,
            GroupBy::Origin,
            GroupBy::Endpoint,
            GroupBy::Outcome,
            GroupBy::Stage,
            GroupBy::UpstreamStatus,
            GroupBy::Node,
            GroupBy::ConfigVersion,
            GroupBy::Group,
        ] {
            let mut tx = database.tenant_tx(TENANT).await.unwrap();
            let interval = interval_for(filter.window);
            let series = timeseries(&mut tx, &filter, group_by, interval)
                .await
                .unwrap();
            let mut expected: HashMap<SeriesKey, Vec<i64>> = HashMap::new();
            for event in matching(events, &filter) {
                let key = match group_by {
                    GroupBy::Code => SeriesKey::Code(event.reason.code()),
                    GroupBy::Reason => SeriesKey::Reason(event.reason),
                    GroupBy::Origin => SeriesKey::Origin(event.origin_no),
                    GroupBy::Endpoint => SeriesKey::Endpoint(event.endpoint_no),
                    GroupBy::Outcome => SeriesKey::Outcome(event.outcome),
                    GroupBy::Stage => SeriesKey::Stage(event.reason.row().stage),
                    GroupBy::UpstreamStatus => SeriesKey::UpstreamStatus(event.upstream_status),
                    GroupBy::Node => SeriesKey::Node(NodeId(1)),
                    GroupBy::ConfigVersion => SeriesKey::ConfigVersion(event.config_version),
                    GroupBy::Group => SeriesKey::Group(group_of(event)),
                };
                let columns = series.counts.first().map_or(0, Vec::len);
                let line = expected.entry(key).or_insert_with(|| vec![0; columns]);
                let offset =
                    (event.occurred_at - series.start).num_seconds() / interval.num_seconds();
                let column = line.get_mut(usize::try_from(offset).unwrap());
                *column.unwrap() += i64::from(event.occurrences);
            }
            let found: HashMap<_, _> = series.keys.into_iter().zip(series.counts).collect();
            assert_eq!(
                with_rest_together(expected, &found),
                found,
                "{filter:?} by {group_by:?}"
            );
        }
    }
}

/// Adds up the lines that the answer does not name.
fn with_rest_together(
    expected: HashMap<SeriesKey, Vec<i64>>,
    found: &HashMap<SeriesKey, Vec<i64>>,
) -> HashMap<SeriesKey, Vec<i64>> {
    let mut lines = HashMap::new();
    for (key, line) in expected {
        let shown = if found.contains_key(&key) {
            key
        } else {
            SeriesKey::Other
        };
        let sums: &mut Vec<i64> = lines.entry(shown).or_insert_with(|| vec![0; line.len()]);
        for (sum, count) in sums.iter_mut().zip(line) {
            *sum += count;
        }
    }
    lines
}

#[tokio::test]
async fn a_tenant_sees_its_own_failures_only() {
    let (database, events) = with_failures(3).await;
    let everything = FailureFilter::all(window("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"));
    let mut seen = Vec::new();
    for tenant in [TENANT, TenantId(2), TenantId(3)] {
        let mut tx = database.tenant_tx(tenant).await.unwrap();
        seen.push(summary(&mut tx, &everything).await.unwrap());
        // Without naming the tenant in the query, row-level security alone decides.
        let all: i64 = sqlx::query_scalar("select count(*) from origin_failure")
            .fetch_one(tx.as_conn())
            .await
            .unwrap();
        assert_eq!(
            usize::try_from(all).unwrap(),
            events
                .iter()
                .filter(|event| event.tenant_id == tenant)
                .count()
        );
    }
    let total: i64 = events
        .iter()
        .map(|event| i64::from(event.occurrences))
        .sum();
    assert_eq!(seen[0].attempts + seen[1].attempts, total);
    assert_eq!(seen[2], Summary::default());
}

#[tokio::test]
async fn an_answer_is_complete_when_no_node_lags_behind() {
    let database = database().await;
    let past = window("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z");
    let fresh = async |database: &Database| {
        let mut tx = database.tenant_tx(TENANT).await.unwrap();
        let now: chrono::DateTime<chrono::Utc> = sqlx::query_scalar("select now()")
            .fetch_one(tx.as_conn())
            .await
            .unwrap();
        let open = limpid_read_models::filter::Window {
            from: past.from,
            to: now.max(past.to),
        };
        (
            freshness(&mut tx, past, Reads::Events).await.unwrap(),
            freshness(&mut tx, open, Reads::Events).await.unwrap(),
        )
    };
    let beat = async |node: i64, ago: &str, oldest: Option<&str>, stopped: bool| {
        let mut connection = database.service().await.unwrap();
        sqlx::query(
            "insert into serving_node values ($1, now() - $2::text::interval, 1, 1, 1, now() - $3::text::interval, 0, 0, 0, $4)
             on conflict (node_id) do update set heartbeat_at = excluded.heartbeat_at, oldest_unacked = excluded.oldest_unacked,
               stopped = excluded.stopped",
        )
        .bind(node).bind(ago).bind(oldest).bind(stopped)
        .execute(&mut *connection).await.unwrap();
    };
    let (_, open) = fresh(&database).await;
    assert!(open.complete, "no nodes: nothing is missing");
    beat(1, "1 second", None, false).await;
    let (_, open) = fresh(&database).await;
    assert!(open.complete && open.lag >= TimeDelta::seconds(1));
    beat(2, "1 second", Some("1 minute"), false).await;
    let (_, open) = fresh(&database).await;
    assert!(
        !open.complete && open.lag >= TimeDelta::seconds(59),
        "{open:?}"
    );
    beat(2, "1 hour", None, false).await;
    let (_, open) = fresh(&database).await;
    assert!(!open.complete, "a silent node may hold failures");
    beat(2, "1 hour", None, true).await;
    let (past, open) = fresh(&database).await;
    assert!(open.complete && past.complete);
}

#[tokio::test]
async fn several_nodes_add_up() {
    let database = database().await;
    let whole = window("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z");
    let start = whole.from;
    let events =
        limpid_testkit::failures::FailureGenerator::new(5, start, TimeDelta::hours(20)).take(600);
    store(&database, NodeId(1), &events[..300]).await;
    store(&database, NodeId(2), &events[300..]).await;
    project(&database).await.unwrap();
    let filter = FailureFilter::all(whole);
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let found = summary(&mut tx, &filter).await.unwrap();
    let expected: i64 = matching(&events, &filter)
        .map(|event| i64::from(event.occurrences))
        .sum();
    assert_eq!(found.attempts, expected);
}
