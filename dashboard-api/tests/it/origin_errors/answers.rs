//! Numbers: summary and timeseries.

use chrono::TimeDelta;
use limpid_domain::failure::{FailureEvent, Outcome, Reason};
use limpid_domain::ids::{OriginNo, UrlEndpointNo};
use serde_json::{Value, json};

use super::failures::{a_minute_ago, failure, store};
use crate::dashboard::Dashboard;

const SUMMARY: &str = "/dashboard/v1/origin-errors/summary";
const TIMESERIES: &str = "/dashboard/v1/origin-errors/timeseries";

#[tokio::test]
async fn the_summary_counts_requests_attempts_and_rescues_by_code_reason_and_origin() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let missing = failure(account.id, Reason::ObjectNotFound);
    let folded = FailureEvent {
        occurrences: 5,
        ..failure(account.id, Reason::AccessDenied)
    };
    let rescued = FailureEvent {
        outcome: Outcome::Rescued,
        headline: false,
        ..failure(account.id, Reason::ObjectNotFound)
    };
    let nowhere = FailureEvent {
        origin_no: OriginNo::NONE,
        origin_kind: None,
        ..failure(account.id, Reason::NoOriginAttached)
    };
    store(&dashboard, 1, vec![missing, folded, rescued, nowhere]).await;

    let summary = account.get(SUMMARY).await.expect(200);
    assert_eq!(summary["clientVisible"], 7);
    assert_eq!(summary["attempts"], 8);
    assert_eq!(summary["rescued"], 1);
    assert_eq!(
        summary["byCode"],
        json!([
            {"code": "EACCES", "count": 5, "clientVisible": 5},
            {"code": "ENOENT", "count": 3, "clientVisible": 2}
        ])
    );
    assert_eq!(summary["byReason"][1]["reason"], "object_not_found");
    assert_eq!(summary["byReason"][1]["count"], 2);
    assert_eq!(
        summary["byOrigin"],
        json!([
            {"originId": origin, "originName": "Photos", "count": 7},
            {"originId": null, "originName": null, "count": 1}
        ])
    );
    assert!(summary["meta"]["from"].is_string() && summary["meta"]["lagMs"].is_i64());
    assert_eq!(summary["meta"]["complete"], true);
}

#[tokio::test]
async fn a_deleted_origin_keeps_its_id_and_name() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Gone").await;
    store(
        &dashboard,
        1,
        vec![failure(account.id, Reason::DnsNotFound)],
    )
    .await;
    let detached = json!({"description": "Default", "origins": []});
    account
        .put("/v1/accounts/url-endpoints/default", &detached)
        .await
        .expect(200);
    account
        .delete(&format!("/v1/accounts/origins/{origin}"))
        .await
        .expect(204);
    let summary = account
        .get(&format!("{SUMMARY}?origin={origin}"))
        .await
        .expect(200);
    assert_eq!(
        summary["byOrigin"],
        json!([{"originId": origin, "originName": "Gone", "count": 1}])
    );
}

#[tokio::test]
async fn every_filter_narrows_and_several_values_widen() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let elsewhere = FailureEvent {
        endpoint_no: UrlEndpointNo::NONE,
        origin_no: OriginNo::NONE,
        path: "/hats/50%_off.jpg".to_owned(),
        outcome: Outcome::Defaulted,
        ..failure(account.id, Reason::NoOriginAttached)
    };
    let old = FailureEvent {
        occurred_at: a_minute_ago() - TimeDelta::hours(30),
        ..failure(account.id, Reason::BodyEmpty)
    };
    let events = vec![
        failure(account.id, Reason::ObjectNotFound),
        failure(account.id, Reason::AccessDenied),
        elsewhere,
        old,
    ];
    store(&dashboard, 1, events).await;
    for (query, expected) in [
        (String::new(), 3),
        ("from=now-2d".to_owned(), 4),
        ("from=now-2d&to=now-1d".to_owned(), 1),
        ("code=ENOENT".to_owned(), 2),
        ("code=ENOENT&code=EACCES".to_owned(), 3),
        ("code=ENOENT&reason=object_not_found".to_owned(), 1),
        ("reason=object_not_found&reason=access_denied".to_owned(), 2),
        (format!("origin={origin}"), 2),
        ("origin=none".to_owned(), 1),
        (format!("origin=none&origin={origin}"), 3),
        ("origin=01900000-0000-7000-8000-000000000000".to_owned(), 0),
        ("endpoint=default".to_owned(), 2),
        ("endpoint=none".to_owned(), 1),
        ("outcome=defaulted".to_owned(), 1),
        ("q=%2Fshoes%2F".to_owned(), 2),
        ("q=50%25_off".to_owned(), 1),
        ("q=%25".to_owned(), 1),
        ("q=_".to_owned(), 1),
    ] {
        let summary = account.get(&format!("{SUMMARY}?{query}")).await.expect(200);
        assert_eq!(summary["attempts"], expected, "{query}");
    }
}

