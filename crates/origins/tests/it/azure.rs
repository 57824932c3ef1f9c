//! Azure Blob Storage: against an emulator that verifies tokens, and with answers word for word from the provider.

use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::origin::{OriginCredentials, OriginLocation};
use limpid_testkit::azure_server::AzureServer;
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};

use crate::fetching::{Fetching, config};

const NEVER: &str = "2099-01-01T00:00:00Z";

fn asking(endpoint: &str, container: &str, prefix: &str, token: &str) -> Fetching {
    let mut config = config();
    config.azure_blob_endpoint = Some(endpoint.parse().unwrap());
    let location = OriginLocation::AzureBlob {
        account_name: AzureServer::ACCOUNT.to_owned(),
        container: container.to_owned(),
        prefix: prefix.to_owned(),
    };
    let mut fetching = Fetching::with_config(location, config);
    fetching.credentials = OriginCredentials::SasToken {
        sas_token: token.into(),
    };
    // The emulator is one process for all tests; a busy machine makes it slow.
    fetching.patience = std::time::Duration::from_mins(1);
    fetching
}

fn server() -> &'static AzureServer {
    // Starting it blocks for a while, and is done once.
    std::thread::spawn(AzureServer::shared).join().unwrap()
}

fn reading(prefix: &str, token: &str) -> Fetching {
    asking(&server().endpoint(), AzureServer::CONTAINER, prefix, token)
}

/// A failure that gives nothing of the token away.
async fn failure(fetching: &Fetching, path: &str) -> Box<AttemptFailure> {
    let ended = fetching.get(path).await;
    let shown = format!("{:?} {:?}", ended.result, ended.steps);
    assert!(!shown.contains("sig="), "{shown}");
    ended.result.unwrap_err()
}

#[tokio::test]
async fn a_valid_token_opens_blobs_by_decoded_and_by_raw_name() {
    let token = AzureServer::container_token(AzureServer::CONTAINER);
    let fetching = reading("", &token);
    for path in [
        "photo.jpg",
        "/folder/photo.jpg",
        "folder/a%20b+c/%C3%A4%252F%C3%B6.jpg",
        "stored%20encoded.jpg",
    ] {
        let original = fetching.original(path).await;
        assert_eq!(original.bytes, PHOTO_JPEG, "{path}");
        assert_eq!(original.content_type.as_deref(), Some("image/jpeg"));
        assert!(!original.location.contains('?'), "{}", original.location);
    }
    let inside = reading("/folder/", &token);
    assert!(
        inside
            .original("photo.jpg")
            .await
            .location
            .ends_with("/zoo-pictures/folder/photo.jpg")
    );
}

#[tokio::test]
async fn every_refusal_of_the_emulator_has_its_reason() {
    let token = AzureServer::account_token("r", NEVER);
    let missing = failure(&reading("", &token), "missing.jpg").await;
    assert_eq!(missing.reason, Reason::ObjectNotFound, "{missing:?}");
    assert_eq!(missing.provider_code.as_deref(), Some("BlobNotFound"));
    assert_eq!(missing.upstream_status, Some(404));
    assert!(missing.provider_request_id.is_some());

    let archived = failure(&reading("", &token), AzureServer::ARCHIVED).await;
    assert_eq!(archived.reason, Reason::ObjectArchived, "{archived:?}");

    let nowhere = asking(&server().endpoint(), "no-such-container", "", &token);
    let failed = failure(&nowhere, "photo.jpg").await;
    assert_eq!(failed.reason, Reason::BucketNotFound, "{failed:?}");

    let over = AzureServer::account_token("r", "2020-01-01T00:00:00Z");
    let expired = failure(&reading("", &over), "photo.jpg").await;
    assert_eq!(expired.reason, Reason::CredentialsExpired, "{expired:?}");
    assert!(expired.note.unwrap().contains("2020-01-01"));

    // The emulator calls every one of these AuthorizationFailure; Azure tells them apart, see below.
    let forged = token.replace("sp=r", "sp=rw");
    let other = AzureServer::container_token("other-container");
    let powerless = AzureServer::account_token("l", NEVER);
    for refused in [forged, other, powerless] {
        let failed = failure(&reading("", &refused), "photo.jpg").await;
        assert_eq!(failed.reason.code().as_str(), "EACCES", "{failed:?}");
        assert_eq!(failed.upstream_status, Some(403));
    }
}

