//! Whether a file is there, asked without fetching it.

use std::time::{Duration, Instant};

use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::ids::{StreamVersion, TenantId};
use limpid_domain::origin::{OriginCredentials, OriginLocation};
use limpid_origins::{
    BreakerLimits, BreakerState, Existence, FetchConfig, FetchRequest, OriginAccess, near_paths,
};
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};

use crate::fetching::{Fetching, config, folder};

async fn ask(fetching: &Fetching, path: &str) -> Result<Existence, Box<AttemptFailure>> {
    let access = OriginAccess {
        tenant_id: TenantId(1),
        origin_id: fetching.origin_id,
        version: StreamVersion(1),
        settings: &fetching.settings,
        credentials: &fetching.credentials,
    };
    let request = FetchRequest {
        path,
        query: None,
        object_version: None,
        forwarded_host: None,
        request_id: fetching.request_id,
        deadline: Instant::now() + Duration::from_secs(5),
        max_bytes: 0,
    };
    fetching.fetcher.exists(&access, &request).await
}

fn answer(is_there: bool, requests: usize) -> Existence {
    Existence { is_there, requests }
}

#[tokio::test]
async fn a_web_server_is_asked_with_head() {
    let origin = FakeOrigin::start().await;
    let fetching = Fetching::folder(&origin.base_url());
    assert_eq!(ask(&fetching, "photo.jpg").await.unwrap(), answer(true, 1));
    assert_eq!(
        ask(&fetching, "status/404").await.unwrap(),
        answer(false, 1)
    );
    assert_eq!(
        ask(&fetching, "status/403").await.unwrap(),
        answer(false, 1)
    );
    let redirected = ask(&fetching, "redirects/1").await.unwrap();
    assert!(
        redirected.is_there && redirected.requests > 1,
        "{redirected:?}"
    );
    assert!(
        origin
            .requests()
            .iter()
            .all(|request| request.method == "HEAD")
    );
}

#[tokio::test]
async fn a_server_without_head_is_asked_for_one_byte() {
    for status in [405, 501] {
        let origin = FakeOrigin::start().await;
        origin.judge(move |request| {
            Some(match (request.method.as_str(), request.header("range")) {
                ("GET", Some("bytes=0-0")) if request.target == "/a.jpg" => {
                    Script::response(206, &[("content-range", "bytes 0-0/9")], b"a")
                }
                ("GET", Some("bytes=0-0")) => Script::response(404, &[], b"no"),
                ("HEAD", _) => Script::response(status, &[], b""),
                _ => Script::response(500, &[], b""),
            })
        });
        let fetching = Fetching::folder(&origin.base_url());
        assert_eq!(ask(&fetching, "a.jpg").await.unwrap(), answer(true, 2));
        assert_eq!(ask(&fetching, "b.jpg").await.unwrap(), answer(false, 2));
    }
}

#[tokio::test]
async fn a_store_is_asked_with_a_signed_head() {
    let origin = FakeOrigin::start().await;
    origin.judge(|request| {
        let is_signed = request.header("authorization").is_some();
        let is_there = request.target == "/pictures/raw/a%20b.jpg" && is_signed;
        Some(Script::response(if is_there { 200 } else { 404 }, &[], b""))
    });
    let mut fetching = Fetching::from(OriginLocation::S3Compatible {
        bucket: "pictures".to_owned(),
        prefix: "raw".to_owned(),
        endpoint: origin.base_url().parse().unwrap(),
        s3_force_path_style: true,
    });
    fetching.credentials = OriginCredentials::AccessKey {
        access_key: "AKIAEXISTENCE".into(),
        secret_key: "secret-of-existence".into(),
    };
    assert_eq!(ask(&fetching, "a%20b.jpg").await.unwrap(), answer(true, 1));
    assert_eq!(ask(&fetching, "a+b.jpg").await.unwrap(), answer(false, 1));
    assert!(
        origin
            .requests()
            .iter()
            .all(|request| request.method == "HEAD")
    );
}

#[tokio::test]
async fn keys_outside_the_prefix_and_keys_that_begin_with_a_slash_are_found() {
    let origin = FakeOrigin::start().await;
    let keys = ["lead.jpg", "pre//l3.jpg", "/pre/l2.jpg"];
    origin.judge(move |request| {
        let is_there = keys
            .iter()
            .any(|key| request.target == format!("/pictures/{key}"));
        Some(Script::response(if is_there { 200 } else { 404 }, &[], b""))
    });
    let mut fetching = Fetching::from(OriginLocation::S3Compatible {
        bucket: "pictures".to_owned(),
        prefix: "/pre/".to_owned(),
        endpoint: origin.base_url().parse().unwrap(),
        s3_force_path_style: true,
    });
    fetching.credentials = OriginCredentials::AccessKey {
        access_key: "AKIAEXISTENCE".into(),
        secret_key: "secret-of-existence".into(),
    };
    for (path, expected) in [
        ("/lead.jpg", Some("outside the folder")),
        ("/l3.jpg", Some("slash before its name")),
        ("/l2.jpg", Some("slash before the folder")),
        ("/none.jpg", None),
    ] {
        let mut found = Vec::new();
        for near in near_paths(path, fetching.settings.location.folder()) {
            if ask(&fetching, &near.path).await.unwrap().is_there {
                found.push(near.difference);
            }
        }
        assert_eq!(found.len(), usize::from(expected.is_some()), "{found:?}");
        let is_expected = |difference: &&str| expected.is_some_and(|it| difference.contains(it));
        assert!(found.iter().all(is_expected), "{path}: {found:?}");
    }
    let folder = Fetching::folder(&format!("{}/media", origin.base_url()));
    assert!(ask(&folder, "/pictures/lead.jpg").await.unwrap().is_there);
    assert!(!ask(&folder, "pictures/lead.jpg").await.unwrap().is_there);
}

#[tokio::test]
async fn a_question_says_nothing_to_the_breaker_and_an_open_one_stops_it() {
    let origin = FakeOrigin::start().await;
    let fragile = FetchConfig {
        breaker: BreakerLimits {
            min_failures: 2,
            open_for: Duration::from_mins(1),
            ..BreakerLimits::default()
        },
        ..config()
    };
    let fetching = Fetching::with_config(folder(&origin.base_url()), fragile);
    for _ in 0..4 {
        assert_eq!(
            ask(&fetching, "status/503").await.unwrap(),
            answer(false, 1)
        );
        let dead = ask(&fetching, "silent").await.unwrap_err();
        assert_eq!(dead.reason, Reason::ResponseTimeout);
    }
    let health = fetching.fetcher.health();
    let is_open = |state: &BreakerState| matches!(state, BreakerState::Open { .. });
    assert!(
        !health[0].breakers.iter().any(|(_, state)| is_open(state)),
        "{health:?}"
    );
    let fetched = fetching.original("photo.jpg").await;
    assert_eq!(fetched.bytes, PHOTO_JPEG);
    while fetching.reason("status/503").await != Reason::CircuitOpen {}
    let stopped = ask(&fetching, "photo.jpg").await.unwrap_err();
    assert_eq!(stopped.reason, Reason::CircuitOpen);
}
