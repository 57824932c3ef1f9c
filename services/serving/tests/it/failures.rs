//! Every way a request fails: what the client sees, and the event that records it.

use std::time::{Duration, Instant};

use limpid_domain::failure::Outcome;
use limpid_testkit::dead_ends::RefusingPort;
use limpid_testkit::fake_origin::script::Script;
use serde_json::json;

use crate::client::Answer;
use crate::stack::{Stack, web_folder};

/// Path at the zoo, code, reason.
const AT_THE_ZOO: [(&str, &str, &str); 12] = [
    ("/status/404", "ENOENT", "object_not_found"),
    ("/status/403", "EACCES", "access_denied"),
    ("/status/401", "EACCES", "credentials_invalid"),
    ("/status/429", "ECONNREFUSED", "origin_rate_limited"),
    ("/status/500", "UNIDENTIFIED", "origin_server_error"),
    ("/status/503", "ECONNREFUSED", "origin_overloaded"),
    ("/html", "UNIDENTIFIED", "not_an_image"),
    ("/empty", "UNIDENTIFIED", "body_empty"),
    ("/truncated.jpg", "UNIDENTIFIED", "image_truncated"),
    ("/short-body", "ECONNREFUSED", "body_incomplete"),
    ("/redirect-loop", "UNIDENTIFIED", "too_many_redirects"),
    ("/silent", "ECONNREFUSED", "response_timeout"),
];

fn assert_is_a_failure(answer: &Answer, code: &str, reason: &str) {
    let error = answer.header("ik-error");
    assert_eq!(answer.status, 404, "{reason}: {error}");
    assert_eq!(answer.body, b"Not Found", "{reason}");
    assert!(
        error.starts_with(&format!("{code} - ")),
        "{reason}: {error}"
    );
    assert_eq!(answer.header("ik-error-reason"), reason);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-cache,no-store");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(
        answer
            .header("access-control-expose-headers")
            .contains("ik-error")
    );
    assert_eq!(answer.header("timing-allow-origin"), "*");
    assert!(answer.header("proxy-status").starts_with("limpid"));
    assert!(answer.header("etag").starts_with("W/\"9-"));
    assert_eq!(answer.header("ik-request-id").len(), 36);
}

async fn assert_is_recorded(stack: &Stack, answer: &Answer, reason: &str) {
    let event = stack.event_of(answer).await;
    assert_eq!(event.reason.name(), reason);
    assert!(event.headline, "{reason}");
    assert_eq!(event.outcome, Outcome::Failed, "{reason}");
    assert_eq!(event.occurrences, 1);
    assert_eq!(event.request_id.to_string(), answer.header("ik-request-id"));
    let seen = format!("{} - {}", event.reason.code(), event.message());
    assert_eq!(seen, answer.header("ik-error"));
}

#[tokio::test]
async fn every_misbehaviour_of_the_zoo_has_its_code_and_its_event() {
    let stack = Stack::start().await;
    let answers = futures::future::join_all(AT_THE_ZOO.map(async |(path, _, _)| {
        let started = Instant::now();
        let answer = stack.get(&format!("/demo/tr:w-100{path}")).await;
        (answer, started.elapsed())
    }))
    .await;
    for ((path, code, reason), (answer, took)) in AT_THE_ZOO.into_iter().zip(&answers) {
        assert_is_a_failure(answer, code, reason);
        assert!(*took < Duration::from_secs(9), "{path} took {took:?}");
    }
    for ((path, _, reason), (answer, _)) in AT_THE_ZOO.into_iter().zip(&answers) {
        assert_is_recorded(&stack, answer, reason).await;
        assert_eq!(stack.event_of(answer).await.path, path);
    }
}

#[tokio::test]
async fn a_refused_port_and_an_unknown_name_are_told_apart() {
    let stack = Stack::start().await;
    let port = RefusingPort::reserve();
    let refused = stack
        .add_origin(web_folder("refused", &format!("http://{}", port.addr())))
        .await;
    let unknown = stack
        .add_origin(web_folder("unknown", "http://nowhere.invalid"))
        .await;
    stack.add_endpoint("refused", &[refused]).await;
    stack.add_endpoint("unknown", &[unknown]).await;
    for (prefix, reason) in [
        ("refused", "connection_refused"),
        ("unknown", "dns_not_found"),
    ] {
        let answer = stack.get(&format!("/demo/{prefix}/a.jpg")).await;
        assert_is_a_failure(&answer, "ECONNREFUSED", reason);
        assert_is_recorded(&stack, &answer, reason).await;
    }
}

#[tokio::test]
async fn limits_answer_400_and_end_the_search() {
    let stack = Stack::start().await;
    let fallback = stack
        .add_origin(web_folder(
            "fallback",
            &format!("{}/fallback", stack.origin.base_url()),
        ))
        .await;
    let zoo = stack
        .add_origin(web_folder("zoo2", &stack.origin.base_url()))
        .await;
    stack.add_endpoint("limited", &[zoo, fallback]).await;
    for (target, reason) in [
        ("/demo/limited/huge", "source_too_large"),
        (
            "/demo/limited/tr:w-20000,h-20000/photo.jpg",
            "output_too_large",
        ),
    ] {
        let answer = stack.get(target).await;
        assert_eq!(
            answer.status,
            400,
            "{target}: {}",
            answer.header("ik-error")
        );
        assert!(answer.header("ik-error").starts_with("ELIMIT - "));
        assert_eq!(answer.header("ik-error-reason"), reason);
        assert_is_recorded(&stack, &answer, reason).await;
        assert_eq!(stack.attempts_of(&answer).await.len(), 1);
    }
    assert_eq!(stack.origin.hits("/fallback/photo.jpg"), 0);
}

