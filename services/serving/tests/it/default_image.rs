//! `di`: the default image in place of an original that cannot be had, and the failures recorded all the same.

use chrono::TimeDelta;
use limpid_domain::clock::Clock;
use limpid_domain::failure::Outcome;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};
use serde_json::json;

use crate::stack::{Stack, web_folder};

const SHORT: &str = "public, s-maxage=60, max-age=60, must-revalidate";

#[tokio::test]
async fn a_default_image_stands_in_transformed_alike_and_is_recorded() {
    let stack = Stack::start().await;
    let own = stack
        .get("/demo/tr:w-40,h-30,f-png,di-photo.jpg/photo.jpg")
        .await;
    let answer = stack
        .get("/demo/tr:w-40,h-30,f-png,di-photo.jpg/counted/missing.jpg")
        .await;
    assert_eq!(answer.status, 200, "{:?}", answer.headers);
    assert_eq!(answer.body, own.body, "the same parameters apply to it");
    assert_eq!(answer.header("cache-control"), SHORT);
    assert_eq!(
        answer.header("ik-warning"),
        "default-image; reason=object_not_found"
    );
    assert!(
        answer.header("ik-error").starts_with("ENOENT - "),
        "what it stands in for is told where errors have it"
    );
    assert_eq!(answer.header("ik-error-reason"), "object_not_found");
    assert!(answer.header("proxy-status").starts_with("limpid"));
    assert!(own.header("ik-warning").is_empty());
    assert!(own.header("ik-error").is_empty());

    let event = stack.event_of(&answer).await;
    assert_eq!(event.outcome, Outcome::Defaulted);
    assert_eq!(event.path, "/counted/missing.jpg");
    assert_eq!(event.request_id.to_string(), answer.header("ik-request-id"));
    let summary = stack.summary_when(|summary| summary.attempts == 1).await;
    assert_eq!(summary.client_visible, 0, "the client saw no error");
}

#[tokio::test]
async fn a_repaired_origin_shows_after_moments_and_each_request_counts_until_then() {
    let clock = Clock::fixed(Clock::system().now());
    let stack = Stack::start_with(|config| config.clock = clock.clone()).await;
    let target = "/demo/tr:w-40,di-photo.jpg/counted/later.jpg";
    for _ in 0..3 {
        assert_eq!(stack.get(target).await.header("cache-control"), SHORT);
    }
    stack.summary_when(|summary| summary.attempts == 3).await;
    assert_eq!(stack.origin.hits("/counted/later.jpg"), 1);
    stack
        .origin
        .answer("/counted/later.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
    clock.advance(TimeDelta::seconds(5));
    let repaired = stack.get(target).await;
    assert!(repaired.header("ik-warning").is_empty());
    assert_ne!(repaired.header("cache-control"), SHORT);
}

#[tokio::test]
async fn it_comes_from_the_default_endpoint_whatever_endpoint_was_asked() {
    let stack = Stack::start().await;
    let empty = web_folder(
        "empty",
        &format!("{}/empty-folder", stack.origin.base_url()),
    );
    let empty = stack.add_origin(empty).await;
    stack.add_endpoint("shop", &[empty]).await;
    for di in [
        "@@folder@@photo.jpg",
        "folder@@photo.jpg",
        "folder@@photo.jpg@@",
    ] {
        stack
            .origin
            .answer("/folder/photo.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
        let answer = stack
            .get(&format!("/demo/shop/tr:w-20,di-{di}/missing.jpg"))
            .await;
        assert_eq!(answer.status, 200, "{di}: {}", answer.header("ik-error"));
    }
}

#[tokio::test]
async fn a_missing_default_image_leaves_the_first_error() {
    let stack = Stack::start().await;
    let answer = stack.get("/demo/tr:w-20,di-nothing.jpg/status/403").await;
    assert_eq!(answer.status, 404);
    assert!(answer.header("ik-error").starts_with("EACCES - "));
    assert_eq!(stack.origin.hits("/nothing.jpg"), 1, "no recursion");
    let event = stack.event_of(&answer).await;
    assert_eq!((event.outcome, event.headline), (Outcome::Failed, true));
}

#[tokio::test]
async fn limits_and_wrong_requests_are_not_hidden_behind_it() {
    let stack = Stack::start().await;
    for (target, status) in [
        ("/demo/tr:w-20,di-photo.jpg/huge", 400),
        ("/demo/tr:foo-1,di-photo.jpg/missing.jpg", 400),
        ("/demo/tr:w-20,di-photo.jpg/missing.jpg?ik-s=0000", 401),
    ] {
        assert_eq!(stack.get(target).await.status, status, "{target}");
    }
}

#[tokio::test]
async fn a_web_proxy_does_not_tell_why_it_stands_in() {
    let stack = Stack::start().await;
    let proxy = stack
        .add_origin(json!({"type": "WEB_PROXY", "name": "proxy"}))
        .await;
    stack.add_endpoint("proxy", &[proxy]).await;
    let target = format!(
        "/demo/proxy/tr:w-20,di-photo.jpg/{}/missing.jpg",
        stack.origin.base_url()
    );
    let answer = stack.get(&target).await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    assert_eq!(answer.header("ik-warning"), "default-image");
    assert!(answer.header("ik-error").starts_with("ENOENT - "));
    assert_eq!(answer.header("ik-error-reason"), "");
}
