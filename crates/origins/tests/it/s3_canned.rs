//! S3 answers that no emulator gives, word for word from the providers' documentation.

use limpid_domain::failure::Reason;
use limpid_domain::origin::{OriginCredentials, OriginLocation};
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};

use crate::fetching::Fetching;

fn asking(origin: &FakeOrigin) -> Fetching {
    let mut fetching = Fetching::from(OriginLocation::S3Compatible {
        bucket: "pictures".to_owned(),
        prefix: String::new(),
        endpoint: origin.base_url().parse().unwrap(),
        s3_force_path_style: true,
    });
    fetching.credentials = OriginCredentials::AccessKey {
        access_key: "AKIACANARYKEY".into(),
        secret_key: "canary-secret-key".into(),
    };
    fetching
}

fn error(status: u16, code: &str, more: &str) -> Script {
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>what it \
         says about AKIACANARYKEY</Message>{more}<RequestId>4442587FB7D0A2F9</RequestId></Error>"
    );
    let headers = [
        ("content-type", "application/xml"),
        ("x-amz-request-id", "4442587FB7D0A2F9"),
    ];
    Script::response(status, &headers, document.as_bytes())
}

#[tokio::test]
async fn provider_codes_become_reasons() {
    for (status, code, reason) in [
        (403, "InvalidObjectState", Reason::ObjectArchived),
        (403, "AllAccessDisabled", Reason::AccessDenied),
        (400, "ExpiredToken", Reason::CredentialsExpired),
        (403, "RequestTimeTooSkewed", Reason::ClockSkew),
        (400, "KMS.DisabledException", Reason::EncryptionKeyDenied),
        (503, "SlowDown", Reason::OriginRateLimited),
        (503, "ServiceUnavailable", Reason::OriginOverloaded),
        (500, "InternalError", Reason::OriginServerError),
        (404, "NoSuchBucket", Reason::BucketNotFound),
        (301, "PermanentRedirect", Reason::WrongRegion),
    ] {
        let origin = FakeOrigin::start().await;
        origin.answer("/pictures/a.jpg", error(status, code, ""));
        let failed = asking(&origin).failure("a.jpg").await;
        assert_eq!(failed.reason, reason, "{failed:?}");
        assert_eq!(failed.provider_code.as_deref(), Some(code));
        assert_eq!(failed.upstream_status, Some(status));
        assert_eq!(
            failed.provider_request_id.as_deref(),
            Some("4442587FB7D0A2F9")
        );
        let shown = format!("{failed:?}") + &serde_json::to_string(&failed).unwrap();
        assert!(
            !shown.contains("CANARY") && !shown.contains("canary"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_wrong_region_heals_once_and_is_remembered() {
    let origin = FakeOrigin::start().await;
    let wrong = error(
        400,
        "AuthorizationHeaderMalformed",
        "<Region>eu-central-1</Region>",
    );
    origin.answer("/pictures/a.jpg", wrong);
    origin.answer("/pictures/a.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
    let fetching = asking(&origin);
    let original = fetching.original("a.jpg").await;
    assert_eq!((original.bytes.as_ref(), original.retries), (PHOTO_JPEG, 1));
    assert_eq!(fetching.original("a.jpg").await.retries, 0);
    let scopes: Vec<bool> = origin
        .requests()
        .iter()
        .map(|request| {
            let authorization = request.header("authorization").unwrap();
            authorization.contains("/eu-central-1/s3/aws4_request")
        })
        .collect();
    assert_eq!(scopes, [false, true, true]);
}

#[tokio::test]
async fn a_region_that_stays_wrong_is_reported_after_one_more_try() {
    let origin = FakeOrigin::start().await;
    let wrong = error(
        400,
        "AuthorizationHeaderMalformed",
        "<Region>eu-central-1</Region>",
    );
    origin.answer("/pictures/a.jpg", wrong);
    let failed = asking(&origin).failure("a.jpg").await;
    assert_eq!((failed.reason, failed.retries), (Reason::WrongRegion, 1));
    assert_eq!(origin.requests().len(), 2);
}

#[tokio::test]
async fn only_what_s3_needs_is_sent() {
    let origin = FakeOrigin::start().await;
    let mut fetching = asking(&origin);
    fetching.query = Some("token=not-for-s3".to_owned());
    fetching.original("folder/photo.jpg").await;
    let request = origin.requests().remove(0);
    assert_eq!(request.target, "/pictures/folder/photo.jpg");
    let authorization = request.header("authorization").unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIACANARYKEY/"));
    assert!(request.header("x-amz-date").is_some());
    assert!(request.header("x-amz-content-sha256").is_some());
    for absent in ["x-req-from", "x-request-id", "traceparent"] {
        assert_eq!(request.header(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn metadata_marks_private_objects() {
    let origin = FakeOrigin::start().await;
    let headers = [("x-amz-meta-isprivatefile", "true")];
    origin.answer(
        "/pictures/a.jpg",
        Script::response(200, &headers, PHOTO_JPEG),
    );
    assert!(asking(&origin).original("a.jpg").await.is_private);
}

#[tokio::test]
async fn redirects_of_a_store_are_not_followed() {
    let origin = FakeOrigin::start().await;
    let to = [("location", "/photo.jpg")];
    origin.answer("/pictures/a.jpg", Script::response(307, &to, b""));
    assert_eq!(asking(&origin).reason("a.jpg").await, Reason::WrongRegion);
    assert_eq!(origin.hits("/photo.jpg"), 0);
}

#[tokio::test]
async fn hostile_error_documents_cost_little() {
    let origin = FakeOrigin::start().await;
    let mut document = b"<Error><Code>NoSuchKey</Code><x ".to_vec();
    document.extend(std::iter::repeat_n(b"a='1' ".as_slice(), 100_000).flatten());
    origin.answer("/pictures/a.jpg", Script::response(404, &[], &document));
    let ended = asking(&origin).get("a.jpg").await;
    assert_eq!(ended.result.unwrap_err().reason, Reason::ObjectNotFound);
    assert!(
        ended.took < std::time::Duration::from_secs(2),
        "{:?}",
        ended.took
    );
}

#[tokio::test]
async fn a_made_up_version_stands_for_the_object_as_it_is() {
    let origin = FakeOrigin::start().await;
    let document =
        b"<Error><Code>InvalidArgument</Code><Message>Invalid version id specified</Message></Error>";
    let no_id = Script::response(400, &[("content-type", "application/xml")], document);
    origin.answer("/pictures/a.jpg?versionId=2026-11-27%20b", no_id);
    origin.answer("/pictures/a.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
    let mut fetching = asking(&origin);
    fetching.object_version = Some("2026-11-27 b".to_owned());
    assert_eq!(fetching.original("a.jpg").await.bytes, PHOTO_JPEG);
    let missing = error(404, "NoSuchVersion", "");
    origin.answer("/pictures/a.jpg?versionId=3sL4kqtJlcpXroDTDmJ", missing);
    fetching.object_version = Some("3sL4kqtJlcpXroDTDmJ".to_owned());
    assert_eq!(fetching.reason("a.jpg").await, Reason::ObjectNotFound);
}