#[tokio::test]
async fn every_attempt_of_a_request_is_an_event_and_one_is_the_headline() {
    let stack = Stack::start().await;
    let base = stack.origin.base_url();
    let missing = stack.add_origin(web_folder("missing", &base)).await;
    let denied = stack
        .add_origin(web_folder("denied", &format!("{base}/private")))
        .await;
    stack.add_endpoint("two", &[missing, denied]).await;
    stack
        .origin
        .answer("/private/a.jpg", Script::response(403, &[], b"no"));
    let answer = stack.get("/demo/two/a.jpg").await;
    assert_is_a_failure(&answer, "EACCES", "access_denied");
    let attempts = stack.attempts_of(&answer).await;
    let seen: Vec<_> = attempts
        .iter()
        .map(|event| {
            (
                event.attempt,
                event.reason.name(),
                event.headline,
                event.upstream_status,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (1, "object_not_found", false, 404),
            (2, "access_denied", true, 403)
        ]
    );
    assert_ne!(attempts[0].origin_no, attempts[1].origin_no);
}

#[tokio::test]
async fn an_endpoint_without_origins_and_an_unknown_account_are_enoent() {
    let stack = Stack::start().await;
    stack.add_endpoint("bare", &[]).await;
    let bare = stack.get("/demo/bare/a.jpg").await;
    assert_is_a_failure(&bare, "ENOENT", "no_origin_attached");
    assert_is_recorded(&stack, &bare, "no_origin_attached").await;
    let stranger = stack.get("/nobody/a.jpg").await;
    assert_is_a_failure(&stranger, "ENOENT", "account_not_found");
    assert_eq!(stranger.header("ik-event-id"), "");
}

#[tokio::test]
async fn head_fails_like_get_without_a_body() {
    let stack = Stack::start().await;
    let head = stack.request("HEAD", "/demo/status/404", &[]).await;
    let get = stack.get("/demo/status/404").await;
    assert_eq!(head.status, 404);
    assert!(head.body.is_empty());
    for name in [
        "ik-error",
        "ik-error-reason",
        "content-length",
        "cache-control",
    ] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert_is_recorded(&stack, &head, "object_not_found").await;
}

#[tokio::test]
async fn a_web_proxy_tells_codes_but_no_reasons() {
    let stack = Stack::start().await;
    let proxy = stack
        .add_origin(json!({"type": "WEB_PROXY", "name": "proxy"}))
        .await;
    stack.add_endpoint("proxy", &[proxy]).await;
    let base = stack.origin.base_url();
    let good = stack
        .get(&format!("/demo/proxy/tr:w-30/{base}/photo.jpg"))
        .await;
    assert_eq!(good.status, 200, "{}", good.header("ik-error"));
    let port = RefusingPort::reserve();
    let refused = stack
        .get(&format!("/demo/proxy/http://{}/a.jpg", port.addr()))
        .await;
    let unknown = stack.get("/demo/proxy/http://nowhere.invalid/a.jpg").await;
    assert_eq!(refused.header("ik-error"), unknown.header("ik-error"));
    assert_eq!(refused.header("ik-error-reason"), "");
    assert_eq!(
        refused.header("proxy-status"),
        unknown.header("proxy-status")
    );
    let event = stack.event_of(&refused).await;
    assert_eq!(event.reason.name(), "connection_refused");
    let seen = format!("{} - {}", event.reason.code(), event.message());
    assert_eq!(seen, refused.header("ik-error"));
}

#[tokio::test]
async fn a_storm_is_folded_and_counted_exactly() {
    let stack = Stack::start().await;
    let requests = (0..400).map(|_| stack.get("/demo/counted/missing.jpg"));
    let answers = futures::future::join_all(requests).await;
    let failed = answers.iter().filter(|answer| answer.status == 404).count();
    assert_eq!(failed, 400);
    assert!(
        answers
            .iter()
            .all(|answer| answer.header("ik-event-id").len() == 36)
    );
    let summary = stack
        .summary_when(|summary| summary.client_visible >= 400)
        .await;
    assert_eq!((summary.client_visible, summary.attempts), (400, 400));
}

#[tokio::test]
async fn no_secret_of_the_url_is_stored_or_answered() {
    let stack = Stack::start().await;
    let answer = stack
        .get("/demo/missing.jpg?token=canary-token&sig=canary-sig&v=2")
        .await;
    let event = stack.event_of(&answer).await;
    let stored = serde_json::to_string(&event).unwrap();
    assert!(!stored.contains("canary"), "{stored}");
    assert!(stored.contains("v=2"));
    assert!(!format!("{answer:?}").contains("canary"));
}
