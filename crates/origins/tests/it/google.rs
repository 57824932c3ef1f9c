//! Google Cloud Storage: an emulator for the way there and back, a token endpoint that verifies every statement, and the
//! provider's own error documents.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::clock::Clock;
use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::origin::{OriginCredentials, OriginLocation};
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};
use limpid_testkit::google_accounts::GoogleAccounts;
use limpid_testkit::google_server::GoogleServer;
use limpid_testkit::tls_origin::{CertificateKind, TestAuthority};

use crate::fetching::{Fetching, config};

fn now() -> DateTime<Utc> {
    "2026-11-26T12:00:00Z".parse().unwrap()
}

fn location(bucket: &str, prefix: &str) -> OriginLocation {
    OriginLocation::Gcs {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        client_email: GoogleAccounts::EMAIL.to_owned(),
    }
}

fn key(private_key: &str) -> OriginCredentials {
    OriginCredentials::ServiceAccountKey {
        private_key: private_key.into(),
    }
}

fn asking(accounts: &GoogleAccounts, clock: &Clock) -> Fetching {
    let mut config = config();
    config.google_storage_endpoint = Some(accounts.origin.base_url().parse().unwrap());
    config.google_token_endpoint = Some(accounts.token_url().parse().unwrap());
    config.clock = clock.clone();
    let mut fetching = Fetching::with_config(location(GoogleAccounts::BUCKET, ""), config);
    fetching.credentials = key(GoogleAccounts::PRIVATE_KEY);
    fetching
}

