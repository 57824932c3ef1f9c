//! Akeneo PIM: against a server that behaves as its REST API is documented.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use limpid_domain::clock::Clock;
use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::origin::{OriginCredentials, OriginLocation};
use limpid_testkit::akeneo_server::AkeneoServer;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};

use crate::fetching::{Fetching, config};

fn asking(server: &AkeneoServer, credentials: [&str; 4], clock: &Clock) -> Fetching {
    let mut config = config();
    config.clock = clock.clone();
    let location = OriginLocation::AkeneoPim {
        base_url: server.origin.base_url().parse().unwrap(),
    };
    let [client_id, client_secret, username, password] = credentials.map(Into::into);
    let mut fetching = Fetching::with_config(location, config);
    fetching.credentials = OriginCredentials::PasswordGrant {
        client_id,
        client_secret,
        username,
        password,
    };
    fetching
}

fn clock() -> Clock {
    Clock::fixed("2026-11-26T12:00:00Z".parse().unwrap())
}

/// A failure that gives neither credentials nor tokens away.
async fn failure(fetching: &Fetching, path: &str) -> Box<AttemptFailure> {
    let ended = fetching.get(path).await;
    let shown = format!("{:?} {:?}", ended.result, ended.steps);
    assert!(!shown.contains("canary"), "{shown}");
    ended.result.unwrap_err()
}

#[tokio::test]
async fn the_three_kinds_of_media_are_fetched_with_one_token() {
    let server = AkeneoServer::start().await;
    let fetching = asking(&server, AkeneoServer::CREDENTIALS, &clock());
    for path in [
        "media-files/b/9/f/c/b9fc_akeneo.jpg",
        "asset-media-files/0/2/5/0/0250_asset.jpg",
        "reference-entities-media-files/5/1/8/8/5188_entity%20one.jpg",
    ] {
        assert_eq!(fetching.original(path).await.bytes, PHOTO_JPEG, "{path}");
    }
    assert_eq!(server.grants(), ["password"]);
}

#[tokio::test]
async fn an_ended_token_is_refreshed_and_after_that_the_password_helps() {
    let server = AkeneoServer::start().await;
    let clock = clock();
    let fetching = asking(&server, AkeneoServer::CREDENTIALS, &clock);
    let path = "asset-media-files/0/2/5/0/0250_asset.jpg";
    fetching.original(path).await;
    server.expire(false);
    fetching.original(path).await;
    assert_eq!(server.grants(), ["password", "refresh_token"]);
    server.expire(true);
    fetching.original(path).await;
    assert_eq!(server.grants(), ["password", "refresh_token", "password"]);
    clock.advance(TimeDelta::minutes(58));
    fetching.original(path).await;
    assert_eq!(server.grants().len(), 4);
}

#[tokio::test]
async fn a_token_refused_in_the_fetch_that_asked_for_it_is_renewed_once() {
    let asset = "asset-media-files/0/2/5/0/0250_asset.jpg";
    for accepted in ["Bearer canary-token-2", "Bearer canary-none"] {
        let server = AkeneoServer::start().await;
        let granted = AtomicUsize::new(0);
        server.origin.judge(move |request| {
            let is_good = request.header("authorization") == Some(accepted);
            Some(if request.target == "/api/oauth/v1/token" {
                let number = granted.fetch_add(1, Ordering::Relaxed) + 1;
                let token = format!("{{\"access_token\":\"canary-token-{number}\"}}");
                Script::response(200, &[], token.as_bytes())
            } else if is_good {
                Script::ok("image/jpeg", PHOTO_JPEG)
            } else {
                Script::response(401, &[], b"{\"code\":401,\"message\":\"expired\"}")
            })
        });
        let fetching = asking(&server, AkeneoServer::CREDENTIALS, &clock());
        if accepted == "Bearer canary-none" {
            let failed = failure(&fetching, asset).await;
            assert_eq!(failed.reason, Reason::CredentialsInvalid, "{failed:?}");
        } else {
            assert_eq!(fetching.original(asset).await.bytes, PHOTO_JPEG);
        }
        // A token, its refusal, another token, the answer to that.
        assert_eq!(server.origin.requests().len(), 4, "{accepted}");
    }
}

#[tokio::test]
async fn every_refusal_has_its_reason() {
    let server = AkeneoServer::start().await;
    let asset = "asset-media-files/0/2/5/0/0250_asset.jpg";
    for wrong in 0..4 {
        let mut credentials = AkeneoServer::CREDENTIALS;
        credentials[wrong] = "canary-wrong";
        let fetching = asking(&server, credentials, &clock());
        let failed = failure(&fetching, asset).await;
        assert_eq!(failed.reason, Reason::CredentialsInvalid, "{failed:?}");
        assert_eq!(failed.upstream_status, Some(422));
        assert!(failed.location.unwrap().ends_with("/api/oauth/v1/token"));
        let note = failed.note.unwrap();
        assert!(!note.contains("canary"), "{note}");
        if wrong >= 2 {
            // what the protocol calls things is no secret
            let said = "No user found for the given username and password";
            assert!(note.ends_with(said), "{note}");
        }
    }
    let fetching = asking(&server, AkeneoServer::CREDENTIALS, &clock());
    let missing = failure(&fetching, "media-files/no/such/code.jpg").await;
    assert_eq!(missing.reason, Reason::ObjectNotFound, "{missing:?}");
    assert_eq!(missing.provider_code.as_deref(), Some("404"));
    let forbidden = failure(&fetching, AkeneoServer::FORBIDDEN).await;
    assert_eq!(forbidden.reason, Reason::AccessDenied, "{forbidden:?}");
    assert!(forbidden.note.unwrap().starts_with("Access forbidden."));
}

#[tokio::test]
async fn other_paths_and_climbing_ones_never_reach_the_server() {
    let server = AkeneoServer::start().await;
    let fetching = asking(&server, AkeneoServer::CREDENTIALS, &clock());
    for path in [
        "photo.jpg",
        "products/1",
        "media-files/../x",
        "media-files/%2e%2e/x",
        "media-files",
    ] {
        assert_eq!(
            fetching.reason(path).await,
            Reason::ObjectNotFound,
            "{path}"
        );
    }
    assert!(server.origin.requests().is_empty());
}

#[tokio::test]
async fn trouble_of_the_server_is_named() {
    for (status, reason) in [
        (429, Reason::OriginRateLimited),
        (500, Reason::OriginServerError),
        (503, Reason::OriginOverloaded),
        (302, Reason::OriginUnexpectedStatus),
    ] {
        let server = AkeneoServer::start().await;
        server.origin.judge(move |request| {
            let is_token = request.target == "/api/oauth/v1/token";
            let granted = b"{\"access_token\":\"canary-token\",\"expires_in\":3600}";
            let trouble = b"{\"code\":1,\"message\":\"canary-token is fine, but no\"}";
            Some(if is_token {
                Script::response(200, &[], granted)
            } else {
                Script::response(status, &[("location", "/x")], trouble)
            })
        });
        let fetching = asking(&server, AkeneoServer::CREDENTIALS, &clock());
        let failed = failure(&fetching, "asset-media-files/a.jpg").await;
        assert_eq!(failed.reason, reason, "{failed:?}");
    }
}
