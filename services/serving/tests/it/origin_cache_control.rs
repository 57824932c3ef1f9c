//! How long pictures are kept where their origin decides.

use chrono::TimeDelta;
use limpid_dashboard_api::commands::{SetCaching, set_caching};
use limpid_domain::caching::Caching;
use limpid_domain::clock::Clock;
use limpid_domain::url_endpoint::UrlEndpointName;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};

use crate::stack::Stack;

const USUAL: &str = "public, s-maxage=31536000, max-age=31536000, must-revalidate";

async fn stack_that_follows(follows: bool) -> (Stack, Clock) {
    let clock = Clock::fixed(Clock::system().now());
    let in_node = clock.clone();
    let stack = Stack::start_with(move |config| config.clock = in_node).await;
    let set = SetCaching {
        name: UrlEndpointName::Default,
        caching: Caching {
            origin_cache_control: follows,
            ..Caching::default()
        },
        expected: None,
    };
    set_caching(&stack.context(), stack.tenant_id(), set)
        .await
        .unwrap();
    stack.wait_for_version().await;
    for (path, fields) in [
        ("/aged.jpg", [("cache-control", "max-age=77"), ("x-a", "b")]),
        ("/never.jpg", [("cache-control", "no-store"), ("x-a", "b")]),
        (
            "/expires.jpg",
            [
                ("date", "Fri, 27 Nov 2026 10:00:00 GMT"),
                ("expires", "Fri, 27 Nov 2026 10:01:30 GMT"),
            ],
        ),
        ("/silent.jpg", [("x-c", "d"), ("x-a", "b")]),
    ] {
        let fields = [("content-type", "image/jpeg"), fields[0], fields[1]];
        stack
            .origin
            .answer(path, Script::response(200, &fields, PHOTO_JPEG));
    }
    (stack, clock)
}

#[tokio::test]
async fn where_an_endpoint_follows_its_origin_the_origins_words_decide() {
    let (stack, clock) = Box::pin(stack_that_follows(true)).await;
    let told = async |name: &str| {
        let answer = stack.get(&format!("/demo/tr:w-30/{name}.jpg")).await;
        assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
        answer.header("cache-control").to_owned()
    };
    for _ in 0..2 {
        assert_eq!(told("aged").await, "public, max-age=77");
        assert_eq!(told("never").await, "no-store");
        assert_eq!(told("expires").await, "public, max-age=90");
        assert_eq!(told("silent").await, USUAL);
    }
    let hits = |name: &str| stack.origin.hits(&format!("/{name}.jpg"));
    assert_eq!((hits("aged"), hits("never"), hits("silent")), (1, 2, 1));
    clock.advance(TimeDelta::seconds(76));
    told("aged").await;
    assert_eq!(hits("aged"), 1);
    clock.advance(TimeDelta::seconds(1));
    told("aged").await;
    told("silent").await;
    assert_eq!((hits("aged"), hits("silent")), (2, 1));
}

#[tokio::test]
async fn an_answer_says_how_old_it_is_where_its_origin_decides_how_old_it_may_get() {
    let (stack, clock) = Box::pin(stack_that_follows(true)).await;
    let in_a_cache = [
        ("content-type", "image/jpeg"),
        ("cache-control", "max-age=77"),
        ("age", "50"),
    ];
    stack
        .origin
        .answer("/old.jpg", Script::response(200, &in_a_cache, PHOTO_JPEG));
    let ages = async || {
        let mut ages = Vec::new();
        for name in ["aged", "old", "never", "silent"] {
            let answer = stack.get(&format!("/demo/tr:w-30/{name}.jpg")).await;
            ages.push(answer.header("age").to_owned());
        }
        ages
    };
    assert_eq!(ages().await, ["", "50", "", ""]);
    clock.advance(TimeDelta::seconds(20));
    assert_eq!(ages().await, ["20", "70", "", ""]);
    clock.advance(TimeDelta::seconds(7));
    // The time of the other is over: it is asked for again, and comes from that cache again.
    assert_eq!(ages().await, ["27", "50", "", ""]);
    assert_eq!(stack.origin.hits("/old.jpg"), 2);
}

#[tokio::test]
async fn by_default_the_origins_words_decide_nothing() {
    let (stack, _) = Box::pin(stack_that_follows(false)).await;
    for name in ["aged", "never", "expires", "silent"] {
        for _ in 0..2 {
            let answer = stack.get(&format!("/demo/tr:w-30/{name}.jpg")).await;
            assert_eq!(answer.header("cache-control"), USUAL, "{name}");
        }
        assert_eq!(stack.origin.hits(&format!("/{name}.jpg")), 1, "{name}");
    }
}