#[tokio::test]
async fn the_timeseries_is_in_columns_with_zeros_and_public_names() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let folded = FailureEvent {
        occurrences: 4,
        ..failure(account.id, Reason::ObjectNotFound)
    };
    store(
        &dashboard,
        1,
        vec![folded, failure(account.id, Reason::AccessDenied)],
    )
    .await;
    let ask = async |query: &str| {
        account
            .get(&format!("{TIMESERIES}?from=now-1h&{query}"))
            .await
            .expect(200)
    };
    let series = ask("").await;
    assert_eq!(series["intervalMs"], 60_000);
    assert_eq!(series["groupBy"], "code");
    assert_eq!(series["keys"], json!(["ENOENT", "EACCES"]));
    let line = series["counts"][0].as_array().unwrap();
    assert!((60..=61).contains(&line.len()));
    assert_eq!(line.iter().filter_map(Value::as_i64).sum::<i64>(), 4);
    assert_eq!(line.iter().filter(|count| **count != json!(0)).count(), 1);
    for (query, keys) in [
        (
            "groupBy=reason",
            json!(["object_not_found", "access_denied"]),
        ),
        ("groupBy=origin", json!([origin])),
        ("groupBy=endpoint", json!(["default"])),
        ("groupBy=outcome", json!(["failed"])),
        ("groupBy=code&code=EACCES", json!(["EACCES"])),
    ] {
        assert_eq!(ask(query).await["keys"], keys, "{query}");
    }
    assert_eq!(ask("interval=5m").await["intervalMs"], 300_000);
}

#[tokio::test]
async fn one_tenant_never_sees_anothers_failures() {
    let dashboard = Dashboard::start().await;
    let (ours, theirs) = (
        dashboard.account("ours").await,
        dashboard.account("theirs").await,
    );
    let their_origin = theirs.origin("Theirs").await;
    ours.origin("Ours").await;
    let event = failure(theirs.id, Reason::ObjectNotFound);
    let id = event.event_id;
    store(&dashboard, 1, vec![event]).await;
    for query in [
        String::new(),
        format!("origin={their_origin}"),
        "q=shoes".to_owned(),
    ] {
        assert_eq!(
            ours.get(&format!("{SUMMARY}?{query}")).await.expect(200)["attempts"],
            0,
            "{query}"
        );
        let series = ours.get(&format!("{TIMESERIES}?{query}")).await.expect(200);
        assert_eq!(series["keys"], json!([]), "{query}");
        let events = ours
            .get(&format!("/dashboard/v1/origin-errors/events?{query}"))
            .await;
        assert_eq!(events.expect(200)["data"], json!([]), "{query}");
    }
    let path = format!("/dashboard/v1/origin-errors/events/{id}");
    assert_eq!(ours.get(&path).await.refusal(404), "Event not found.");
    theirs.get(&path).await.expect(200);
    assert_eq!(theirs.get(SUMMARY).await.expect(200)["attempts"], 1);
}

#[tokio::test]
async fn answers_say_how_wide_their_buckets_are_and_whether_rows_stand_for_several() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let folded = FailureEvent {
        occurrences: 5,
        ..failure(account.id, Reason::AccessDenied)
    };
    let single = failure(account.id, Reason::ObjectNotFound);
    store(&dashboard, 1, vec![folded, single]).await;
    let meta = async |path: &str| {
        let path = format!("/dashboard/v1/origin-errors/{path}");
        account.get(&path).await.expect(200)["meta"].clone()
    };
    let counts = meta("summary").await;
    assert_eq!(
        (&counts["intervalMs"], &counts["sampled"]),
        (&Value::Null, &Value::Null)
    );
    let series = meta("timeseries?interval=1h").await;
    assert_eq!(
        (&series["intervalMs"], &series["sampled"]),
        (&json!(3_600_000), &Value::Null)
    );
    let events = meta("events").await;
    assert_eq!(events["sampled"], json!({"rows": 2, "occurrences": 6}));
    assert_eq!(meta("events?code=ENOENT").await["sampled"], Value::Null);
    let usage = account
        .get("/dashboard/v1/usage?interval=1h")
        .await
        .expect(200);
    assert_eq!(usage["meta"]["intervalMs"], 3_600_000);
    assert_eq!(usage["meta"]["position"], Value::Null);
}

#[tokio::test]
async fn several_texts_are_searched_for_at_once_and_unknown_parameters_are_refused() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let at = |path: &str| FailureEvent {
        path: path.to_owned(),
        ..failure(account.id, Reason::ObjectNotFound)
    };
    store(
        &dashboard,
        1,
        vec![at("/a/1.jpg"), at("/b/2.jpg"), at("/c/3.jpg")],
    )
    .await;
    let attempts = async |query: &str| {
        let answer = account.get(&format!("{SUMMARY}?{query}")).await;
        answer.expect(200)["attempts"].as_i64().unwrap()
    };
    assert_eq!(attempts("q=/a/&q=/b/").await, 2);
    assert_eq!(attempts("not.q=/a/&not.q=/b/").await, 1);
    assert_eq!(attempts("q=.jpg&not.q=/c/").await, 2);
    assert_eq!(attempts("q=").await, 3);
    for resource in [
        "summary",
        "timeseries",
        "facets",
        "groups",
        "events",
        "paths",
        "export",
        "stream",
    ] {
        let path = format!("/dashboard/v1/origin-errors/{resource}?orign=x");
        let refused = account.get(&path).await.refusal(400);
        assert_eq!(
            refused, "Unknown parameter \"orign\"; did you mean \"origin\"?",
            "{resource}"
        );
    }
}
