//! The official SDKs send a request again without a key of their own, and count how often.

use chrono::TimeDelta;
use http::Method;
use limpid_domain::clock::Clock;
use serde_json::{Value, json};

use super::{ORIGINS, noon, origins, photos};
use crate::client::Answer;
use crate::dashboard::{Account, Dashboard};

async fn create(account: &Account<'_>, count: &str, body: &Value) -> Answer {
    let call = account.call(Method::POST, ORIGINS);
    let call = call.header("x-stainless-retry-count", count);
    call.json(body).send().await
}

#[tokio::test]
async fn what_an_sdk_sends_again_within_two_minutes_is_not_done_again() {
    let clock = Clock::fixed(noon());
    let dashboard = Dashboard::start_at(clock.clone()).await;
    let account = dashboard.account("acme").await;
    let first = create(&account, "0", &photos()).await.expect(201);
    clock.advance(TimeDelta::seconds(119));
    for count in ["1", "2"] {
        let again = create(&account, count, &photos()).await;
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.expect(201), first);
    }
    clock.advance(TimeDelta::seconds(1));
    let late = create(&account, "1", &photos()).await.expect(201);
    assert_ne!(late["id"], first["id"]);
    assert_eq!(origins(&account).await, 2);
}

#[tokio::test]
async fn what_an_sdk_sends_for_the_first_time_is_always_done() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let first = create(&account, "0", &photos()).await.expect(201);
    let second = create(&account, "0", &photos()).await.expect(201);
    assert_ne!(first["id"], second["id"]);
    // A repetition is one of the latest.
    let again = create(&account, "1", &photos()).await.expect(201);
    assert_eq!(again["id"], second["id"]);
    let other = json!({"name": "Pictures", "type": "WEB_PROXY"});
    let other = create(&account, "1", &other).await;
    assert_eq!(other.header("idempotent-replayed"), "");
    other.expect(201);
    assert_eq!(origins(&account).await, 3);
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_not_404_when_an_sdk_sends_it_again() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("First").await;
    let second = account.origin("Second").await;
    let path = format!("{ORIGINS}/{second}");
    for count in ["0", "1"] {
        let call = account.call(Method::DELETE, &path);
        let call = call.header("x-stainless-retry-count", count);
        assert_eq!(call.send().await.status, 204, "{count}");
    }
    let call = account.call(Method::DELETE, &path);
    let call = call.header("x-stainless-retry-count", "0");
    assert_eq!(call.send().await.status, 404);
}
