//! An account whose failures are shown for a shorter time than the installation keeps them.

use chrono::{DateTime, TimeDelta, Utc};
use http::Method;
use limpid_domain::failure::{FailureEvent, Reason};
use limpid_domain::ids::EventId;
use serde_json::{Value, json};

use super::failures::{a_minute_ago, detail, failure, store};
use crate::dashboard::{Account, Dashboard, OPERATOR_KEY};

const ERRORS: &str = "/dashboard/v1/origin-errors";

pub(super) async fn show_for(dashboard: &Dashboard, days: u32) {
    let set = dashboard
        .call(Method::PUT, "/operator/v1/tenants/acme/limits")
        .bearer(OPERATOR_KEY)
        .json(&json!({ "failureRetentionDays": days }));
    assert_eq!(set.send().await.expect(200)["failureRetentionDays"], days);
}

fn at(account: &Account<'_>, path: &str, occurred_at: DateTime<Utc>) -> FailureEvent {
    // An event is found by its id, which carries its time.
    let millis = u64::try_from(occurred_at.timestamp_millis()).unwrap();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &[7; 10]).into_uuid();
    FailureEvent {
        event_id: EventId(id),
        path: path.to_owned(),
        occurred_at,
        detail: Some(Box::new(detail())),
        ..failure(account.id, Reason::ObjectNotFound)
    }
}

/// One failure of each of ten days, the last a minute ago.
async fn ten_days(dashboard: &Dashboard, account: &Account<'_>) -> Vec<FailureEvent> {
    let events: Vec<FailureEvent> = (0..10)
        .map(|day| {
            let path = format!("/shoes/{day}.jpg");
            at(account, &path, a_minute_ago() - TimeDelta::days(day))
        })
        .collect();
    store(dashboard, 1, events.clone()).await;
    events
}

async fn ask(account: &Account<'_>, what: &str) -> Value {
    let path = format!("{ERRORS}/{what}?from=now-30d");
    account.get(&path).await.expect(200)
}

fn paths(answer: &Value) -> Vec<String> {
    let rows = answer["data"].as_array().unwrap().iter();
    let mut paths: Vec<String> = rows
        .map(|row| row["path"].as_str().unwrap().to_owned())
        .collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn older_failures_are_out_of_sight_at_once_and_their_counts_are_not() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let events = ten_days(&dashboard, &account).await;
    let before = ask(&account, "events").await;
    assert_eq!(paths(&before).len(), 10);
    assert_eq!(before["meta"]["eventsFrom"], Value::Null);
    show_for(&dashboard, 3).await;
    // Whole days: three and what has passed of today.
    let seen: Vec<String> = (0..4).map(|day| format!("/shoes/{day}.jpg")).collect();
    let after = ask(&account, "events").await;
    assert_eq!(paths(&after), seen);
    assert_eq!(after["meta"]["complete"], false);
    let from: DateTime<Utc> = after["meta"]["eventsFrom"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(
        from.date_naive(),
        (a_minute_ago() - TimeDelta::days(3)).date_naive()
    );
    let recent = account.get(&format!("{ERRORS}/events?from=now-1d")).await;
    assert_eq!(recent.expect(200)["meta"]["complete"], true);
    assert_eq!(paths(&ask(&account, "paths").await), seen);
    for (event, status) in events.iter().zip([200, 200, 200, 200, 404, 404]) {
        let path = format!("{ERRORS}/events/{}", event.event_id);
        account.get(&path).await.expect(status);
    }

    let counted = ask(&account, "summary").await;
    assert_eq!(counted["attempts"], 10);
    assert_eq!(counted["meta"]["complete"], true);
    // Paths are searched for in single failures.
    let searched = account
        .get(&format!("{ERRORS}/summary?from=now-30d&q=shoes"))
        .await;
    let searched = searched.expect(200);
    assert_eq!(
        (&searched["attempts"], &searched["meta"]["complete"]),
        (&json!(4), &json!(false))
    );
}

#[tokio::test]
async fn groups_exports_and_streams_show_no_more_than_lists_do() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    ten_days(&dashboard, &account).await;
    show_for(&dashboard, 3).await;
    let groups = ask(&account, "groups").await;
    assert_eq!(groups["data"][0]["attempts"], 10);
    let id = groups["data"][0]["id"].as_str().unwrap();
    let group = account
        .get(&format!("{ERRORS}/groups/{id}?from=now-30d"))
        .await;
    let group = group.expect(200);
    assert_eq!(group["lifetimeAttempts"], 10);
    assert_eq!(group["blastRadius"]["paths"]["distinct"], 4, "{group}");
    assert_eq!(group["recommendedEvent"]["path"], "/shoes/0.jpg");
    let long_ago = format!("{ERRORS}/groups/{id}?from=now-30d&to=now-5d");
    let long_ago = account.get(&long_ago).await.expect(200);
    assert_eq!(long_ago["recommendedEvent"], Value::Null);
    let export = account
        .get(&format!("{ERRORS}/export?from=now-30d&format=ndjson"))
        .await;
    assert_eq!(
        String::from_utf8(export.body.to_vec())
            .unwrap()
            .lines()
            .count(),
        4
    );
}
