//! `/v1/files/purge` (R104).

use http::Method;
use limpid_domain::ids::NodeId;
use limpid_read_models::purges;
use serde_json::json;

use crate::dashboard::Dashboard;

const PATH: &str = "/v1/files/purge";
const INVALID: &str = "The URL is not valid for cache purging.";
const UNKNOWN: &str = "No request found for this requestId.";

#[tokio::test]
async fn a_purge_is_accepted_recorded_pending_and_then_completed() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let node = NodeId(1);
    purges::note_node(&dashboard.database, node, false)
        .await
        .unwrap();
    let url = "https://images.example.com/acme/images/upload*";
    let purged = account.post(PATH, &json!({ "url": url })).await.expect(201);
    let id = purged["requestId"].as_str().unwrap();
    assert_eq!(purged, json!({ "requestId": id }));
    let path = format!("{PATH}/{id}");
    assert_eq!(
        account.get(&path).await.expect(200),
        json!({"status": "Pending"})
    );
    purges::note_node(&dashboard.database, node, true)
        .await
        .unwrap();
    assert_eq!(
        account.get(&path).await.expect(200),
        json!({"status": "Completed"})
    );

    let changes = account
        .get("/dashboard/v1/changes?limit=1")
        .await
        .expect(200);
    let change = &changes["data"][0];
    assert_eq!(
        (&change["kind"], &change["resourceId"]),
        (&json!("cache_purged"), &json!(id))
    );
    assert_eq!(
        change["data"],
        json!({"url": url, "address": "/images/upload", "isPrefix": true})
    );
    let other = dashboard.account("other").await;
    assert_eq!(other.get(&path).await.refusal(400), UNKNOWN);
}

#[tokio::test]
async fn what_cannot_be_purged_is_said_in_the_documented_words() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    for url in [
        "nothing",
        "https://images.example.com/other/a.jpg",
        "https://images.example.com/acme/images*",
        "https://images.example.com/acme/media/catalog/*",
        "https://images.example.com/acme/folder/*/x.jpg",
    ] {
        let answer = account.post(PATH, &json!({ "url": url })).await;
        assert_eq!(answer.refusal(400), INVALID, "{url}");
    }
    let answer = account.post(PATH, &json!({})).await;
    assert_eq!(answer.refusal(400), "url is required and must be a string");
    for id in [
        "598821f949c0a938d57563bd",
        "01900000-0000-7000-8000-000000000000",
    ] {
        let answer = account.get(&format!("{PATH}/{id}")).await;
        assert_eq!(answer.refusal(400), UNKNOWN, "{id}");
    }
    assert_eq!(account.call(Method::DELETE, PATH).send().await.status, 405);
}

#[tokio::test]
async fn an_account_may_purge_once_a_second_on_average() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let body = json!({"url": "https://images.example.com/acme/a.jpg"});
    for _ in 0..60 {
        account.post(PATH, &body).await.expect(201);
    }
    let answer = account.post(PATH, &body).await;
    assert_eq!(answer.status, 429);
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
}
