//! Shares of failing requests.

use chrono::{DurationRound, TimeDelta};
use limpid_domain::failure::{FailureEvent, Reason};
use limpid_domain::ids::{NodeId, RunId};
use limpid_domain::usage::{CacheResult, DeliveredFormat, UsageCounts};
use limpid_event_store::usage_append::{UsageBatch, UsageCell, append_usage};
use serde_json::json;

use super::watch::{Watch, alerts, rule};
use crate::dashboard::{Account, Dashboard};
use crate::origin_errors::failures::{DEFAULT_ENDPOINT, failure, store};

/// So many requests were answered just now, so many of them with an error.
async fn requests(watch: &Watch<'_>, account: &Account<'_>, (batch, all, failed): (i64, i64, i32)) {
    let now = watch.clock.now();
    let cell = UsageCell {
        tenant_id: account.id,
        hour: now.duration_trunc(TimeDelta::hours(1)).unwrap(),
        endpoint_no: DEFAULT_ENDPOINT,
        status: 200,
        cache: CacheResult::Miss,
        format: DeliveredFormat::Jpeg,
        counts: UsageCounts {
            requests: all,
            bytes: all,
        },
    };
    let usage = UsageBatch {
        node: NodeId(77),
        run: RunId::mint(),
        began_at: now,
        seq: 1,
        counted_to: now,
        stopped: false,
        cells: vec![cell],
        tops: Vec::new(),
    };
    let mut connection = watch.dashboard.database.service().await.unwrap();
    append_usage(&mut connection, &usage).await.unwrap();
    drop(connection);
    if failed > 0 {
        let failed = FailureEvent {
            occurred_at: now,
            occurrences: failed,
            ..failure(account.id, Reason::ObjectNotFound)
        };
        store(watch.dashboard, batch, vec![failed]).await;
    }
}

#[tokio::test]
async fn a_share_is_told_when_it_is_passed_and_when_it_is_over() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = watch.webhook(&account).await;
    let condition = json!({"type": "failing_share", "overPercent": 10, "forMinutes": 5, "minimumRequests": 100,
        "endpoint": "default"});
    rule(
        &account,
        json!({"name": "Share", "condition": condition, "webhooks": [webhook]}),
    )
    .await;
    // What went wrong before anybody looked does not count.
    requests(&watch, &account, (1, 1_000, 900)).await;
    watch.look().await;
    for minute in 1..=5 {
        watch.clock.advance(TimeDelta::minutes(1));
        let failed = if minute == 4 { 12 } else { 0 };
        requests(&watch, &account, (1 + minute, 20, failed)).await;
        watch.look().await;
        watch.look().await;
    }
    let firing = alerts(&account, "firing").await;
    assert_eq!(firing.len(), 1, "12 of 100 in five minutes");
    let detail = &firing[0]["detail"];
    assert_eq!(
        (&detail["requests"], &detail["failed"]),
        (&json!(100), &json!(12))
    );
    assert_eq!(
        (&detail["percent"], &firing[0]["subject"]),
        (&json!(12.0), &json!("endpoint:default"))
    );
    for minute in 6..=9 {
        watch.clock.advance(TimeDelta::minutes(1));
        requests(&watch, &account, (1 + minute, 20, 0)).await;
        watch.look().await;
    }
    assert_eq!(
        alerts(&account, "firing").await.len(),
        0,
        "the twelve are older than five minutes"
    );
    watch.send().await;
    assert_eq!(watch.received().len(), 2);
    let mut kinds: Vec<String> = watch
        .received()
        .iter()
        .map(|request| {
            let message: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            message["type"].as_str().unwrap().to_owned()
        })
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["alert.firing", "alert.recovered"]);
}

#[tokio::test]
async fn few_requests_and_endpoints_of_others_say_nothing() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let endpoint = json!({"description": "Shop", "urlPrefix": "shop", "origins": []});
    let endpoint = account
        .post("/v1/accounts/url-endpoints", &endpoint)
        .await
        .expect(201);
    let watch = Watch::start(&dashboard).await;
    let share = |minimum: u32, endpoint: &serde_json::Value| json!({"type": "failing_share", "overPercent": 10, "forMinutes": 5, "minimumRequests": minimum, "endpoint": endpoint});
    rule(
        &account,
        json!({"name": "Few", "condition": share(1_000, &json!("default"))}),
    )
    .await;
    rule(
        &account,
        json!({"name": "Shop", "condition": share(1, &endpoint["id"])}),
    )
    .await;
    watch.look().await;
    for minute in 1..=6 {
        watch.clock.advance(TimeDelta::minutes(1));
        requests(&watch, &account, (minute, 50, 50)).await;
        watch.look().await;
    }
    assert_eq!(alerts(&account, "firing").await.len(), 0);
    let whole = json!({"type": "failing_share", "overPercent": 10, "forMinutes": 5, "minimumRequests": 100});
    rule(&account, json!({"name": "Whole", "condition": whole})).await;
    watch.clock.advance(TimeDelta::minutes(1));
    watch.look().await;
    let firing = alerts(&account, "firing").await;
    assert_eq!(
        firing.len(),
        1,
        "samples of the account are there for a new rule, too"
    );
    assert_eq!(firing[0]["subject"], "account");
}