fn error(status: u16, code: &str, detail: &str) -> Script {
    let document = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>Server says no to \
         canary%2Bsignature and canary+signature.\nRequestId:0f3a\nTime:2026-11-26T00:00:00Z</Message>{detail}</Error>"
    );
    let headers = [
        ("content-type", "application/xml"),
        ("x-ms-error-code", code),
        ("x-ms-request-id", "0f3a0000-701e"),
        ("server", "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0"),
    ];
    Script::response(status, &headers, document.as_bytes())
}

#[tokio::test]
async fn codes_of_the_provider_become_reasons_and_tell_no_secret() {
    const EXPIRED: &str = "<AuthenticationErrorDetail>Signature not valid in the specified time frame: Start [Tue, 01 Jan 2019 00:00:00 GMT] - Expiry [Wed, 01 Jan 2020 00:00:00 GMT] - Current [Thu, 26 Nov 2026 00:00:00 GMT]</AuthenticationErrorDetail>";
    for (status, code, detail, reason) in [
        (404, "BlobNotFound", "", Reason::ObjectNotFound),
        (404, "ContainerNotFound", "", Reason::BucketNotFound),
        (404, "ResourceNotFound", "", Reason::ObjectNotFound),
        (403, "AuthenticationFailed", "", Reason::CredentialsInvalid),
        (
            403,
            "AuthenticationFailed",
            EXPIRED,
            Reason::CredentialsExpired,
        ),
        (403, "AuthorizationFailure", "", Reason::AccessDenied),
        (
            403,
            "AuthorizationPermissionMismatch",
            "",
            Reason::AccessDenied,
        ),
        (403, "AccountIsDisabled", "", Reason::AccessDenied),
        (409, "PublicAccessNotPermitted", "", Reason::AccessDenied),
        (
            401,
            "NoAuthenticationInformation",
            "",
            Reason::CredentialsInvalid,
        ),
        (409, "BlobArchived", "", Reason::ObjectArchived),
        (409, "BlobBeingRehydrated", "", Reason::ObjectArchived),
        (
            403,
            "KeyVaultEncryptionKeyNotFound",
            "",
            Reason::EncryptionKeyDenied,
        ),
        (503, "ServerBusy", "", Reason::OriginRateLimited),
        (500, "OperationTimedOut", "", Reason::OriginServerError),
        (400, "InvalidResourceName", "", Reason::ObjectNotFound),
    ] {
        let origin = FakeOrigin::start().await;
        let token = "?sv=2022-11-02&sp=r&se=2099-01-01&sig=canary%2Bsignature";
        let target = format!("/devstoreaccount1/pictures/in/a.jpg{token}");
        origin.answer(&target, error(status, code, detail));
        let fetching = asking(&origin.base_url(), "pictures", "in", token);
        let failed = failure(&fetching, "a.jpg").await;
        assert_eq!(failed.reason, reason, "{failed:?}");
        assert_eq!(failed.provider_code.as_deref(), Some(code));
        assert_eq!(failed.provider_request_id.as_deref(), Some("0f3a0000-701e"));
        let location = format!("{}/devstoreaccount1/pictures/in/a.jpg", origin.base_url());
        assert_eq!(failed.location, Some(location));
        let shown = format!("{failed:?}") + &serde_json::to_string(&failed).unwrap();
        assert!(!shown.contains("canary"), "{shown}");
        assert!(origin.hits(&target) > 0, "{:?}", origin.requests());
    }
}

#[tokio::test]
async fn metadata_marks_private_blobs_and_the_clients_query_stays_here() {
    let origin = FakeOrigin::start().await;
    let headers = [("x-ms-meta-isprivatefile", "true")];
    origin.answer(
        "/devstoreaccount1/pictures/a.jpg?sig=x",
        Script::response(200, &headers, PHOTO_JPEG),
    );
    let mut fetching = asking(&origin.base_url(), "pictures", "", "?sig=x");
    fetching.query = Some("comp=list&token=y".to_owned());
    assert!(fetching.original("a.jpg").await.is_private);
    let request = origin.requests().remove(0);
    for absent in ["x-req-from", "x-request-id", "authorization"] {
        assert_eq!(request.header(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn climbing_paths_and_impossible_names_never_reach_the_server() {
    let origin = FakeOrigin::start().await;
    let fetching = asking(&origin.base_url(), "pictures", "in", "?sig=x");
    let overlong = "x".repeat(1025);
    for path in ["../a.jpg", "%2e%2e%2fa.jpg", "%ff.jpg", overlong.as_str()] {
        assert_eq!(
            fetching.reason(path).await,
            Reason::ObjectNotFound,
            "{path}"
        );
    }
    let impossible = asking(&origin.base_url(), "a--b", "", "?sig=x");
    assert_eq!(impossible.reason("a.jpg").await, Reason::BucketNotFound);
    assert!(origin.requests().is_empty());
}
