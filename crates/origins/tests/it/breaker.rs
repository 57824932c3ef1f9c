//! An origin that fails most of the time is left alone, then asked once to see; nobody else notices.

use std::time::{Duration, Instant};

use limpid_domain::failure::Reason;
use limpid_domain::ids::OriginId;
use limpid_domain::origin::OriginLocation;
use limpid_origins::{BreakerLimits, BreakerState, FetchConfig};
use limpid_testkit::dead_ends::RefusingPort;
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};

use crate::fetching::{Fetching, config, folder};

fn fragile(open_for: Duration) -> FetchConfig {
    FetchConfig {
        breaker: BreakerLimits {
            min_failures: 4,
            open_for,
            ..BreakerLimits::default()
        },
        ..config()
    }
}

/// Fails until the breaker is open: each failure is repeated once, so two fetches make four.
async fn open_breaker(fetching: &Fetching, path: &str) {
    for _ in 0..2 {
        let failed = fetching.failure(path).await;
        assert_ne!(failed.reason, Reason::CircuitOpen);
    }
}

#[tokio::test]
async fn an_open_breaker_asks_nobody_and_says_when_it_will() {
    let origin = FakeOrigin::start().await;
    let minute = fragile(Duration::from_mins(1));
    let mut fetching = Fetching::with_config(folder(&origin.base_url()), minute);
    open_breaker(&fetching, "status/503").await;
    for path in ["photo.jpg", "status/503", "a/photo.jpg"] {
        let failed = fetching.failure(path).await;
        assert_eq!(failed.reason, Reason::CircuitOpen);
        let rest = failed.retry_after.unwrap();
        assert!(rest <= Duration::from_mins(1) && rest > Duration::from_secs(30));
        assert_eq!(failed.negative_ttl(), rest);
    }
    assert_eq!(origin.requests().len(), 4);
    let health = fetching.fetcher.health();
    assert_eq!(health.len(), 1);
    assert_eq!(health[0].in_flight, 0);
    assert!(
        matches!(health[0].breakers[..], [(ref server, BreakerState::Open { .. })] if server.is_empty()),
        "{health:?}"
    );
    // Another origin, also one at the same address, has a breaker of its own.
    fetching.origin_id = OriginId::mint();
    fetching.original("photo.jpg").await;
}

#[tokio::test]
async fn answers_of_whatever_kind_keep_it_closed() {
    let origin = FakeOrigin::start().await;
    let fetching =
        Fetching::with_config(folder(&origin.base_url()), fragile(Duration::from_mins(1)));
    for _ in 0..5 {
        for path in ["status/404", "status/403", "empty", "huge"] {
            assert_ne!(fetching.reason(path).await, Reason::CircuitOpen, "{path}");
        }
    }
    fetching.original("photo.jpg").await;
}

#[tokio::test]
async fn a_probe_that_succeeds_closes_it() {
    let origin = FakeOrigin::start().await;
    let soon = fragile(Duration::from_millis(50));
    let fetching = Fetching::with_config(folder(&origin.base_url()), soon);
    for _ in 0..4 {
        origin.answer("/a.jpg", Script::response(503, &[], b""));
    }
    origin.answer("/a.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
    open_breaker(&fetching, "a.jpg").await;
    let opened = Instant::now();
    // an open breaker answers at once and asks nobody, so asking again is how to see it end
    while let Err(failed) = fetching.get("a.jpg").await.result {
        assert_eq!(failed.reason, Reason::CircuitOpen);
        assert!(opened.elapsed() < Duration::from_secs(5));
        tokio::task::yield_now().await;
    }
    assert_eq!(
        fetching.fetcher.health()[0].breakers[0].1,
        BreakerState::Closed
    );
    assert_eq!(origin.hits("/a.jpg"), 5);
}

#[tokio::test]
async fn a_dead_server_behind_a_web_proxy_shuts_no_other_out() {
    let origin = FakeOrigin::start().await;
    let port = RefusingPort::reserve();
    let minute = fragile(Duration::from_mins(1));
    let fetching = Fetching::with_config(OriginLocation::WebProxy, minute);
    let dead = format!("http://{}/a.jpg", port.addr());
    open_breaker(&fetching, &dead).await;
    assert_eq!(fetching.reason(&dead).await, Reason::CircuitOpen);
    let alive = format!("{}/photo.jpg", origin.base_url());
    assert_eq!(fetching.original(&alive).await.bytes, PHOTO_JPEG);
}

#[tokio::test]
async fn a_repeat_that_is_refused_leaves_the_failure_it_was_to_repeat() {
    let origin = FakeOrigin::start().await;
    let mut odd = fragile(Duration::from_mins(1));
    odd.breaker.min_failures = 3;
    let fetching = Fetching::with_config(folder(&origin.base_url()), odd);
    let repeats = [1, 0].map(|retries| (Reason::OriginOverloaded, retries));
    for expected in repeats {
        let failed = fetching.failure("status/503").await;
        assert_eq!((failed.reason, failed.retries), expected);
    }
    assert_eq!(fetching.reason("status/503").await, Reason::CircuitOpen);
    assert_eq!(origin.requests().len(), 3);
}
