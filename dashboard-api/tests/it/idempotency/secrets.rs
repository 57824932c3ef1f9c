//! Answers with secrets: the same secret again, and in clear nowhere.

use http::Method;
use limpid_event_store::tenant_erasure::erase;
use serde_json::{Value, json};

use super::{keyed, run, stored};
use crate::client::Answer;
use crate::dashboard::{Dashboard, OPERATOR_KEY};

const WEBHOOKS: &str = "/dashboard/v1/webhooks";

fn hook() -> Value {
    json!({"url": "https://hooks.example/", "events": ["alert.firing"]})
}

async fn operator(dashboard: &Dashboard, path: &str, (key, body): (&str, &Value)) -> Answer {
    dashboard
        .call(Method::POST, path)
        .bearer(OPERATOR_KEY)
        .header("idempotency-key", key)
        .json(body)
        .send()
        .await
}

/// Everything that is stored of answers, as bytes would be found by somebody who reads the disk.
async fn in_the_table(dashboard: &Dashboard) -> Vec<u8> {
    let mut connection = dashboard.database.service().await.unwrap();
    let rows: Vec<(Vec<u8>, Vec<u8>, String)> =
        sqlx::query_as("select sealed, key_digest, scope from command_answer")
            .fetch_all(&mut *connection)
            .await
            .unwrap();
    let mut all = Vec::new();
    for (sealed, digest, scope) in rows {
        all.extend(sealed);
        all.extend(digest);
        all.extend(scope.into_bytes());
    }
    assert!(!all.is_empty());
    all
}

fn contains(all: &[u8], text: &str) -> bool {
    all.windows(text.len()).any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn a_webhooks_secret_is_answered_again_and_sealed_meanwhile() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let create = async || {
        let call = keyed(&account, (Method::POST, WEBHOOKS), "hook-key");
        call.json(&hook()).send().await
    };
    let first = create().await.expect(201);
    let secret = first["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    let again = create().await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(201), first);
    let rotate = format!("{WEBHOOKS}/{}/rotate-secret", first["id"].as_str().unwrap());
    let rotated = async || keyed(&account, (Method::POST, &rotate), "k").send().await;
    let second = rotated().await.expect(200);
    assert_ne!(second["secret"], first["secret"]);
    assert_eq!(rotated().await.expect(200), second);
    let all = in_the_table(&dashboard).await;
    for hidden in [
        secret,
        second["secret"].as_str().unwrap(),
        "hooks.example",
        "hook-key",
    ] {
        assert!(!contains(&all, hidden), "{hidden}");
    }
}

#[tokio::test]
async fn an_account_that_is_created_twice_is_one_account_with_one_key() {
    let dashboard = Dashboard::start().await;
    let body = json!({"imagekitId": "acme"});
    let tenants = "/operator/v1/tenants";
    let first = operator(&dashboard, tenants, ("k-1", &body))
        .await
        .expect(201);
    let again = operator(&dashboard, tenants, ("k-1", &body)).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(201), first);
    let other = operator(&dashboard, tenants, ("k-2", &body)).await;
    assert_eq!(other.expect(409)["code"], "conflict");
    let reused = operator(&dashboard, tenants, ("k-1", &json!({"imagekitId": "zeta"}))).await;
    assert_eq!(reused.expect(422)["code"], "idempotency-key-reused");
    let private_key = first["privateKey"].as_str().unwrap();
    assert!(!contains(&in_the_table(&dashboard).await, private_key));
    let list = dashboard.get(tenants).bearer(OPERATOR_KEY).send().await;
    assert_eq!(list.expect(200)["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_erased_account_takes_its_answers_with_it() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let call = keyed(&account, (Method::POST, WEBHOOKS), "k-1");
    call.json(&hook()).send().await.expect(201);
    let path = "/operator/v1/tenants/acme/erase";
    let confirm = json!({"confirm": "acme"});
    let first = operator(&dashboard, path, ("k-1", &confirm)).await;
    let again = operator(&dashboard, path, ("k-1", &confirm)).await;
    assert_eq!(again.expect(202), first.expect(202));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(stored(&dashboard.database).await, 2);
    erase(&dashboard.database, account.id, 1_000).await.unwrap();
    assert_eq!(stored(&dashboard.database).await, 0);
}

#[tokio::test]
async fn an_answer_that_was_moved_to_another_account_does_not_open() {
    let dashboard = Dashboard::start().await;
    let acme = dashboard.account("acme").await;
    let zeta = dashboard.account("zeta").await;
    let create = async |account| {
        let call = keyed(account, (Method::POST, WEBHOOKS), "k-1");
        call.json(&hook()).send().await
    };
    create(&acme).await.expect(201);
    run(
        &dashboard.database,
        "update command_answer set tenant_id = (select max(tenant_id) from tenant_head)",
    )
    .await;
    let answer = create(&zeta).await;
    assert_eq!(answer.expect(500)["code"], "internal");
}
