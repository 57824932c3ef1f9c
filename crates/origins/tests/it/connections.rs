//! Connections: kept, never mixed, replaced when stale, and not too many at once.

use limpid_domain::failure::Reason;
use limpid_domain::ids::OriginId;
use limpid_origins::FetchConfig;
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};

use crate::fetching::{Fetching, config, folder};

#[tokio::test]
async fn a_connection_is_kept_for_the_next_fetch() {
    let origin = FakeOrigin::start().await;
    let fetching = Fetching::folder(&origin.base_url());
    let first = fetching.original("photo.jpg").await;
    let second = fetching.get("photo.jpg").await;
    assert!(second.step_names().contains(&"reuse"), "{:?}", second.steps);
    assert!(first.timings.connect_us.is_some());
    assert_eq!(second.result.unwrap().timings.connect_us, None);
    // An error page read to its end keeps it too.
    fetching.failure("status/404").await;
    fetching.original("photo.jpg").await;
    assert!(
        origin
            .requests()
            .iter()
            .all(|request| request.connection == 0)
    );
}

#[tokio::test]
async fn origins_never_share_a_connection() {
    let origin = FakeOrigin::start().await;
    let mut fetching = Fetching::folder(&origin.base_url());
    fetching.original("photo.jpg").await;
    fetching.origin_id = OriginId::mint();
    fetching.original("photo.jpg").await;
    let connections: Vec<usize> = origin.requests().iter().map(|r| r.connection).collect();
    assert_eq!(connections, [0, 1]);
}

#[tokio::test]
async fn a_kept_connection_that_has_died_costs_no_failure() {
    let origin = FakeOrigin::start().await;
    let fetching = Fetching::folder(&origin.base_url());
    fetching.original("photo.jpg").await;
    // Over the kept connection the origin closes without an answer; over a fresh one it answers.
    origin.answer("/a.jpg", Script::raw(""));
    origin.answer("/a.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
    let original = fetching.original("a.jpg").await;
    assert_eq!(original.retries, 0);
    let connections: Vec<usize> = origin.requests().iter().map(|r| r.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[tokio::test]
async fn no_more_fetches_run_at_an_origin_than_it_may_bear() {
    let origin = FakeOrigin::start().await;
    let narrow = FetchConfig {
        max_concurrency_per_origin: 1,
        ..config()
    };
    let fetching = Fetching::with_config(folder(&origin.base_url()), narrow);
    let (busy, queued) = tokio::join!(fetching.get("silent"), fetching.get("photo.jpg"));
    let reasons = [busy, queued].map(|ended| ended.result.unwrap_err().reason);
    assert_eq!(
        reasons,
        [Reason::ResponseTimeout, Reason::OriginConcurrencyLimit]
    );
    assert_eq!(origin.requests().len(), 1);
    // The slot is free again.
    fetching.original("photo.jpg").await;
}
