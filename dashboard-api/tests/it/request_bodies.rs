//! What may arrive as a body, and what is said about the rest.

use http::Method;
use serde_json::json;

use crate::dashboard::Dashboard;

const ORIGINS: &str = "/v1/accounts/origins";

#[tokio::test]
async fn the_media_type_does_not_matter() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let body = json!({"name": "a", "type": "WEB_PROXY"}).to_string();
    for media_type in [
        "application/json",
        "application/json; charset=utf-8",
        "text/plain",
        "",
    ] {
        let call = account
            .call(Method::POST, ORIGINS)
            .header("content-type", media_type);
        call.header("accept", "text/html")
            .body(body.clone())
            .send()
            .await
            .expect(201);
    }
    let call = account.call(Method::DELETE, "/v1/accounts/origins/x");
    call.header("content-type", "application/json")
        .send()
        .await
        .expect(404);
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_with_the_position() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    for (body, text) in [
        ("", "The request body is empty; send a JSON object."),
        ("[]", "The request body is an array; send a JSON object."),
        (
            "{\"name\": 1,}",
            "The request body is not valid JSON: trailing comma at line 1 column 12.",
        ),
        (
            "{\"a\":1,\"a\":2}",
            "The request body is not valid JSON: duplicate member at line 1 column 13.",
        ),
        (
            "{\"a\":1e999}",
            "The request body is not valid JSON: number out of range at line 1 column 10.",
        ),
    ] {
        let answer = account.call(Method::POST, ORIGINS).body(body).send().await;
        assert_eq!(answer.refusal(400), text, "{body}");
    }
    let not_utf8 = account
        .call(Method::POST, ORIGINS)
        .body(vec![b'"', 0xff, b'"']);
    assert!(
        not_utf8
            .send()
            .await
            .refusal(400)
            .contains("invalid unicode")
    );
    let deep = account
        .call(Method::POST, ORIGINS)
        .body("{\"a\":".repeat(20_000));
    assert!(deep.send().await.refusal(400).contains("recursion limit"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let answer = account
        .call(Method::POST, ORIGINS)
        .body("x".repeat(300_000))
        .send()
        .await;
    assert_eq!(
        answer.refusal(413),
        "The request body exceeds 262144 bytes."
    );
}

#[tokio::test]
async fn unknown_fields_are_refused() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    for field in ["id", "tenantId", "tenant_id", "createdAt", "role"] {
        let body = json!({"name": "a", "type": "WEB_PROXY", field: "x"});
        let answer = account.post(ORIGINS, &body).await;
        assert_eq!(answer.refusal(400), format!("\"{field}\" is not allowed"));
    }
}
