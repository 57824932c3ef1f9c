//! `POST /operator/v1/tenants/{imagekitId}/erase` and what is left of an account.

use http::Method;
use limpid_domain::failure::Reason;
use limpid_event_store::tenant_erasure::{erase, erasure, finish};
use limpid_read_models::delivery_config;
use serde_json::json;

use crate::client::{Answer, Call};
use crate::dashboard::{Account, Dashboard, OPERATOR_KEY};
use crate::origin_errors::failures::{failure, store};

fn ask(dashboard: &Dashboard, id: &str) -> Call {
    let path = format!("/operator/v1/tenants/{id}/erase");
    dashboard.call(Method::POST, &path).bearer(OPERATOR_KEY)
}

async fn operator(dashboard: &Dashboard, path: &str) -> Answer {
    dashboard.get(path).bearer(OPERATOR_KEY).send().await
}

async fn rows(dashboard: &Dashboard, query: &'static str, account: &Account<'_>) -> i64 {
    let mut connection = dashboard.database.service().await.unwrap();
    sqlx::query_scalar(query)
        .bind(account.id.0)
        .fetch_one(&mut *connection)
        .await
        .unwrap()
}

const SECRETS: &str = "select count(*) from sealed_secret where tenant_id = $1";
const EVENTS: &str = "select count(*) from config_event where tenant_id = $1";

async fn with_a_past<'a>(dashboard: &'a Dashboard, id: &str) -> Account<'a> {
    let account = dashboard.account(id).await;
    let s3 = json!({"name": "Bucket", "type": "S3", "bucket": "b", "accessKey": "AKIA", "secretKey": "s3cr3t"});
    account.post("/v1/accounts/origins", &s3).await.expect(201);
    account
}

#[tokio::test]
async fn an_account_is_erased_only_by_its_name() {
    let dashboard = Dashboard::start().await;
    let account = with_a_past(&dashboard, "acme").await;
    for body in [
        json!({}),
        json!({"confirm": "ACME"}),
        json!({"confirm": true}),
        json!({"confirm": "acme", "now": true}),
    ] {
        let refused = ask(&dashboard, "acme").json(&body).send().await;
        assert_eq!(refused.expect(400)["code"], "refused", "{body}");
    }
    let by_tenant = account
        .post(
            "/operator/v1/tenants/acme/erase",
            &json!({"confirm": "acme"}),
        )
        .await;
    by_tenant.expect(401);
    let nobody = ask(&dashboard, "nobody").json(&json!({"confirm": "nobody"}));
    nobody.send().await.expect(404);
    account.get("/v1/accounts/origins").await.expect(200);
    assert!(rows(&dashboard, SECRETS, &account).await > 0);
}

#[tokio::test]
async fn with_the_answer_keys_names_and_secrets_are_gone_and_the_rest_follows() {
    let dashboard = Dashboard::start().await;
    let account = with_a_past(&dashboard, "acme").await;
    let other = with_a_past(&dashboard, "other").await;
    let failures = [&account, &other].map(|account| failure(account.id, Reason::ObjectNotFound));
    store(&dashboard, 1, failures.to_vec()).await;
    let answer = ask(&dashboard, "acme")
        .json(&json!({"confirm": "acme"}))
        .send()
        .await;
    let running = answer.expect(202);
    assert_eq!(running["state"], "running");
    assert_eq!(running["requestedBy"], "operator API");
    let progress = answer.header("location").to_owned();

    let with_its_key = account.get("/v1/accounts/origins").await;
    assert_eq!(with_its_key.expect(403)["code"], "private-key-unknown");
    operator(&dashboard, "/operator/v1/tenants/acme")
        .await
        .expect(404);
    let listed = operator(&dashboard, "/operator/v1/tenants")
        .await
        .expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(rows(&dashboard, SECRETS, &account).await, 0);
    assert!(rows(&dashboard, SECRETS, &other).await > 0);
    let again = ask(&dashboard, "acme").json(&json!({"confirm": "acme"}));
    again.send().await.expect(404);

    while erase(&dashboard.database, account.id, 1_000).await.unwrap() != Some(0) {}
    let done = erasure(&dashboard.database, account.id)
        .await
        .unwrap()
        .unwrap();
    finish(&dashboard.database, account.id, done.requested_at)
        .await
        .unwrap();
    let left = operator(&dashboard, &progress).await.expect(200);
    assert_eq!(left["state"], "finished");
    assert_eq!(left["erasedRows"]["origin_failure"], 1);
    assert!(!left.to_string().contains("acme"), "{left}");
    let list = operator(&dashboard, "/operator/v1/erasures")
        .await
        .expect(200);
    assert_eq!(list["data"][0], left);

    // What is left of the log is the erasure, and the projection is what that says.
    assert_eq!(rows(&dashboard, EVENTS, &account).await, 1);
    let drifts = delivery_config::verify(&dashboard.database).await.unwrap();
    assert!(drifts.is_empty(), "{drifts:?}");
    let origins = other.get("/v1/accounts/origins").await.expect(200);
    assert_eq!(origins[0]["name"], "Bucket");
    let page = other.get("/dashboard/v1/origin-errors/events").await;
    assert_eq!(page.expect(200)["data"].as_array().unwrap().len(), 1);

    // The name is free, and whoever has it next inherits nothing.
    let heir = dashboard.account("acme").await;
    assert_ne!(heir.id, account.id);
    let origins = heir.get("/v1/accounts/origins").await.expect(200);
    assert_eq!(origins, json!([]));
    for path in ["nonsense", "0", "99999999"] {
        let path = format!("/operator/v1/erasures/{path}");
        operator(&dashboard, &path).await.expect(404);
    }
}
