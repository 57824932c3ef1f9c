//! A failure is answered again for the time the table gives it: same words, nobody asked, every request counted.

use chrono::TimeDelta;
use limpid_dashboard_api::commands::{SetCaching, set_caching};
use limpid_domain::caching::Caching;
use limpid_domain::clock::Clock;
use limpid_domain::failure::Reason;
use limpid_domain::url_endpoint::UrlEndpointName;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};

use crate::stack::{Stack, web_folder};

/// A stack whose time stands still until the test moves it.
async fn stack_with_clock() -> (Stack, Clock) {
    let clock = Clock::fixed(Clock::system().now());
    let stack = Stack::start_with(|config| config.clock = clock.clone()).await;
    (stack, clock)
}

#[tokio::test]
async fn a_repeat_says_the_same_asks_nobody_and_is_counted() {
    let (stack, clock) = stack_with_clock().await;
    let first = stack.get("/demo/tr:w-30/counted/missing.jpg").await;
    clock.advance(TimeDelta::milliseconds(4_999));
    let repeat = stack.get("/demo/tr:w-30/counted/missing.jpg").await;
    for name in [
        "ik-error",
        "ik-error-reason",
        "proxy-status",
        "cache-control",
        "etag",
    ] {
        assert_eq!(repeat.header(name), first.header(name), "{name}");
    }
    assert_eq!((repeat.status, &repeat.body), (first.status, &first.body));
    assert_ne!(
        repeat.header("ik-request-id"),
        first.header("ik-request-id")
    );
    assert_eq!(stack.origin.hits("/counted/missing.jpg"), 1);

    let event = stack.event_of(&repeat).await;
    assert_eq!(event.reason, Reason::ObjectNotFound);
    assert_eq!(event.upstream_status, 404);
    let note = event.detail.and_then(|detail| detail.note).unwrap();
    assert!(
        note.starts_with("repeated from the negative cache"),
        "{note}"
    );
    let summary = stack
        .summary_when(|summary| summary.client_visible == 2)
        .await;
    assert_eq!(summary.attempts, 2);
}

