//! `GET /dashboard/v1/changes`.

use http::Method;
use serde_json::{Value, json};

use crate::dashboard::Dashboard;

#[tokio::test]
async fn changes_are_told_newest_first_with_who_and_what_and_without_secrets() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    dashboard.account("other").await;
    let body = json!({
        "name": "Photos", "type": "S3", "bucket": "b", "accessKey": "canary", "secretKey": "canary"
    });
    let call = account
        .call(Method::POST, "/v1/accounts/origins")
        .json(&body);
    let created = call.header("user-agent", "ImageKit/JS 7.11.0").send().await;
    let origin = created.expect(201)["id"].clone();

    let answer = account.get("/dashboard/v1/changes").await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    for secret in ["canary", "private_", "fingerprint", "rivateKey"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let changes = answer.expect(200);
    let kinds: Vec<&str> = changes["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(kind_of)
        .collect();
    assert_eq!(
        kinds,
        [
            "origin_attached",
            "origin_created",
            "key_pair_created",
            "url_endpoint_created",
            "tenant_created"
        ]
    );
    let change = &changes["data"][1];
    assert_eq!(change["configVersion"], 4);
    assert_eq!(change["resource"], "origin");
    assert_eq!(change["resourceId"], origin);
    assert_eq!(
        change["actor"],
        json!({"kind": "api_key", "label": account.public_key})
    );
    assert_eq!(change["source"], "ImageKit/JS 7.11.0");
    assert_eq!(change["requestId"], created.header("x-request-id"));
    assert_eq!(change["data"]["settings"]["bucket"], "b");
    assert_eq!(changes["data"][4]["actor"]["kind"], "operator");
    assert_eq!(changes["nextCursor"], Value::Null);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    for name in ["a", "b", "c"] {
        account.origin(name).await;
    }
    let mut versions = Vec::new();
    let mut path = "/dashboard/v1/changes?limit=3".to_owned();
    for _ in 0..10 {
        let page = account.get(&path).await.expect(200);
        let of_page = page["data"].as_array().unwrap().iter();
        versions.extend(of_page.map(|change| change["configVersion"].as_i64().unwrap()));
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("/dashboard/v1/changes?limit=3&cursor={cursor}");
    }
    assert_eq!(versions, [7, 6, 5, 4, 3, 2, 1]);
    let refused = account.get("/dashboard/v1/changes?cursor=x").await;
    assert_eq!(refused.expect(400)["code"], "invalid-cursor");
}

fn kind_of(change: &Value) -> &str {
    change["kind"].as_str().unwrap()
}
