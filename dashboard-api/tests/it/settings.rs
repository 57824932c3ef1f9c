//! `/dashboard/v1/settings`, `/dashboard/v1/url-endpoints/{id}/restrictions` and `/operator/v1/tenants/{id}/limits`.

use http::Method;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::dashboard::{Account, Dashboard, OPERATOR_KEY};

const SETTINGS: &str = "/dashboard/v1/settings";
const RESTRICTIONS: &str = "/dashboard/v1/url-endpoints/default/restrictions";
const LIMITS: &str = "/operator/v1/tenants/acme/limits";

async fn patch(account: &Account<'_>, body: &Value) -> Answer {
    account
        .call(Method::PATCH, SETTINGS)
        .json(body)
        .send()
        .await
}

#[tokio::test]
async fn settings_begin_with_the_documented_defaults_and_change_one_by_one() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let first = account.get(SETTINGS).await;
    let mut expected = json!({
        "defaultQuality": 80, "autoFormat": true, "autoAvif": false, "dataSaver": false,
        "restrictUnsignedUrls": false, "restrictUnnamedTransformations": false, "limits": {}
    });
    assert_eq!(first.expect(200), expected);
    assert_eq!(first.header("etag"), "\"1\"");
    let changed = patch(&account, &json!({"dataSaver": true, "defaultQuality": 60})).await;
    expected["dataSaver"] = json!(true);
    expected["defaultQuality"] = json!(60);
    assert_eq!(changed.expect(200), expected);
    assert_eq!(changed.header("etag"), "\"2\"");
    let restricted = patch(&account, &json!({"restrictUnsignedUrls": true})).await;
    expected["restrictUnsignedUrls"] = json!(true);
    assert_eq!(restricted.expect(200), expected);
    let same = patch(&account, &json!({"restrictUnsignedUrls": true})).await;
    assert_eq!(same.header("etag"), "\"3\"", "nothing changed, no event");
    assert_eq!(account.get(SETTINGS).await.expect(200), expected);
    let log = account
        .get("/dashboard/v1/changes?limit=1")
        .await
        .expect(200);
    assert_eq!(log["data"][0]["kind"], "tenant_settings_changed");
    assert_eq!(log["data"][0]["data"]["restrictUnsignedUrls"], true);
}

#[tokio::test]
async fn unknown_settings_and_limits_are_refused_and_stale_versions_not_overwritten() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    for (body, message) in [
        (json!({"dataSaver": "on"}), "dataSaver must be a boolean"),
        (
            json!({"limits": {"maxPixels": 1}}),
            "\"limits\" is not allowed",
        ),
        (
            json!({"defaultQuality": 101}),
            "defaultQuality must be an integer from 1 to 100",
        ),
    ] {
        assert_eq!(patch(&account, &body).await.refusal(400), message);
    }
    patch(&account, &json!({"autoAvif": true}))
        .await
        .expect(200);
    let stale = account
        .call(Method::PATCH, SETTINGS)
        .header("if-match", "\"1\"")
        .json(&json!({"autoAvif": false}));
    stale.send().await.expect(412);
    assert_eq!(account.get(SETTINGS).await.expect(200)["autoAvif"], true);
    dashboard.get(SETTINGS).send().await.expect(401);
}

#[tokio::test]
async fn restrictions_of_an_endpoint_outlive_its_replacement_by_an_sdk() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let none = json!({"restrictUnsignedUrls": false, "restrictUnnamedTransformations": false});
    assert_eq!(account.get(RESTRICTIONS).await.expect(200), none);
    let both = json!({"restrictUnsignedUrls": true, "restrictUnnamedTransformations": true});
    let set = account.put(RESTRICTIONS, &both).await;
    assert_eq!(set.expect(200), both);
    let endpoint = "/v1/accounts/url-endpoints/default";
    assert_eq!(
        account.get(endpoint).await.header("etag"),
        set.header("etag")
    );
    let sdk = account
        .put(endpoint, &json!({"description": "Renamed"}))
        .await;
    let members = sdk.expect(200);
    assert!(members.get("restrictUnsignedUrls").is_none(), "{members}");
    assert_eq!(account.get(RESTRICTIONS).await.expect(200), both);
    assert_eq!(
        account.put(RESTRICTIONS, &json!({})).await.expect(200),
        none
    );
    let missing = "/dashboard/v1/url-endpoints/01900000-0000-7000-8000-000000000000/restrictions";
    let refused = account.put(missing, &both).await;
    assert_eq!(refused.refusal(404), "URL-endpoint not found.");
    let misspelt = account.put(RESTRICTIONS, &json!({"unsigned": true})).await;
    assert_eq!(misspelt.refusal(400), "\"unsigned\" is not allowed");
}

#[tokio::test]
async fn limits_are_the_operators_to_set_and_the_tenants_to_see() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let put = |body: Value| {
        dashboard
            .call(Method::PUT, LIMITS)
            .bearer(OPERATOR_KEY)
            .json(&body)
    };
    account.put(LIMITS, &json!({})).await.expect(401);
    let limits = json!({"maxSourceBytes": 20_971_520, "maxPixels": 25_000_000});
    assert_eq!(put(limits.clone()).send().await.expect(200), limits);
    assert_eq!(account.get(SETTINGS).await.expect(200)["limits"], limits);
    let tenant = dashboard
        .get("/operator/v1/tenants/acme")
        .bearer(OPERATOR_KEY)
        .send()
        .await;
    assert_eq!(tenant.expect(200)["limits"], limits);
    let fewer = json!({"maxFramePixels": 1000});
    assert_eq!(put(fewer.clone()).send().await.expect(200), fewer);
    let read = dashboard.get(LIMITS).bearer(OPERATOR_KEY).send().await;
    assert_eq!(read.expect(200), fewer);
    assert_eq!(read.header("etag"), "\"3\"");
    let refused = put(json!({"maxPixels": 0})).send().await.refusal(400);
    assert_eq!(refused, "maxPixels must be an integer from 1 to 500000000");
    let stale = put(json!({})).header("if-match", "\"1\"").send().await;
    stale.expect(412);
    let nobody = dashboard
        .call(Method::PUT, "/operator/v1/tenants/nobody/limits")
        .bearer(OPERATOR_KEY)
        .json(&json!({}));
    assert_eq!(nobody.send().await.refusal(404), "Tenant not found.");
}

#[tokio::test]
async fn how_long_failures_are_repeated_is_set_and_outlives_a_replacement_by_an_sdk() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let path = "/dashboard/v1/url-endpoints/default/caching";
    let nothing = json!({"failureSeconds": null, "originCacheControl": false});
    assert_eq!(account.get(path).await.expect(200), nothing);
    let set = json!({"failureSeconds": 30, "originCacheControl": true});
    assert_eq!(account.put(path, &set).await.expect(200), set);
    let endpoint = json!({"description": "Default", "urlPrefix": "", "origins": []});
    let replaced = account
        .put("/v1/accounts/url-endpoints/default", &endpoint)
        .await;
    replaced.expect(200);
    assert_eq!(account.get(path).await.expect(200), set);
    for wrong in [json!({"failureSeconds": 301}), json!({"seconds": 1})] {
        assert_eq!(account.put(path, &wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(account.put(path, &json!({})).await.expect(200), nothing);
    let missing = "/dashboard/v1/url-endpoints/01900000-0000-7000-8000-000000000000/caching";
    assert_eq!(account.get(missing).await.status, 404);
}
