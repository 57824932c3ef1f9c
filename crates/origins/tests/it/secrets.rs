//! What is recorded about a failure never gives a secret away.

use limpid_domain::failure::Reason;
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::Script;

use crate::fetching::Fetching;

#[tokio::test]
async fn query_values_are_not_recorded_even_when_the_origin_echoes_them() {
    let origin = FakeOrigin::start().await;
    let mut fetching = Fetching::folder(&origin.base_url());
    fetching.query = Some("token=canary%2Btoken".to_owned());
    let echo = Script::response(
        404,
        &[("content-type", "text/html"), ("server", "canary+token")],
        b"no such file: /a.jpg?token=canary%2Btoken (canary+token)",
    );
    origin.answer("/a.jpg?token=canary%2Btoken", echo);
    let failed = fetching.failure("a.jpg").await;
    let shown = format!("{failed:?}") + &serde_json::to_string(&failed).unwrap();
    assert!(!shown.contains("canary"), "{shown}");
    assert!(failed.location.unwrap().ends_with("/a.jpg?token=***"));
}

#[tokio::test]
async fn a_redirect_to_a_signed_url_is_recorded_without_the_signature() {
    let origin = FakeOrigin::start().await;
    let location = "/status/403?X-Signature=canary";
    origin.answer(
        "/a.jpg",
        Script::response(302, &[("location", location)], b""),
    );
    let ended = Fetching::folder(&origin.base_url()).get("a.jpg").await;
    let shown = format!("{:?} {:?}", ended.result, ended.steps);
    assert!(!shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn credentials_that_cannot_be_opened_are_our_failure_and_nobody_is_asked() {
    let origin = FakeOrigin::start().await;
    let mut fetching = Fetching::folder(&origin.base_url());
    fetching.credentials = limpid_domain::origin::OriginCredentials::Unreadable;
    assert_eq!(fetching.reason("photo.jpg").await, Reason::Internal);
    assert!(origin.requests().is_empty());
}
