//! A tenant sees and changes what is its own, and nothing else.

use serde_json::json;

use crate::client::Client;
use crate::instance::Instance;

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_only_its_own_failures_and_origins() {
    let instance = Instance::start();
    let demo = instance.ready("/demo/private_key");
    let acme = instance.create_tenant("acme").await;

    assert_eq!(instance.get("/demo/no-such-file.jpg").await.status, 404);
    let orphan = instance
        .get_configured("/acme/no-origin-yet.jpg", "no_origin_attached")
        .await;
    assert_eq!(orphan.status, 404);
    let (acmes, _) = instance
        .summary_when(&acme, |summary| summary["clientVisible"] == 1)
        .await;
    assert_eq!(acmes["byReason"][0]["reason"], "no_origin_attached");
    let (demos, _) = instance
        .summary_when(&demo, |summary| summary["clientVisible"] == 1)
        .await;
    assert_eq!(demos["byReason"][0]["reason"], "object_not_found");

    let events = instance
        .api(
            &demo,
            "/dashboard/v1/origin-errors/events?from=now-1h&to=now",
        )
        .await
        .json();
    let id = events["data"][0]["id"].as_str().unwrap();
    let path = format!("/dashboard/v1/origin-errors/events/{id}");
    assert_eq!(instance.api(&demo, &path).await.status, 200);
    assert_eq!(instance.api(&acme, &path).await.status, 404);

    let origins = instance.api(&demo, "/v1/accounts/origins").await.json();
    let origin = origins[0]["id"].as_str().unwrap();
    let path = format!("/v1/accounts/origins/{origin}");
    assert_eq!(instance.api(&demo, &path).await.status, 200);
    assert_eq!(instance.api(&acme, &path).await.status, 404);
    assert_eq!(
        instance.api(&acme, "/v1/accounts/origins").await.json(),
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_key_nothing_is_answered() {
    let instance = Instance::start();
    for path in [
        "/v1/accounts/origins",
        "/dashboard/v1/origin-errors/summary",
    ] {
        let nobody = Client::new(instance.dashboard());
        assert_eq!(nobody.get(path, &[]).await.status, 401, "{path}");
        let stranger = Client::new(instance.dashboard()).basic("private_not_a_key");
        assert!(
            [401, 403].contains(&stranger.get(path, &[]).await.status),
            "{path}"
        );
    }
    let body = json!({ "imagekitId": "mallory", "name": "Mallory" });
    let demo = instance.ready("/demo/private_key");
    let as_tenant = instance
        .api_post(&demo, "/operator/v1/tenants", &body)
        .await;
    assert_eq!(as_tenant.status, 401);
}
