//! An origin goes down: what it had before stands in, marked and recorded.

use chrono::TimeDelta;
use limpid_domain::clock::Clock;
use limpid_domain::failure::Outcome;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};

use crate::client::Answer;
use crate::stack::{Stack, web_folder};

/// A file that was fetched once, and the clock.
async fn stack_with(file: &str) -> (Stack, Clock) {
    let clock = Clock::fixed(Clock::system().now());
    let starting = Stack::start_with(|config| config.clock = clock.clone());
    let stack = Box::pin(starting).await;
    let photo = Script::ok("image/jpeg", PHOTO_JPEG);
    stack.origin.answer(&format!("/{file}"), photo);
    assert_eq!(
        stack.get(&format!("/demo/tr:w-40/{file}")).await.status,
        200
    );
    (stack, clock)
}

/// From now on the file answers with this status.
fn fail(stack: &Stack, file: &str, status: u16) {
    let target = format!("/{file}");
    // the script that stays is played once more before the next
    stack
        .origin
        .answer(&target, Script::response(status, &[], b""));
}

async fn drain(stack: &Stack, file: &str) {
    assert_eq!(
        stack.get(&format!("/demo/tr:w-41/{file}")).await.status,
        200
    );
}

fn is_stale(answer: &Answer) -> bool {
    answer.status == 200 && answer.header("ik-warning").starts_with("stale")
}

#[tokio::test]
async fn an_old_copy_stands_in_while_the_origin_is_down_and_is_recorded() {
    let (stack, clock) = stack_with("counted/a.jpg").await;
    fail(&stack, "counted/a.jpg", 503);
    drain(&stack, "counted/a.jpg").await;
    clock.advance(TimeDelta::seconds(90));
    let target = "/demo/tr:w-50/counted/a.jpg";
    let answer = stack.get(target).await;
    assert!(is_stale(&answer), "{:?}", answer.headers);
    assert_eq!(
        answer.header("ik-warning"),
        "stale; reason=origin_overloaded"
    );
    assert_eq!(answer.header("age"), "90");
    assert_eq!(
        answer.header("cache-control"),
        "public, s-maxage=150, max-age=150, must-revalidate"
    );
    assert!(answer.header("ik-error").is_empty());
    let hits = stack.origin.hits("/counted/a.jpg");
    assert!(is_stale(&stack.get(target).await));
    assert_eq!(
        stack.origin.hits("/counted/a.jpg"),
        hits,
        "nobody is asked again at once"
    );

    let event = stack.event_of(&answer).await;
    assert_eq!((event.outcome, event.headline), (Outcome::Stale, false));
    assert_eq!(event.reason.name(), "origin_overloaded");
    let summary = stack.summary_when(|summary| summary.attempts == 2).await;
    assert_eq!(summary.client_visible, 0, "no client saw an error");

    // what was made before the failure needs no warning
    let earlier = stack.get("/demo/tr:w-40/counted/a.jpg").await;
    assert!(earlier.header("ik-warning").is_empty());
}

#[tokio::test]
async fn it_ends_when_the_origin_is_back() {
    let (stack, clock) = stack_with("a.jpg").await;
    fail(&stack, "a.jpg", 503);
    drain(&stack, "a.jpg").await;
    let target = "/demo/tr:w-50/a.jpg";
    assert!(is_stale(&stack.get(target).await));
    stack
        .origin
        .answer("/a.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
    clock.advance(TimeDelta::seconds(2));
    // its first attempt still fails; the repeat succeeds
    let answer = stack.get(target).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("ik-warning").is_empty());
    assert!(answer.header("age").is_empty());
}

#[tokio::test]
async fn a_file_that_is_gone_or_denied_is_not_served_any_more() {
    for status in [404, 403] {
        let (stack, clock) = stack_with("a.jpg").await;
        fail(&stack, "a.jpg", status);
        drain(&stack, "a.jpg").await;
        assert_eq!(stack.get("/demo/tr:w-50/a.jpg").await.status, 404);
        // and the origin's last word holds when it goes down after it
        fail(&stack, "a.jpg", 503);
        clock.advance(TimeDelta::seconds(10));
        stack.get("/demo/tr:w-51/a.jpg").await;
        clock.advance(TimeDelta::seconds(10));
        let answer = stack.get("/demo/tr:w-52/a.jpg").await;
        assert_eq!(answer.header("ik-error-reason"), "origin_overloaded");
    }
}

#[tokio::test]
async fn a_later_origin_that_works_comes_first() {
    let (stack, _) = stack_with("a.jpg").await;
    let base = stack.origin.base_url();
    let zoo = stack.add_origin(web_folder("zoo2", &base)).await;
    let spare = stack
        .add_origin(web_folder("spare", &format!("{base}/spare")))
        .await;
    stack.add_endpoint("two", &[zoo, spare]).await;
    assert_eq!(stack.get("/demo/two/tr:w-40/a.jpg").await.status, 200);
    fail(&stack, "a.jpg", 503);
    assert_eq!(stack.get("/demo/two/tr:w-41/a.jpg").await.status, 200);
    stack
        .origin
        .answer("/spare/a.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
    let answer = stack.get("/demo/two/tr:w-42/a.jpg").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("ik-warning").is_empty());
    assert_eq!(stack.origin.hits("/spare/a.jpg"), 1);
}

#[tokio::test]
async fn a_change_of_the_endpoint_keeps_the_copies_of_its_origins_and_no_others() {
    let (stack, _) = stack_with("b.jpg").await;
    let base = stack.origin.base_url();
    let one = stack.add_origin(web_folder("one", &base)).await;
    let two = stack.add_origin(web_folder("two", &base)).await;
    stack.attach_to_default(&[one]).await;
    assert_eq!(stack.get("/demo/tr:w-40/b.jpg").await.status, 200);
    fail(&stack, "b.jpg", 503);
    drain(&stack, "b.jpg").await;
    // another endpoint version, the same origin
    stack.add_endpoint("extra", &[one]).await;
    stack.attach_to_default(&[one, two]).await;
    let answer = stack.get("/demo/tr:w-50/b.jpg").await;
    assert!(is_stale(&answer), "{:?}", answer.headers);
    stack.attach_to_default(&[two]).await;
    let answer = stack.get("/demo/tr:w-50/b.jpg").await;
    assert_eq!(answer.header("ik-error-reason"), "origin_overloaded");
}

#[tokio::test]
async fn another_version_named_by_the_client_is_not_answered_with_the_old_one() {
    let (stack, _) = stack_with("a.jpg").await;
    fail(&stack, "a.jpg", 503);
    drain(&stack, "a.jpg").await;
    let newer = stack.get("/demo/tr:w-50/a.jpg?ik-obj-version=2").await;
    assert_eq!(newer.header("ik-error-reason"), "origin_overloaded");
    assert!(is_stale(&stack.get("/demo/tr:w-50/a.jpg").await));
}

#[tokio::test]
async fn what_an_origin_wants_stored_nowhere_is_not_kept() {
    let stack = Stack::start().await;
    let headers = [
        ("content-type", "image/jpeg"),
        ("cache-control", "private, no-store"),
    ];
    stack
        .origin
        .answer("/a.jpg", Script::response(200, &headers, PHOTO_JPEG));
    stack
        .origin
        .answer("/a.jpg", Script::response(503, &[], b""));
    assert_eq!(stack.get("/demo/tr:w-40/a.jpg").await.status, 200);
    let answer = stack.get("/demo/tr:w-50/a.jpg").await;
    assert_eq!(answer.header("ik-error-reason"), "origin_overloaded");
}
