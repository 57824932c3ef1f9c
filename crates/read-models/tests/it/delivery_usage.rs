//! Usage by key: what is kept of hours and days that are over.

use chrono::{DurationRound, TimeDelta};
use limpid_domain::clock::Clock;
use limpid_domain::ids::{NodeId, RunId, UrlEndpointNo};
use limpid_domain::usage::{CacheResult, DeliveredFormat, UsageCounts, UsageDimension};
use limpid_event_store::Database;
use limpid_event_store::usage_append::{UsageBatch, UsageCell, UsageTop, append_usage};
use limpid_read_models::delivery_usage::{KEYS_OF_AN_HOUR, rebuild, thin, tops, uncounted, verify};
use limpid_read_models::filter::Window;

use crate::failures::{TENANT, at, database, execute, window};

/// Key number n had n requests; bytes go the other way round.
fn top(hour: &str, number: i64) -> UsageTop {
    UsageTop {
        tenant_id: TENANT,
        hour: at(hour),
        dimension: UsageDimension::Image,
        key: format!("/{number}.jpg"),
        counts: UsageCounts {
            requests: number,
            bytes: 10_000 - number,
        },
    }
}

fn batch(run: RunId, (seq, tops): (i64, Vec<UsageTop>)) -> UsageBatch {
    UsageBatch {
        node: NodeId(1),
        run,
        began_at: at("2026-11-20T04:00:00Z"),
        seq,
        counted_to: at("2026-11-20T09:00:00Z"),
        stopped: false,
        cells: Vec::new(),
        tops,
    }
}

async fn add(database: &Database, run: RunId, counted: (i64, Vec<UsageTop>)) {
    let mut connection = database.service().await.unwrap();
    let batch = batch(run, counted);
    assert!(append_usage(&mut connection, &batch).await.unwrap());
}

async fn sums(database: &Database) -> Vec<(i64, i64, i64)> {
    let mut connection = database.service().await.unwrap();
    sqlx::query_as(
        "select sum(requests)::bigint, sum(bytes)::bigint, count(*) from (
           select hour, requests, bytes from delivery_usage_top_1h
           union all
           select starts_at, k.* from delivery_usage_top_pack p, unnest(p.requests, p.bytes) k where span_hours = 1
         ) part group by hour order by hour",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn an_hour_that_is_over_keeps_its_most_used_and_its_sums() {
    let database = database().await;
    let run = RunId::mint();
    let (over, present) = ("2026-11-20T05:00:00Z", "2026-11-20T08:00:00Z");
    let keys = |hour| {
        (1..=400)
            .map(|number| top(hour, number))
            .collect::<Vec<_>>()
    };
    add(&database, run, (1, keys(over))).await;
    add(&database, run, (2, keys(present))).await;
    let before = sums(&database).await;
    let now = at("2026-11-20T08:40:00Z");
    let since = now - TimeDelta::days(3);
    let gone = thin(&database, since, now).await.unwrap();
    // The most by requests are 400 and down, those by bytes 1 and up; none is both.
    let kept = 2 * KEYS_OF_AN_HOUR;
    assert_eq!(i64::try_from(gone).unwrap(), 400 - kept);
    let after = sums(&database).await;
    assert_eq!((after[0].0, after[0].1), (before[0].0, before[0].1));
    assert_eq!(after[0].2, kept + 1, "and the one without a name");
    assert_eq!(after[1], before[1], "the present hour is as it was");
    assert_eq!(thin(&database, since, now).await.unwrap(), 0);

    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let hour = window(over, "2026-11-20T06:00:00Z");
    let list = tops(&mut tx, hour, 3).await.unwrap();
    let named: Vec<_> = list
        .iter()
        .map(|top| (top.key.as_str(), top.counts.requests))
        .collect();
    assert_eq!(
        named[..3],
        [("/400.jpg", 400), ("/399.jpg", 399), ("/398.jpg", 398)]
    );
    assert!(named.contains(&("/1.jpg", 1)), "the most by bytes");
    drop(tx);

    // One that is listed and comes again counts with what it had before, in both places and in one.
    add(&database, run, (3, vec![top(over, 400)])).await;
    for _ in 0..2 {
        let mut tx = database.tenant_tx(TENANT).await.unwrap();
        let list = tops(&mut tx, hour, 1).await.unwrap();
        let first = list.first().unwrap();
        assert_eq!(
            (first.key.as_str(), first.counts.requests),
            ("/400.jpg", 800)
        );
        drop(tx);
        thin(&database, since, now).await.unwrap();
    }
    assert_eq!(sums(&database).await[0].0, before[0].0 + 400);

    // A key that comes back late is counted, and thinned with the rest.
    add(&database, run, (4, vec![top(over, 200)])).await;
    assert_eq!(sums(&database).await[0].0, before[0].0 + 600);
    assert_eq!(thin(&database, since, now).await.unwrap(), 1);
    assert_eq!(sums(&database).await[0].0, before[0].0 + 600);
}

/// Requests of an hour for three images, as a node counts them: exactly, and by path.
fn counted_hour(hour: &str, requests: i64) -> (Vec<UsageCell>, Vec<UsageTop>) {
    let tops: Vec<UsageTop> = (1..=3)
        .map(|number| UsageTop {
            counts: UsageCounts {
                requests,
                bytes: 10 * requests,
            },
            ..top(hour, number)
        })
        .collect();
    let cell = |status, requests| UsageCell {
        tenant_id: TENANT,
        hour: at(hour),
        endpoint_no: UrlEndpointNo(1),
        status,
        cache: CacheResult::Hit,
        format: DeliveredFormat::WebP,
        counts: UsageCounts {
            requests,
            bytes: 10 * requests,
        },
    };
    // Failed requests are in no list of files.
    (vec![cell(200, 3 * requests), cell(404, 7)], tops)
}

