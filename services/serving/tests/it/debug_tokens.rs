//! What a debug token opens, and what it does not.

use limpid_delivery_url::debug_token::mint;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};
use serde_json::json;

use crate::client::Answer;
use crate::stack::Stack;

const TOKEN: &str = "ik-debug-token";

fn seconds_from_now(stack: &Stack, seconds: i64) -> u64 {
    let ends = stack.config.clock.now().timestamp() + seconds;
    u64::try_from(ends).unwrap()
}

fn token(stack: &Stack, seconds: i64) -> String {
    let ends = seconds_from_now(stack, seconds);
    mint(stack.tenant.private_key.expose(), "demo", ends)
}

/// A stack with a web proxy, whose endpoint tells codes only.
async fn stack_with_a_proxy() -> Stack {
    let stack = Stack::start().await;
    let proxy = json!({"type": "WEB_PROXY", "name": "proxy"});
    let proxy = stack.add_origin(proxy).await;
    stack.add_endpoint("proxy", &[proxy]).await;
    stack
}

async fn assert_reads_as_seen(stack: &Stack, answer: &Answer) {
    let event = stack.event_of(answer).await;
    let seen = format!("{} - {}", event.reason.code(), event.message());
    assert_eq!(seen, answer.header("ik-error"));
}

#[tokio::test]
async fn with_a_token_everything_about_a_failure_is_told_also_where_only_codes_are() {
    let stack = Box::pin(stack_with_a_proxy()).await;
    let page = b"<Error>SecretBucketName</Error>";
    stack.origin.answer(
        "/hidden.jpg",
        Script::response(403, &[("x-request-id", "R-7")], page),
    );
    let url = format!("/demo/proxy/{}/hidden.jpg", stack.origin.base_url());
    let plain = stack.get(&url).await;
    assert_eq!(plain.header("ik-error-reason"), "");
    assert_eq!(plain.header("ik-error-detail"), "");
    assert_eq!(plain.header("proxy-status"), "limpid");
    let good = token(&stack, 600);
    // The first is a repeat of the failure above, the other one meets the origin.
    for url in [url.clone(), url.replace("hidden", "none/hidden")] {
        let told = stack.request("GET", &url, &[(TOKEN, &good)]).await;
        assert_eq!(told.status, 404);
        let reason = told.header("ik-error-reason");
        assert!(!reason.is_empty(), "{url}");
        assert!(told.header("proxy-status").starts_with("limpid; "), "{url}");
        let detail = told.header("ik-error-detail");
        let at = url.strip_prefix("/demo/proxy/").unwrap();
        assert!(
            detail.starts_with("origin \"proxy\" (WEB_PROXY); at "),
            "{detail}"
        );
        assert!(
            detail.contains(at) && detail.contains("; status 4"),
            "{detail}"
        );
        assert!(
            told.header("access-control-expose-headers")
                .contains("ik-error-detail")
        );
        assert_reads_as_seen(&stack, &told).await;
    }
    let told = stack.request("HEAD", &url, &[(TOKEN, &good)]).await;
    assert!(
        told.header("ik-error-detail")
            .contains("provider's request R-7")
    );
    // And it is one request's: the next one is told what everybody is.
    let plain = stack.get(&url).await;
    assert_eq!(plain.header("ik-error-detail"), "");
    assert_eq!(plain.header("ik-error-reason"), "");
    assert_reads_as_seen(&stack, &plain).await;
}

#[tokio::test]
async fn a_token_that_opens_nothing_says_why_and_changes_nothing_else() {
    let stack = Box::pin(stack_with_a_proxy()).await;
    let url = format!("/demo/proxy/{}/missing.jpg", stack.origin.base_url());
    let key = stack.tenant.private_key.expose();
    let ends = seconds_from_now(&stack, 600);
    for (token, why) in [
        (token(&stack, -1), "the time of the debug token is over"),
        (token(&stack, 90_000), "more than a day"),
        (
            mint(key, "other", ends),
            "not made with a private key of this account",
        ),
        (
            mint("private_none", "demo", ends),
            "not made with a private key",
        ),
        ("letmein".to_owned(), "is not written as"),
    ] {
        let answer = stack.request("GET", &url, &[(TOKEN, &token)]).await;
        assert_eq!(answer.status, 404);
        let detail = answer.header("ik-error-detail");
        assert!(detail.contains(why), "{token}: {detail}");
        assert_eq!(answer.header("ik-error-reason"), "", "{token}");
        assert_eq!(answer.header("proxy-status"), "limpid", "{token}");
    }
}

/// They are kept by caches, which give them to others.
#[tokio::test]
async fn a_picture_that_stands_in_says_no_more_for_a_token() {
    let stack = Box::pin(stack_with_a_proxy()).await;
    stack
        .origin
        .answer("/spare.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
    let url = format!(
        "/demo/proxy/tr:w-20,di-spare.jpg/{}/missing.jpg",
        stack.origin.base_url()
    );
    let plain = stack.get(&url).await;
    assert_eq!(plain.status, 200, "{}", plain.header("ik-error"));
    let good = token(&stack, 600);
    let told = stack.request("GET", &url, &[(TOKEN, &good)]).await;
    assert_eq!(told.status, 200);
    for name in [
        "ik-error",
        "ik-error-reason",
        "ik-error-detail",
        "proxy-status",
        "ik-warning",
    ] {
        assert_eq!(told.header(name), plain.header(name), "{name}");
    }
    let good_one = stack
        .request("GET", "/demo/tr:w-20/photo.jpg", &[(TOKEN, &good)])
        .await;
    assert_eq!(good_one.header("ik-error-detail"), "");
}