#[tokio::test]
async fn a_repaired_origin_is_found_when_the_time_is_over() {
    let (stack, clock) = stack_with_clock().await;
    stack
        .origin
        .answer("/late.jpg", Script::response(404, &[], b""));
    assert_eq!(stack.get("/demo/tr:w-30/late.jpg").await.status, 404);
    stack
        .origin
        .answer("/late.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
    assert_eq!(stack.get("/demo/tr:w-30/late.jpg").await.status, 404);
    assert_eq!(stack.origin.hits("/late.jpg"), 1);
    clock.advance(TimeDelta::seconds(5));
    // the script of 404 has been played once and stays until another follows
    assert_eq!(stack.get("/demo/tr:w-30/late.jpg").await.status, 404);
    clock.advance(TimeDelta::seconds(5));
    assert_eq!(stack.get("/demo/tr:w-30/late.jpg").await.status, 200);
    assert_eq!(stack.origin.hits("/late.jpg"), 3);
}

#[tokio::test]
async fn every_transformation_of_a_missing_file_shares_the_answer() {
    let (stack, _) = stack_with_clock().await;
    let requests = (1..=200).map(|width| {
        let target = format!("/demo/tr:w-{width}/counted/missing.jpg");
        let stack = &stack;
        async move { stack.get(&target).await }
    });
    let answers = futures::future::join_all(requests).await;
    assert!(answers.iter().all(|answer| answer.status == 404));
    assert_eq!(stack.origin.hits("/counted/missing.jpg"), 1);
    let summary = stack
        .summary_when(|summary| summary.client_visible >= 200)
        .await;
    assert_eq!((summary.client_visible, summary.attempts), (200, 200));
}

#[tokio::test]
async fn a_picture_that_cannot_be_made_is_not_fetched_again() {
    let (stack, clock) = stack_with_clock().await;
    for _ in 0..3 {
        let answer = stack.get("/demo/tr:w-30/truncated.jpg").await;
        assert_eq!(answer.header("ik-error-reason"), "image_truncated");
        clock.advance(TimeDelta::seconds(15));
    }
    assert_eq!(stack.origin.hits("/truncated.jpg"), 1);
    clock.advance(TimeDelta::seconds(15));
    stack.get("/demo/tr:w-30/truncated.jpg").await;
    assert_eq!(stack.origin.hits("/truncated.jpg"), 2);
}

#[tokio::test]
async fn a_missing_layer_is_not_asked_for_again_nor_is_its_picture() {
    let (stack, _) = stack_with_clock().await;
    let target = "/demo/tr:w-30,l-image,i-nothing.png,l-end/photo.jpg";
    for _ in 0..3 {
        let answer = stack.get(target).await;
        assert_eq!(answer.header("ik-error-reason"), "layer_input_not_found");
    }
    assert_eq!(stack.origin.hits("/nothing.png"), 1);
    assert_eq!(stack.origin.hits("/photo.jpg"), 1);
}

#[tokio::test]
async fn a_change_of_the_configuration_empties_it() {
    let (stack, _) = stack_with_clock().await;
    let base = stack.origin.base_url();
    let other = stack.add_origin(web_folder("other", &base)).await;
    stack.add_endpoint("shop", &[other]).await;
    for _ in 0..2 {
        assert_eq!(stack.get("/demo/shop/missing.jpg").await.status, 404);
    }
    assert_eq!(stack.origin.hits("/missing.jpg"), 1);
    stack.attach_to_default(&[other]).await;
    assert_eq!(stack.get("/demo/shop/missing.jpg").await.status, 404);
    assert_eq!(stack.origin.hits("/missing.jpg"), 2);
}

#[tokio::test]
async fn the_origin_says_how_long_it_wants_to_be_left_alone() {
    let (stack, clock) = stack_with_clock().await;
    let target = "/demo/tr:w-30/slow-down?after=30";
    for _ in 0..2 {
        let answer = stack.get(target).await;
        assert_eq!(answer.header("ik-error-reason"), "origin_rate_limited");
        clock.advance(TimeDelta::seconds(29));
    }
    assert_eq!(stack.origin.hits("/slow-down?after=30"), 1);
    clock.advance(TimeDelta::seconds(1));
    stack.get(target).await;
    assert_eq!(stack.origin.hits("/slow-down?after=30"), 2);
}

#[tokio::test]
async fn an_origin_that_failed_is_passed_over_and_the_next_one_asked() {
    let (stack, _) = stack_with_clock().await;
    let base = stack.origin.base_url();
    let down = stack
        .add_origin(web_folder("down", &format!("{base}/down")))
        .await;
    stack
        .origin
        .answer("/down/photo.jpg", Script::response(404, &[], b""));
    let up = stack
        .add_origin(web_folder("up", &format!("{base}/up")))
        .await;
    stack.add_endpoint("two", &[down, up]).await;
    for width in [20, 21, 22] {
        let target = format!("/demo/two/tr:w-{width}/photo.jpg");
        assert_eq!(stack.get(&target).await.status, 200);
    }
    assert_eq!(stack.origin.hits("/up/photo.jpg"), 3);
    assert_eq!(stack.origin.hits("/down/photo.jpg"), 1);
}

#[tokio::test]
async fn an_endpoint_may_want_another_time_than_the_tables() {
    let (stack, clock) = stack_with_clock().await;
    let zoo = web_folder("other", &stack.origin.base_url());
    let zoo = stack.add_origin(zoo).await;
    stack.add_endpoint("shop", &[zoo]).await;
    let caching = |failure_seconds| SetCaching {
        name: UrlEndpointName::Default,
        caching: Caching {
            failure_seconds,
            ..Caching::default()
        },
        expected: None,
    };
    let context = stack.context();
    let set = set_caching(&context, stack.tenant_id(), caching(Some(60)));
    set.await.unwrap();
    stack.wait_for_version().await;
    let asked = |target: &'static str, file: &'static str| {
        let stack = &stack;
        async move {
            assert_eq!(stack.get(target).await.status, 404, "{target}");
            stack.origin.hits(file)
        }
    };
    for (target, file) in [
        ("/demo/tr:w-30/gone.jpg", "/gone.jpg"),
        ("/demo/tr:w-30/truncated.jpg", "/truncated.jpg"),
    ] {
        assert_eq!(asked(target, file).await, 1);
    }
    clock.advance(TimeDelta::seconds(59));
    assert_eq!(asked("/demo/tr:w-30/gone.jpg", "/gone.jpg").await, 1);
    assert_eq!(
        asked("/demo/tr:w-30/truncated.jpg", "/truncated.jpg").await,
        1
    );
    // The other endpoint follows the table.
    assert_eq!(asked("/demo/shop/tr:w-30/else.jpg", "/else.jpg").await, 1);
    clock.advance(TimeDelta::seconds(5));
    assert_eq!(asked("/demo/shop/tr:w-30/else.jpg", "/else.jpg").await, 2);
    assert_eq!(asked("/demo/tr:w-30/gone.jpg", "/gone.jpg").await, 2);

    let never = set_caching(&context, stack.tenant_id(), caching(Some(0)));
    never.await.unwrap();
    stack.wait_for_version().await;
    for times in 3..6 {
        assert_eq!(asked("/demo/tr:w-30/gone.jpg", "/gone.jpg").await, times);
    }
}