async fn with_usage() -> Database {
    let database = database().await;
    let run = RunId::mint();
    for (seq, hour) in (1..).zip([
        "2026-11-19T23:00:00Z",
        "2026-11-20T05:00:00Z",
        "2026-11-20T06:00:00Z",
    ]) {
        let (cells, tops) = counted_hour(hour, 10 * seq);
        let batch = UsageBatch {
            cells,
            ..batch(run, (seq, tops))
        };
        let mut connection = database.service().await.unwrap();
        assert!(append_usage(&mut connection, &batch).await.unwrap());
    }
    database
}

/// Names and numbers of the lists, as text.
async fn lists(database: &Database) -> Vec<String> {
    let mut connection = database.service().await.unwrap();
    sqlx::query_scalar(
        "select to_jsonb(h)::text from delivery_usage_top_1h h union all select to_jsonb(d)::text from delivery_usage_top_1d d order by 1",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn days_that_are_lost_are_derived_from_their_hours() {
    let database = with_usage().await;
    assert_eq!(verify(&database).await.unwrap(), 0);
    let before = lists(&database).await;
    for (damage, sums) in [
        ("delete from delivery_usage_top_1d", 2),
        (
            "update delivery_usage_top_1d set requests = requests - 1 where key = '/2.jpg' and day = '2026-11-20 00:00+00'",
            1,
        ),
        ("delete from delivery_usage_top_1d where key = '/3.jpg'", 2),
    ] {
        execute(&database, damage).await;
        assert_eq!(verify(&database).await.unwrap(), sums, "{damage}");
        let report = rebuild(&database, |_, _| ()).await.unwrap();
        let found = (report.days, report.replaced, report.underivable);
        assert_eq!(found, (2, sums, 0), "{damage}");
        assert_eq!(lists(&database).await, before, "{damage}");
    }
}

#[tokio::test]
async fn names_that_are_lost_leave_their_requests_without_a_name() {
    let database = with_usage().await;
    execute(
        &database,
        "delete from delivery_usage_top_1h where key = '/2.jpg' and hour = '2026-11-20 05:00+00'",
    )
    .await;
    // The list of the hour, and the day that has more than its hours.
    assert_eq!(verify(&database).await.unwrap(), 2);
    let report = rebuild(&database, |_, _| ()).await.unwrap();
    assert_eq!((report.replaced, report.underivable), (1, 0));
    assert_eq!(verify(&database).await.unwrap(), 0);
    let mut connection = database.service().await.unwrap();
    let unnamed: i64 =
        sqlx::query_scalar("select requests from delivery_usage_top_1h where key = ''")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
    assert_eq!(unnamed, 20);
}

#[tokio::test]
async fn counts_that_nothing_else_knows_are_said_to_be_lost_and_nothing_is_taken_away_for_it() {
    let database = with_usage().await;
    let before = lists(&database).await;
    execute(
        &database,
        "delete from delivery_usage_1h where hour = '2026-11-20 06:00+00'",
    )
    .await;
    assert_eq!(verify(&database).await.unwrap(), 1);
    let report = rebuild(&database, |_, _| ()).await.unwrap();
    assert_eq!((report.replaced, report.underivable), (0, 1));
    assert_eq!(lists(&database).await, before);
}

#[tokio::test]
async fn the_unclean_end_of_a_run_is_a_stretch_of_which_something_may_be_missing() {
    let database = database().await;
    let now = Clock::system()
        .now()
        .duration_trunc(TimeDelta::seconds(1))
        .unwrap();
    let ago = |minutes| now - TimeDelta::minutes(minutes);
    let run = async |node, (began, counted_to), stopped| {
        let batch = UsageBatch {
            node: NodeId(node),
            began_at: began,
            counted_to,
            stopped,
            ..batch(RunId::mint(), (1, Vec::new()))
        };
        let mut connection = database.service().await.unwrap();
        assert!(append_usage(&mut connection, &batch).await.unwrap());
    };
    let hour = Window {
        from: ago(60),
        to: now,
    };
    let stretches = async |window| {
        let mut tx = database.tenant_tx(TENANT).await.unwrap();
        uncounted(&mut tx, window).await.unwrap()
    };
    // Killed once, then stopped in good order, then running.
    run(1, (ago(50), ago(40)), false).await;
    assert_eq!(stretches(hour).await, [], "as far as anybody knows it runs");
    run(1, (ago(39), ago(20)), true).await;
    run(1, (ago(15), ago(1)), false).await;
    let killed = Window {
        from: ago(40),
        to: ago(39),
    };
    assert_eq!(stretches(hour).await, [killed]);
    let after = Window {
        from: ago(38),
        to: now,
    };
    assert_eq!(stretches(after).await, []);
    // A node that never came back.
    let days = |days| now - TimeDelta::days(days);
    run(2, (days(9), days(5)), false).await;
    let week = Window {
        from: days(7),
        to: now,
    };
    let silent = Window {
        from: days(5),
        to: days(4),
    };
    assert_eq!(stretches(week).await, [silent, killed]);
    // A clock that was set back between two runs.
    run(3, (ago(30), ago(10)), false).await;
    run(3, (ago(25), ago(2)), true).await;
    let last = stretches(after).await;
    assert_eq!(
        last,
        [Window {
            from: ago(10),
            to: ago(10)
        }]
    );
}
