//! Single failures.

use chrono::TimeDelta;
use limpid_domain::failure::{FailureEvent, Outcome, Reason};
use limpid_domain::ids::RequestId;
use serde_json::{Value, json};

use super::failures::{a_minute_ago, detail, failure, store};
use crate::dashboard::Dashboard;

const EVENTS: &str = "/dashboard/v1/origin-errors/events";

#[tokio::test]
async fn a_listed_event_has_every_column_under_public_names() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let event = FailureEvent {
        detail: Some(Box::new(detail())),
        upstream_status: 403,
        ..failure(account.id, Reason::AccessDenied)
    };
    store(&dashboard, 1, vec![event.clone()]).await;
    let page = account.get(EVENTS).await.expect(200);
    assert_eq!(page["nextCursor"], Value::Null);
    assert_eq!(
        page["data"],
        json!([{
            "id": event.event_id, "occurredAt": event.occurred_at, "requestId": event.request_id,
            "code": "EACCES", "reason": "access_denied", "title": Reason::AccessDenied.row().title,
            "message": event.message(), "stage": "headers", "blame": "tenant_config",
            "outcome": "failed", "headline": true, "attempt": 1, "occurrences": 1, "status": 404,
            "originId": origin, "originName": "Photos", "originType": "S3", "urlEndpointId": "default",
            "path": "/shoes/red.jpg", "upstreamStatus": 403, "providerCode": "AccessDenied",
            "durationMs": 12, "configVersion": 5, "urlEndpointVersion": 2, "originVersion": 1
        }])
    );
}

#[tokio::test]
async fn one_event_comes_with_its_detail_meaning_advice_and_sibling_attempts() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let bucket = json!({
        "name": "Photos", "type": "S3", "bucket": "acme-photos", "prefix": "raw",
        "accessKey": "canary", "secretKey": "canary"
    });
    account
        .post("/v1/accounts/origins", &bucket)
        .await
        .expect(201);
    let request_id = RequestId::mint();
    let headline = FailureEvent {
        request_id,
        detail: Some(Box::new(detail())),
        ..failure(account.id, Reason::AccessDeniedOrMissing)
    };
    let second = FailureEvent {
        request_id,
        attempt: 2,
        headline: false,
        ..failure(account.id, Reason::ObjectNotFound)
    };
    let id = headline.event_id;
    store(&dashboard, 9, vec![headline, second]).await;

    let answer = account.get(&format!("{EVENTS}/{id}")).await;
    assert!(!String::from_utf8_lossy(&answer.body).contains("canary"));
    let event = answer.expect(200);
    assert_eq!(event["id"], json!(id));
    let advice = event["advice"].as_str().unwrap();
    assert!(
        advice.contains("arn:aws:s3:::acme-photos/raw/*"),
        "{advice}"
    );
    assert_eq!(event["snippet"]["language"], "json");
    let policy: Value = serde_json::from_str(event["snippet"]["text"].as_str().unwrap()).unwrap();
    assert_eq!(
        policy["Statement"][0]["Resource"],
        "arn:aws:s3:::acme-photos/raw/*"
    );
    assert!(event["meaning"].is_string());
    assert!(event["ikError"].as_str().unwrap().starts_with("EACCES - "));
    assert_eq!(event["detail"]["providerRequestId"], "4442587FB7D0A2F9");
    assert_eq!(event["detail"]["transformation"], "w-300");
    assert_eq!(event["nodeId"], "77");
    assert_eq!(event["batchSeq"], 9);
    let attempts = event["attempts"].as_array().unwrap().iter();
    let codes: Vec<&Value> = attempts.map(|attempt| &attempt["code"]).collect();
    assert_eq!(codes, ["EACCES", "ENOENT"]);
    let of_request = account.get(&format!("{EVENTS}/{request_id}")).await;
    assert_eq!(of_request.expect(200), event, "what the client saw");
}

#[tokio::test]
async fn an_unknown_or_malformed_id_is_not_found() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    for id in [
        "x",
        "00000000-0000-0000-0000-000000000000",
        "01900000-0000-7000-8000-000000000000",
    ] {
        let answer = account.get(&format!("{EVENTS}/{id}")).await;
        assert_eq!(answer.refusal(404), "Event not found.");
    }
}

#[tokio::test]
async fn pages_are_newest_first_without_gap_or_repetition_also_at_equal_times() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let start = a_minute_ago();
    let events: Vec<FailureEvent> = (0..25)
        .map(|n: i32| FailureEvent {
            occurred_at: start - TimeDelta::seconds(i64::from(n / 5)),
            path: format!("/{n}.jpg"),
            outcome: if n % 2 == 0 {
                Outcome::Failed
            } else {
                Outcome::Stale
            },
            ..failure(account.id, Reason::ObjectNotFound)
        })
        .collect();
    store(&dashboard, 1, events).await;
    let mut seen = Vec::new();
    let mut path = format!("{EVENTS}?limit=4");
    for _ in 0..20 {
        let page = account.get(&path).await.expect(200);
        for event in page["data"].as_array().unwrap() {
            seen.push((event["occurredAt"].to_string(), event["id"].to_string()));
        }
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("{EVENTS}?limit=4&cursor={cursor}");
    }
    assert_eq!(seen.len(), 25);
    let mut sorted = seen.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    sorted.dedup();
    assert_eq!(seen, sorted);
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filter() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let events = (0..3)
        .map(|_| failure(account.id, Reason::ObjectNotFound))
        .collect();
    store(&dashboard, 1, events).await;
    let page = account
        .get(&format!("{EVENTS}?limit=1&code=ENOENT"))
        .await
        .expect(200);
    let cursor = page["nextCursor"].as_str().unwrap();
    account
        .get(&format!("{EVENTS}?limit=1&code=ENOENT&cursor={cursor}"))
        .await
        .expect(200);
    for query in [
        format!("limit=1&cursor={cursor}"),
        "cursor=x".to_owned(),
        "cursor=%00%ff".to_owned(),
    ] {
        let refused = account.get(&format!("{EVENTS}?{query}")).await.expect(400);
        assert_eq!(refused["code"], "invalid-cursor", "{query}");
    }
}
