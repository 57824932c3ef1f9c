//! What every answer has, whatever was asked.

use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::dashboard::Dashboard;

#[tokio::test]
async fn every_answer_names_the_request_and_may_not_be_cached_framed_or_sniffed() {
    let dashboard = Dashboard::start().await;
    for path in [
        "/livez",
        "/v1/accounts/origins",
        "/operator/v1/tenants",
        "/nothing",
        "/v1/files",
    ] {
        let answer = dashboard.get(path).send().await;
        let id = answer.header("x-ik-requestid").to_owned();
        assert_eq!(id.len(), 36, "{path}");
        assert_eq!(answer.header("x-request-id"), id, "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}

#[tokio::test]
async fn a_problem_has_the_members_of_both_contracts() {
    let dashboard = Dashboard::start().await;
    let answer = dashboard.get("/nothing").send().await;
    let problem = answer.expect(404);
    let id = answer.header("x-request-id");
    assert_eq!(problem["type"], "/problems/route-not-found");
    assert_eq!(problem["title"], "Nothing at this address");
    assert_eq!(problem["status"], 404);
    assert_eq!(problem["detail"], problem["message"]);
    assert_eq!(problem["code"], "route-not-found");
    assert_eq!(problem["requestId"], id);
    assert_eq!(problem["instance"], format!("/requests/{id}"));
    assert!(problem["help"].is_string());
}

#[tokio::test]
async fn problems_are_json_for_the_sdks_and_problem_json_on_our_own_routes() {
    let dashboard = Dashboard::start().await;
    for (path, media_type) in [
        ("/v1/accounts/origins", "application/json"),
        ("/dashboard/v1/nothing", "application/problem+json"),
        ("/operator/v1/tenants", "application/problem+json"),
    ] {
        let answer = dashboard.get(path).send().await;
        assert_eq!(answer.header("content-type"), media_type, "{path}");
    }
}

#[tokio::test]
async fn a_method_that_a_route_does_not_have_is_405_with_allow() {
    let dashboard = Dashboard::start().await;
    let answer = dashboard.call(Method::PATCH, "/livez").send().await;
    assert_eq!(answer.expect(405)["code"], "method-not-allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn calls_of_the_media_library_are_501_and_not_retried() {
    let dashboard = Dashboard::start().await;
    for (method, path) in [
        (Method::GET, "/v1/files"),
        (Method::POST, "/api/v1/files/upload"),
        (Method::POST, "/api/v2/files/upload"),
        (Method::DELETE, "/v1/files/5f0/versions/1"),
        (Method::POST, "/v1/folder"),
        (Method::POST, "/v1/bulkJobs/copyFolder"),
    ] {
        let answer = dashboard.call(method, path).body("x").send().await;
        let message = answer.refusal(501);
        assert!(
            message.starts_with("Limpid does not support this call"),
            "{path}"
        );
        assert_eq!(answer.header("x-should-retry"), "false", "{path}");
    }
}

#[tokio::test]
async fn head_is_answered_like_get_without_a_body() {
    let dashboard = Dashboard::start().await;
    let answer = dashboard.call(Method::HEAD, "/livez").send().await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.is_empty());
    let answer = dashboard.call(Method::HEAD, "/nothing").send().await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn what_the_reader_has_already_is_304_without_a_body_until_it_changes() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let hook = json!({"url": "https://hooks.example/", "events": ["alert.firing"]});
    let rule = json!({"name": "Groups", "condition": {"type": "group_state", "states": ["new"]}, "webhooks": []});
    let mut paths = vec![
        "/dashboard/v1/settings".to_owned(),
        format!("/v1/accounts/origins/{origin}"),
    ];
    for (list, body) in [
        ("/dashboard/v1/webhooks", hook),
        ("/dashboard/v1/alert-rules", rule),
    ] {
        let created = account.post(list, &body).await.expect(201);
        paths.push(format!("{list}/{}", created["id"].as_str().unwrap()));
    }
    let read = async |path: &str, known: &str| {
        let call = account.call(Method::GET, path);
        call.header("if-none-match", known).send().await
    };
    for path in &paths {
        let tag = account.get(path).await.header("etag").to_owned();
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"99\", {tag}"),
            "*".to_owned(),
        ] {
            let same = read(path, &known).await;
            assert_eq!(same.status, 304, "{path} {known}");
            assert_eq!((same.header("etag"), same.body.len()), (&*tag, 0), "{path}");
            assert_eq!(same.header("content-type"), "", "{path}");
        }
        for other in ["\"99\"", "x", "1"] {
            assert_eq!(read(path, other).await.status, 200, "{path} {other}");
        }
    }
    let settings = "/dashboard/v1/settings";
    let tag = account.get(settings).await.header("etag").to_owned();
    let change = account.call(Method::PATCH, settings);
    let changed = change
        .header("if-none-match", &tag)
        .json(&json!({"dataSaver": true}));
    changed.send().await.expect(200);
    assert_eq!(read(settings, &tag).await.expect(200)["dataSaver"], true);
}

#[tokio::test]
async fn shutdown_finishes_the_request_in_hand_and_closes_idle_connections() {
    let dashboard = Dashboard::start().await;
    let address = dashboard.address.trim_start_matches("http://").to_owned();
    let mut idle = TcpStream::connect(&address).await.unwrap();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    dashboard.shutdown.cancel();
    let stopped = tokio::time::timeout(Duration::from_secs(4), dashboard.tasks.wait()).await;
    assert!(stopped.is_ok(), "an idle connection held the shutdown up");
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn malformed_requests_end_their_connection_only() {
    let dashboard = Dashboard::start().await;
    let address = dashboard.address.trim_start_matches("http://").to_owned();
    for garbage in [
        "\0\0\0\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /\u{7f} HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(garbage.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 4") || answer.is_empty(),
            "{garbage:?}"
        );
    }
    dashboard.get("/livez").send().await.expect(200);
}
