//! `/operator/v1/tenants`.

use http::Method;
use serde_json::{Value, json};

use crate::client::Call;
use crate::dashboard::{Dashboard, OPERATOR_KEY};

const TENANTS: &str = "/operator/v1/tenants";

fn post(dashboard: &Dashboard, body: &Value) -> Call {
    dashboard
        .call(Method::POST, TENANTS)
        .bearer(OPERATOR_KEY)
        .json(body)
}

#[tokio::test]
async fn a_tenant_is_created_with_keys_that_work_at_once() {
    let dashboard = Dashboard::start().await;
    let answer = post(&dashboard, &json!({"imagekitId": "acme", "name": "Acme"}))
        .send()
        .await;
    let tenant = answer.expect(201);
    assert_eq!(tenant["imagekitId"], "acme");
    assert_eq!(tenant["name"], "Acme");
    assert!(tenant["publicKey"].as_str().unwrap().starts_with("public_"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let key = tenant["privateKey"].as_str().unwrap();
    let endpoints = dashboard
        .get("/v1/accounts/url-endpoints")
        .private_key(key)
        .send()
        .await;
    assert_eq!(endpoints.expect(200)[0]["id"], "default");

    let read = dashboard
        .get("/operator/v1/tenants/acme")
        .bearer(OPERATOR_KEY)
        .send()
        .await;
    let read = read.expect(200);
    assert_eq!(read["state"], "active");
    assert_eq!(read["urlEndpoint"], "http://127.0.0.1:8080/acme");
    assert_eq!(read["privateKey"], Value::Null);
}

#[tokio::test]
async fn a_taken_id_is_409_and_not_retried() {
    let dashboard = Dashboard::start().await;
    post(&dashboard, &json!({"imagekitId": "acme"}))
        .send()
        .await
        .expect(201);
    let again = post(&dashboard, &json!({"imagekitId": "acme"}))
        .send()
        .await;
    assert_eq!(again.refusal(409), "imagekitId acme is already taken.");
    assert_eq!(again.header("x-should-retry"), "false");
}

#[tokio::test]
async fn of_many_creators_at_once_exactly_one_succeeds() {
    let dashboard = Dashboard::start().await;
    let body = json!({"imagekitId": "acme"});
    let calls = (0..8).map(|_| post(&dashboard, &body).send());
    let mut statuses = Vec::new();
    for answer in futures_of(calls).await {
        statuses.push(answer);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

async fn futures_of(
    calls: impl Iterator<Item = impl Future<Output = crate::client::Answer> + Send + 'static>,
) -> Vec<u16> {
    let mut tasks = tokio::task::JoinSet::new();
    for call in calls {
        tasks.spawn(call);
    }
    let answers = tasks.join_all().await;
    answers
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect()
}

#[tokio::test]
async fn tenants_are_listed_by_page() {
    let dashboard = Dashboard::start().await;
    for id in ["b", "a", "C", "d"] {
        dashboard.account(id).await;
    }
    let mut ids = Vec::new();
    let mut path = format!("{TENANTS}?limit=3");
    for _ in 0..5 {
        let page = dashboard
            .get(&path)
            .bearer(OPERATOR_KEY)
            .send()
            .await
            .expect(200);
        let tenants = page["data"].as_array().unwrap().iter();
        ids.extend(tenants.map(|tenant| tenant["imagekitId"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("{TENANTS}?limit=3&cursor={cursor}");
    }
    assert_eq!(ids, ["C", "a", "b", "d"]);
}

#[tokio::test]
async fn only_the_operator_key_opens_these_routes() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let without = dashboard.get(TENANTS).send().await;
    assert_eq!(without.expect(401)["code"], "operator-key-missing");
    assert!(without.header("www-authenticate").starts_with("Bearer "));
    account.call(Method::GET, TENANTS).send().await.expect(401);
    for wrong in [
        "x",
        &account.private_key,
        "operator_key_of_the_test",
        "operator_key_of_the_testsx",
    ] {
        let answer = dashboard.get(TENANTS).bearer(wrong).send().await;
        assert_eq!(answer.expect(403)["code"], "operator-key-wrong");
    }
}

#[tokio::test]
async fn bad_ids_are_refused_and_unknown_ones_not_found() {
    let dashboard = Dashboard::start().await;
    for body in [
        json!({}),
        json!({"imagekitId": "a/b"}),
        json!({"imagekitId": "tr"}),
        json!({"imagekitId": 1}),
    ] {
        post(&dashboard, &body).send().await.expect(400);
    }
    for id in ["nobody", "%2e%2e", "a%20b"] {
        let answer = dashboard
            .get(&format!("{TENANTS}/{id}"))
            .bearer(OPERATOR_KEY)
            .send()
            .await;
        assert_eq!(answer.refusal(404), "Tenant not found.");
    }
}