/// A failure that gives neither key nor token away.
async fn failure(fetching: &Fetching, path: &str) -> Box<AttemptFailure> {
    let ended = fetching.get(path).await;
    let shown = format!("{:?} {:?}", ended.result, ended.steps);
    for secret in ["canary", "MII", "eyJ", "PRIVATE"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    ended.result.unwrap_err()
}

#[tokio::test]
async fn the_emulators_objects_arrive_with_a_verified_token() {
    let server = std::thread::spawn(GoogleServer::shared).join().unwrap();
    let accounts = GoogleAccounts::start().await;
    let mut config = config();
    config.google_storage_endpoint = Some(server.endpoint().parse().unwrap());
    config.google_token_endpoint = Some(accounts.token_url().parse().unwrap());
    let mut fetching = Fetching::with_config(location(GoogleServer::BUCKET, ""), config.clone());
    fetching.credentials = key(GoogleAccounts::PRIVATE_KEY);
    fetching.patience = std::time::Duration::from_mins(1);
    for path in [
        "photo.jpg",
        "/folder/photo.jpg",
        "folder/a%20b+c/%C3%A4.jpg",
    ] {
        let original = fetching.original(path).await;
        assert_eq!(original.bytes, PHOTO_JPEG, "{path}");
    }
    assert_eq!(accounts.granted(), 1);
    assert_eq!(fetching.reason("missing.jpg").await, Reason::ObjectNotFound);
    fetching.settings.location = location(GoogleServer::BUCKET, "folder/");
    fetching.original("photo.jpg").await;
}

#[tokio::test]
async fn one_token_serves_many_fetches_and_is_renewed_before_it_ends() {
    let accounts = GoogleAccounts::start().await;
    let clock = Clock::fixed(now());
    let fetching = asking(&accounts, &clock);
    let together = futures::future::join_all((0..8).map(|_| fetching.original("photo.jpg"))).await;
    assert_eq!((together.len(), accounts.granted()), (8, 1));
    clock.advance(TimeDelta::minutes(54));
    fetching.original("photo.jpg").await;
    assert_eq!(accounts.granted(), 1);
    clock.advance(TimeDelta::minutes(2));
    fetching.original("photo.jpg").await;
    assert_eq!(accounts.granted(), 2);
    let target = format!("/{}/photo.jpg", GoogleAccounts::BUCKET);
    let sent = accounts.origin.requests();
    let last = sent.iter().rfind(|request| request.target == target);
    assert_eq!(
        last.unwrap().header("authorization"),
        Some("Bearer ya29.canary-2")
    );
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once() {
    let accounts = GoogleAccounts::start().await;
    let fetching = asking(&accounts, &Clock::fixed(now()));
    fetching.original("photo.jpg").await;
    accounts.revoke();
    let original = fetching.original("photo.jpg").await;
    assert_eq!((original.retries, accounts.granted()), (0, 2));
    // A bucket that refuses even a fresh token is not asked for ever.
    accounts
        .origin
        .judge(|request| match request.target.as_str() {
            "/token" => Some(Script::response(
                200,
                &[("content-type", "application/json")],
                b"{\"access_token\":\"canary-again\",\"expires_in\":3600}",
            )),
            _ => Some(Script::response(401, &[], b"canary-again is no good")),
        });
    let before = accounts.origin.requests().len();
    let failed = failure(&fetching, "photo.jpg").await;
    assert_eq!(failed.reason, Reason::CredentialsInvalid, "{failed:?}");
    // The kept token, the token endpoint, the new token.
    assert_eq!(accounts.origin.requests().len() - before, 3);
}

#[tokio::test]
async fn a_token_endpoint_that_is_down_matters_only_when_the_token_is_over() {
    let accounts = GoogleAccounts::start().await;
    let clock = Clock::fixed(now());
    let fetching = asking(&accounts, &clock);
    fetching.original("photo.jpg").await;
    accounts.take_down(true);
    clock.advance(TimeDelta::minutes(57));
    fetching.original("photo.jpg").await;
    clock.advance(TimeDelta::minutes(4));
    let failed = failure(&fetching, "photo.jpg").await;
    assert_eq!(failed.reason, Reason::OriginOverloaded, "{failed:?}");
    assert_eq!(failed.location, Some(accounts.token_url()));
    accounts.take_down(false);
    fetching.original("photo.jpg").await;
}

#[tokio::test]
async fn keys_that_do_not_fit_are_refused_with_the_reason() {
    let accounts = GoogleAccounts::start().await;
    let clock = Clock::fixed(now());
    let mut fetching = asking(&accounts, &clock);
    // Nobody needs to be asked about a text that is no key.
    for unusable in [
        "not a key",
        "{\"private_key\":7}",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ] {
        fetching.credentials = key(unusable);
        let failed = failure(&fetching, "photo.jpg").await;
        assert_eq!(failed.reason, Reason::CredentialsInvalid, "{failed:?}");
        assert!(failed.note.unwrap().contains("nobody was asked"));
    }
    assert!(accounts.origin.requests().is_empty());

    let mut stranger = asking(&accounts, &clock);
    stranger.settings.location = OriginLocation::Gcs {
        bucket: GoogleAccounts::BUCKET.to_owned(),
        prefix: String::new(),
        client_email: "nobody@acme-zoo.iam.gserviceaccount.com".to_owned(),
    };
    let failed = failure(&stranger, "photo.jpg").await;
    assert_eq!(failed.reason, Reason::CredentialsInvalid);
    assert_eq!(failed.provider_code.as_deref(), Some("invalid_grant"));
    assert_eq!(failed.upstream_status, Some(400));
    assert!(failed.note.unwrap().contains("account not found"));

    // A key file works as it is, line breaks written out and all.
    let file = serde_json::json!({
        "type": "service_account",
        "client_email": GoogleAccounts::EMAIL,
        "private_key": GoogleAccounts::PRIVATE_KEY,
        "private_key_id": "7",
        "token_uri": "https://ignored.example/token",
    });
    let mut whole_file = asking(&accounts, &clock);
    whole_file.credentials = key(&file.to_string());
    whole_file.original("photo.jpg").await;
    let mut escaped = asking(&accounts, &clock);
    escaped.credentials = key(&GoogleAccounts::PRIVATE_KEY.replace('\n', "\\n"));
    escaped.original("photo.jpg").await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_named_and_broken_endpoints_too() {
    let answers = [
        (
            400,
            "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.\"}",
            Reason::ClockSkew,
        ),
        (200, "<html>log in</html>", Reason::HttpProtocolError),
        (404, "<html>no</html>", Reason::OriginUnexpectedStatus),
        (429, "{}", Reason::OriginRateLimited),
        (500, "", Reason::OriginServerError),
    ];
    for (status, body, reason) in answers {
        let accounts = GoogleAccounts::start().await;
        accounts
            .origin
            .judge(move |_| Some(Script::response(status, &[], body.as_bytes())));
        let failed = failure(&asking(&accounts, &Clock::fixed(now())), "photo.jpg").await;
        assert_eq!(failed.reason, reason, "{failed:?}");
        assert_eq!(failed.upstream_status, Some(status));
        assert_eq!(failed.location, Some(accounts.token_url()));
    }
}

#[tokio::test]
async fn the_key_files_token_endpoint_is_judged_like_every_address() {
    let storage = FakeOrigin::start().await;
    let authority = TestAuthority::new();
    let endpoint = authority
        .start_origin("localhost", CertificateKind::Good)
        .await;
    let port = endpoint.addr().port();
    let mut config = config();
    config.google_storage_endpoint = Some(storage.base_url().parse().unwrap());
    config.extra_roots = vec![authority.root()];
    let with_token_uri = |uri: &str, config: &limpid_origins::FetchConfig| {
        let mut fetching =
            Fetching::with_config(location(GoogleAccounts::BUCKET, ""), config.clone());
        let file =
            serde_json::json!({"private_key": GoogleAccounts::PRIVATE_KEY, "token_uri": uri});
        fetching.credentials = key(&file.to_string());
        fetching
    };
    let granted = b"{\"access_token\":\"canary-tls\",\"expires_in\":60}";
    endpoint.answer("/token", Script::response(200, &[], granted));
    let uri = format!("https://localhost:{port}/token");
    with_token_uri(&uri, &config).original("photo.jpg").await;
    assert_eq!(endpoint.requests().len(), 1);

    config.allow_addresses = vec![storage.addr().to_string().parse().unwrap()];
    for (uri, reason) in [
        ("https://169.254.169.254/token", Reason::AddressProhibited),
        ("https://localhost/token", Reason::AddressProhibited),
        ("https://[::ffff:10.0.0.5]/token", Reason::AddressProhibited),
        (&uri, Reason::PortNotAllowed),
        ("https://user:pw@good.example/token", Reason::HostNotAllowed),
        (
            "http://oauth2.googleapis.com/token",
            Reason::SchemeNotAllowed,
        ),
        ("file:///etc/hostname", Reason::SchemeNotAllowed),
    ] {
        let failed = failure(&with_token_uri(uri, &config), "photo.jpg").await;
        assert_eq!(failed.reason, reason, "{uri}");
    }
    assert_eq!(endpoint.requests().len(), 1);
    assert_eq!(storage.requests().len(), 1);
}

#[tokio::test]
async fn codes_of_the_provider_become_reasons() {
    for (status, code, details, reason) in [
        (
            404,
            "NoSuchKey",
            "No such object: zoo-pictures/a.jpg",
            Reason::ObjectNotFound,
        ),
        (404, "NoSuchBucket", "", Reason::BucketNotFound),
        (
            403,
            "AccessDenied",
            "reader does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist).",
            Reason::AccessDeniedOrMissing,
        ),
        (
            403,
            "AccessDenied",
            "The billing account is disabled.",
            Reason::AccessDenied,
        ),
        (
            400,
            "UserProjectMissing",
            "Bucket is a requester pays bucket but no user project provided.",
            Reason::AccessDenied,
        ),
        (
            403,
            "CloudKmsPermissionDenied",
            "",
            Reason::EncryptionKeyDenied,
        ),
        (429, "SlowDown", "", Reason::OriginRateLimited),
        (503, "ServiceUnavailable", "", Reason::OriginOverloaded),
        (500, "InternalError", "", Reason::OriginServerError),
    ] {
        let accounts = GoogleAccounts::start().await;
        let document = format!(
            "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>Bearer ya29.canary-1 may not.</Message><Details>{details}</Details></Error>"
        );
        let headers = [
            ("content-type", "application/xml"),
            ("x-guploader-uploadid", "upload-9"),
        ];
        accounts.origin.answer(
            "/zoo-pictures/a.jpg",
            Script::response(status, &headers, document.as_bytes()),
        );
        let failed = failure(&asking(&accounts, &Clock::fixed(now())), "a.jpg").await;
        assert_eq!(failed.reason, reason, "{failed:?}");
        assert_eq!(failed.provider_code.as_deref(), Some(code));
        assert_eq!(failed.provider_request_id.as_deref(), Some("upload-9"));
        assert_eq!(failed.upstream_status, Some(status));
    }
}

#[tokio::test]
async fn keys_are_asked_for_decoded_and_then_as_they_came() {
    let accounts = GoogleAccounts::start().await;
    let stored = "/zoo-pictures/in/a%252Fb.jpg";
    accounts
        .origin
        .answer(stored, Script::ok("image/jpeg", PHOTO_JPEG));
    let mut fetching = asking(&accounts, &Clock::fixed(now()));
    fetching.settings.location = location(GoogleAccounts::BUCKET, "/in/");
    fetching.query = Some("userProject=x".to_owned());
    fetching.original("a%2Fb.jpg").await;
    let targets: Vec<String> = accounts
        .origin
        .requests()
        .into_iter()
        .map(|r| r.target)
        .collect();
    assert_eq!(targets, ["/token", "/zoo-pictures/in/a/b.jpg", stored]);
    for path in ["../a.jpg", "%2e%2e%2fa.jpg", "%ff.jpg"] {
        assert_eq!(
            fetching.reason(path).await,
            Reason::ObjectNotFound,
            "{path}"
        );
    }
    assert_eq!(accounts.origin.requests().len(), 3);
}

#[tokio::test]
async fn metadata_marks_private_objects() {
    let accounts = GoogleAccounts::start().await;
    let headers = [("x-goog-meta-isprivatefile", "true")];
    accounts.origin.answer(
        "/zoo-pictures/a.jpg",
        Script::response(200, &headers, PHOTO_JPEG),
    );
    let fetching = asking(&accounts, &Clock::fixed(now()));
    assert!(fetching.original("a.jpg").await.is_private);
}
