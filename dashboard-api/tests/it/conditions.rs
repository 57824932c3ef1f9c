//! Changes that say which version they are meant for, answers that say nothing is new, and what is left of what is counted by the minute.

use http::Method;
use limpid_domain::failure::Reason;
use serde_json::{Value, json};

use crate::client::{Answer, Call};
use crate::dashboard::{Account, Dashboard, OPERATOR_KEY};
use crate::origin_errors::failures::{failure, store};

const ENDPOINT: &str = "/dashboard/v1/url-endpoints/default";

async fn created(account: &Account<'_>, path: &str, body: &Value) -> String {
    let created = account.post(path, body).await.expect(201);
    format!("{path}/{}", created["id"].as_str().unwrap())
}

async fn rule(account: &Account<'_>) -> String {
    let body = json!({"name": "Groups", "condition": {"type": "group_state", "states": ["new"]}, "webhooks": []});
    created(account, "/dashboard/v1/alert-rules", &body).await
}

async fn hook(account: &Account<'_>) -> String {
    let body = json!({"url": "https://hooks.example/", "events": ["alert.firing"]});
    created(account, "/dashboard/v1/webhooks", &body).await
}

#[tokio::test]
async fn our_puts_and_deletes_need_if_match_and_imagekits_do_not() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let (rule, hook) = (rule(&account).await, hook(&account).await);
    let rule_again = account.get(&rule).await.expect(200);
    let caching = json!({"failureSeconds": 5});
    let calls = [
        (Method::PUT, rule.clone(), rule_again),
        (Method::PUT, format!("{ENDPOINT}/caching"), caching),
        (Method::PUT, format!("{ENDPOINT}/restrictions"), json!({})),
        (
            Method::PUT,
            format!("{ENDPOINT}/custom-domains"),
            json!({"customDomains": []}),
        ),
        (Method::DELETE, rule, json!({})),
        (Method::DELETE, hook, json!({})),
    ];
    for (method, path, body) in calls {
        let what = format!("{method} {path}");
        let call = || account.call(method.clone(), &path);
        let missing = call().json(&body).send().await;
        let problem = missing.expect(428);
        assert_eq!(problem["code"], "condition-missing", "{what}");
        assert!(problem["message"].as_str().unwrap().contains("If-Match"));
        if path.contains("alert-rules") && method == Method::PUT {
            // What the list shows is not what is sent; only the condition matters here.
            continue;
        }
        let any = call().header("if-match", "*").json(&body).send().await;
        assert!(any.status.is_success(), "{what}: {any:?}");
    }
    let origin = account.origin("Photos").await;
    let path = format!("/v1/accounts/origins/{origin}");
    let renamed = json!({"name": "Pictures", "type": "WEB_PROXY"});
    let call = account.call(Method::PUT, &path).json(&renamed);
    call.send().await.expect(200);
}

/// The answer to a change that was meant for version 99.
async fn stale(call: Call, body: &Value) -> Answer {
    call.header("if-match", "\"99\"").json(body).send().await
}

#[tokio::test]
async fn a_change_meant_for_another_version_is_told_what_there_is_now() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let (rule, hook) = (rule(&account).await, hook(&account).await);
    let origin = account.origin("Photos").await;
    let origin = format!("/v1/accounts/origins/{origin}");
    let ours = origin.replace("/v1/accounts", "/dashboard/v1");
    let renamed = json!({"name": "Pictures", "type": "WEB_PROXY"});
    let settings = "/dashboard/v1/settings".to_owned();
    let domains = format!("{ENDPOINT}/custom-domains");
    for (method, path, body, read) in [
        (Method::PUT, &origin, renamed, &origin),
        (Method::DELETE, &rule, json!({}), &rule),
        (Method::PATCH, &hook, json!({"enabled": false}), &hook),
        (
            Method::POST,
            &format!("{hook}/rotate-secret"),
            json!({}),
            &hook,
        ),
        (
            Method::PATCH,
            &settings,
            json!({"dataSaver": true}),
            &settings,
        ),
        (
            Method::PUT,
            &domains,
            json!({"customDomains": []}),
            &domains,
        ),
        (
            Method::POST,
            &format!("{ours}/restore"),
            json!({"version": 1}),
            &origin,
        ),
    ] {
        let present = account.get(read).await;
        let answer = stale(account.call(method.clone(), path), &body).await;
        let problem = answer.expect(412);
        assert_eq!(problem["code"], "version-stale", "{method} {path}");
        assert_eq!(problem["current"], present.expect(200), "{method} {path}");
        assert_eq!(answer.header("etag"), present.header("etag"));
        assert!(!answer.header("etag").is_empty());
    }
    let limits = "/operator/v1/tenants/acme/limits";
    let call = dashboard.call(Method::PUT, limits).bearer(OPERATOR_KEY);
    let answer = stale(call, &json!({"maxPixels": 1_000_000})).await;
    assert_eq!(answer.expect(412)["current"], json!({}));
    // Nobody is shown what they may not read.
    let other = dashboard.account("zeta").await;
    let answer = stale(
        other.call(Method::PUT, &origin),
        &json!({"name": "x", "type": "WEB_PROXY"}),
    )
    .await;
    assert_eq!(answer.expect(404).get("current"), None);
}

