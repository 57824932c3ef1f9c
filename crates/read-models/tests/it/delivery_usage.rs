//! Usage by key: what is kept of hours and days that are over.

use chrono::TimeDelta;
use limpid_domain::ids::{NodeId, RunId};
use limpid_domain::usage::{UsageCounts, UsageDimension};
use limpid_event_store::Database;
use limpid_event_store::usage_append::{UsageBatch, UsageTop, append_usage};
use limpid_read_models::delivery_usage::{KEYS_OF_AN_HOUR, thin, tops};

use crate::failures::{TENANT, at, database, window};

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

async fn add(database: &Database, run: RunId, (seq, tops): (i64, Vec<UsageTop>)) {
    let batch = UsageBatch {
        node: NodeId(1),
        run,
        seq,
        counted_to: at("2026-11-20T09:00:00Z"),
        stopped: false,
        cells: Vec::new(),
        tops,
    };
    let mut connection = database.service().await.unwrap();
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
