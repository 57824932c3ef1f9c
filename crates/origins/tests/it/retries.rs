//! A failed attempt is repeated exactly where the table says so, and the origin is asked exactly that often.

use std::time::Duration;

use limpid_domain::failure::{Reason, RetryRule};
use limpid_testkit::fake_origin::FakeOrigin;

use crate::fetching::Fetching;

/// One path for each way a web origin fails after a connection stands.
const FAILING: [&str; 19] = [
    "status/404",
    "status/410",
    "status/401",
    "status/403",
    "status/418",
    "status/500",
    "status/502",
    "status/503",
    "status/504",
    "challenge",
    "empty",
    "close",
    "reset",
    "silent",
    "stall-body",
    "short-body",
    "reset-body",
    "garbage",
    "huge",
];

#[tokio::test]
async fn the_table_decides_how_often_an_origin_is_asked() {
    let origin = FakeOrigin::start().await;
    let fetches = FAILING.map(async |path| {
        // A fetcher of its own: over a kept connection a reset would first be checked on a fresh one.
        let failed = Fetching::folder(&origin.base_url()).failure(path).await;
        (path, failed)
    });
    for (path, failed) in futures::future::join_all(fetches).await {
        let repeats = match failed.reason.row().retry {
            RetryRule::Once => 1,
            RetryRule::Never | RetryRule::RetryAfterIfShort => 0,
        };
        assert_eq!(
            usize::from(failed.retries),
            repeats,
            "{path}: {}",
            failed.reason
        );
        let hits = origin.hits(&format!("/{path}"));
        assert_eq!(hits, 1 + repeats, "{path}: {}", failed.reason);
    }
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_only_where_it_is_short() {
    let origin = FakeOrigin::start().await;
    for (path, asked) in [
        ("slow-down?after=0", 2),
        ("slow-down?after=1", 2),
        ("slow-down?after=2", 1),
        ("slow-down?after=", 1),
    ] {
        let mut fetching = Fetching::folder(&origin.base_url());
        let (file, query) = path.split_once('?').unwrap();
        fetching.query = Some(query.to_owned());
        let ended = fetching.get(file).await;
        assert_eq!(ended.result.unwrap_err().reason, Reason::OriginRateLimited);
        assert_eq!(origin.hits(&format!("/{path}")), asked, "{path}");
        if path.ends_with('1') {
            assert!(ended.took >= Duration::from_secs(1), "{:?}", ended.took);
        }
    }
}

#[tokio::test]
async fn nothing_is_repeated_when_the_deadline_is_near() {
    let origin = FakeOrigin::start().await;
    let mut fetching = Fetching::folder(&origin.base_url());
    fetching.patience = Duration::from_millis(540);
    assert_eq!(
        fetching.reason("status/503").await,
        Reason::OriginOverloaded
    );
    assert_eq!(origin.hits("/status/503"), 1);
}