#[tokio::test]
async fn a_change_with_the_version_it_was_shown_succeeds() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let path = format!("{ENDPOINT}/custom-domains");
    let body = json!({"customDomains": ["images.example.com"]});
    let tag = stale(account.call(Method::PUT, &path), &body).await;
    let tag = tag.header("etag").to_owned();
    let call = account.call(Method::PUT, &path).header("if-match", &tag);
    let answer = call.json(&body).send().await;
    answer.expect(200);
    assert_ne!(answer.header("etag"), tag);
    assert_eq!(
        account.get(&path).await.header("etag"),
        answer.header("etag")
    );
}

#[tokio::test]
async fn who_asks_again_is_told_when_nothing_is_new() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    for path in [
        "/dashboard/v1/origin-errors/summary",
        "/dashboard/v1/origin-errors/groups",
        "/dashboard/v1/origin-errors/events",
        "/dashboard/v1/config",
        "/dashboard/v1/changes",
        "/v1/accounts/origins",
    ] {
        let first = account.get(path).await;
        first.expect(200);
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\""), "{path}: {tag}");
        let again = account.call(Method::GET, path);
        let again = again.header("if-none-match", &tag).send().await;
        assert_eq!(
            (again.status.as_u16(), again.body.len()),
            (304, 0),
            "{path}"
        );
        assert_eq!(again.header("etag"), tag);
    }
    let summary = "/dashboard/v1/origin-errors/summary";
    let tag = account.get(summary).await.header("etag").to_owned();
    let new = vec![failure(account.id, Reason::ObjectNotFound)];
    store(&dashboard, 1, new).await;
    let again = account.call(Method::GET, summary);
    let again = again.header("if-none-match", &tag).send().await;
    assert_eq!(again.expect(200)["attempts"], 1);
}

#[tokio::test]
async fn what_is_counted_by_the_minute_says_what_is_left() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let tokens = "/dashboard/v1/stream-tokens";
    let answer = account.post(tokens, &json!({})).await;
    assert!(answer.status.is_success(), "{answer:?}");
    assert_eq!(answer.header("x-ratelimit-limit"), "60");
    assert_eq!(answer.header("x-ratelimit-interval"), "60000");
    let reset: u64 = answer.header("x-ratelimit-reset").parse().unwrap();
    assert!((1..=60_000).contains(&reset));
    assert_eq!(
        answer.header("ratelimit-policy"),
        "\"stream-tokens\";q=60;w=60"
    );
    assert!(
        answer
            .header("ratelimit")
            .starts_with("\"stream-tokens\";r=59;t=")
    );
    for _ in 0..59 {
        account.post(tokens, &json!({})).await;
    }
    let refused = account.post(tokens, &json!({})).await;
    refused.expect(429);
    assert!(
        refused
            .header("ratelimit")
            .starts_with("\"stream-tokens\";r=0;t=")
    );
    assert!(!refused.header("retry-after").is_empty());
    // ImageKit's routes have ImageKit's headers only, and what is not counted has none.
    let purge = json!({"url": "https://elsewhere.example/x.jpg"});
    let purge = account.post("/v1/files/purge", &purge).await;
    assert_eq!(purge.header("x-ratelimit-limit"), "60");
    assert_eq!(purge.header("ratelimit"), "");
    let read = account.get("/v1/accounts/origins").await;
    assert_eq!(read.header("x-ratelimit-limit"), "");
}

#[tokio::test]
async fn the_log_says_which_version_a_change_was_meant_for() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let path = format!("/v1/accounts/origins/{origin}");
    let renamed = json!({"name": "Pictures", "type": "WEB_PROXY"});
    for condition in [Some("\"1\""), None] {
        let mut call = account.call(Method::PUT, &path);
        if let Some(condition) = condition {
            call = call.header("if-match", condition);
        }
        call.json(&renamed).send().await.expect(200);
    }
    let history = format!("/dashboard/v1/origins/{origin}/history");
    let history = account.get(&history).await.expect(200);
    let expected = [0, 1, 2].map(|place| &history["data"][place]["expectedVersion"]);
    assert_eq!(expected, [&Value::Null, &json!(1), &Value::Null]);
}
