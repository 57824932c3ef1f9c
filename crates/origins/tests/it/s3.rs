//! S3 against a server that verifies signatures and policies.

use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::origin::{OriginCredentials, OriginLocation};
use limpid_testkit::fake_origin::script::{GRAPHIC_PNG, PHOTO_JPEG};
use limpid_testkit::s3_server::{S3Keys, S3Server};

use crate::fetching::{Fetching, config};

fn server() -> &'static S3Server {
    // Starting it blocks for a while, and is done once.
    std::thread::spawn(S3Server::shared).join().unwrap()
}

fn compatible(server: &S3Server, bucket: &str, prefix: &str, keys: &S3Keys) -> Fetching {
    let mut fetching = Fetching::from(OriginLocation::S3Compatible {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        endpoint: server.endpoint().parse().unwrap(),
        s3_force_path_style: true,
    });
    fetching.credentials = credentials(keys);
    // The emulator is one process for all tests; a busy machine makes it slow.
    fetching.patience = std::time::Duration::from_mins(1);
    fetching
}

fn credentials(keys: &S3Keys) -> OriginCredentials {
    OriginCredentials::AccessKey {
        access_key: keys.access_key.as_str().into(),
        secret_key: keys.secret_key.as_str().into(),
    }
}

fn reading(server: &S3Server) -> Fetching {
    compatible(server, S3Server::BUCKET, "", &server.reader)
}

#[tokio::test]
async fn signed_requests_fetch_objects_by_decoded_key() {
    let server = server();
    let fetching = reading(server);
    for path in [
        "photo.jpg",
        "/folder/photo.jpg",
        "a%20b.jpg",
        "folder/a%20b+c/%C3%A4%252F%C3%B6.jpg",
        "stored%20encoded.jpg",
    ] {
        let original = fetching.original(path).await;
        assert_eq!(original.bytes, PHOTO_JPEG, "{path}");
        assert!(
            original.location.starts_with("s3://zoo-pictures/"),
            "{path}"
        );
    }
    let inside = compatible(server, S3Server::BUCKET, "/folder/", &server.reader);
    assert_eq!(
        inside.original("photo.jpg").await.location,
        "s3://zoo-pictures/folder/photo.jpg"
    );
}

#[tokio::test]
async fn a_version_of_an_object_is_asked_for_by_its_id() {
    let server = server();
    let mut fetching = compatible(server, S3Server::VERSIONS, "", &server.reader);
    let newest = fetching.original(S3Server::VERSIONED).await;
    assert_eq!(newest.bytes, GRAPHIC_PNG);
    for (id, bytes) in server.versions.iter().zip([PHOTO_JPEG, GRAPHIC_PNG]) {
        fetching.object_version = Some(id.clone());
        assert_eq!(fetching.original(S3Server::VERSIONED).await.bytes, bytes);
    }
    for odd in ["00000000-0000-4000-8000-000000000000", "a&b=c /+\u{e4}"] {
        fetching.object_version = Some(odd.to_owned());
        let failed = failure(&fetching, S3Server::VERSIONED).await;
        assert_eq!(failed.reason, Reason::ObjectNotFound, "{odd}: {failed:?}");
    }
}

#[tokio::test]
async fn amazons_own_kind_works_at_a_private_endpoint() {
    let server = server();
    let mut private = config();
    private.amazon_s3_endpoint = Some(server.endpoint().parse().unwrap());
    let location = OriginLocation::S3 {
        bucket: S3Server::BUCKET.to_owned(),
        prefix: String::new(),
        use_iam_role: false,
    };
    let mut fetching = Fetching::with_config(location, private);
    fetching.credentials = credentials(&server.reader);
    assert_eq!(fetching.original("photo.jpg").await.bytes, PHOTO_JPEG);
}

async fn failure(fetching: &Fetching, path: &str) -> Box<AttemptFailure> {
    let failed = fetching.failure(path).await;
    let shown = format!("{failed:?}") + &serde_json::to_string(&failed).unwrap();
    let OriginCredentials::AccessKey {
        access_key,
        secret_key,
    } = &fetching.credentials
    else {
        return failed;
    };
    for secret in [access_key, secret_key] {
        let secret = secrecy::ExposeSecret::expose_secret(secret);
        assert!(!shown.contains(secret), "{shown}");
    }
    failed
}

#[tokio::test]
async fn every_refusal_of_the_server_has_its_reason() {
    let server = server();
    let missing = failure(&reading(server), "missing.jpg").await;
    assert_eq!(missing.reason, Reason::ObjectNotFound, "{missing:?}");
    assert_eq!(missing.provider_code.as_deref(), Some("NoSuchKey"));
    assert_eq!(missing.upstream_status, Some(404));
    assert!(missing.provider_request_id.is_some());
    assert_eq!(
        missing.location.as_deref(),
        Some("s3://zoo-pictures/missing.jpg")
    );

    let no_bucket = compatible(server, "no-such-bucket-here", "", &server.reader);
    let failed = failure(&no_bucket, "a.jpg").await;
    assert_eq!(failed.reason, Reason::BucketNotFound, "{failed:?}");

    let wrong_secret = S3Keys {
        access_key: server.reader.access_key.clone(),
        secret_key: "not-the-secret-of-this-key".to_owned(),
    };
    let fetching = compatible(server, S3Server::BUCKET, "", &wrong_secret);
    let failed = failure(&fetching, "photo.jpg").await;
    assert_eq!(failed.reason, Reason::SignatureMismatch, "{failed:?}");

    let unknown_key = S3Keys {
        access_key: "AKIANOBODYKNOWSTHIS0".to_owned(),
        secret_key: "whatever-secret".to_owned(),
    };
    let fetching = compatible(server, S3Server::BUCKET, "", &unknown_key);
    let failed = failure(&fetching, "photo.jpg").await;
    assert_eq!(failed.reason, Reason::CredentialsInvalid, "{failed:?}");

    let fetching = compatible(server, S3Server::BUCKET, "", &server.powerless);
    let failed = failure(&fetching, "photo.jpg").await;
    assert_eq!(failed.reason, Reason::AccessDeniedOrMissing, "{failed:?}");

    let empty = failure(&reading(server), "empty/").await;
    assert_eq!(empty.reason, Reason::BodyEmpty);
}

#[tokio::test]
async fn a_reader_without_list_reads() {
    let server = server();
    let fetching = compatible(server, S3Server::BUCKET, "", &server.reader_without_list);
    assert_eq!(fetching.original("photo.jpg").await.bytes, PHOTO_JPEG);
}

#[tokio::test]
async fn a_key_that_exists_in_another_decoding_is_pointed_out() {
    let server = server();
    let fetching = reading(server);
    let failed = failure(&fetching, "plus+plus.jpg").await;
    assert_eq!(failed.reason, Reason::KeyEncodingMismatch, "{failed:?}");
    assert_eq!(
        failed.note.as_deref(),
        Some("the object is stored as plus plus.jpg")
    );
    let failed = failure(&fetching, "no+such+thing.jpg").await;
    assert_eq!(failed.reason, Reason::ObjectNotFound);
}

#[tokio::test]
async fn climbing_and_overlong_keys_never_reach_the_server() {
    let server = server();
    let fetching = compatible(server, S3Server::BUCKET, "folder", &server.reader);
    let overlong = "x".repeat(1025);
    for path in [
        "../photo.jpg",
        "%2e%2e%2fphoto.jpg",
        "%ff.jpg",
        overlong.as_str(),
    ] {
        let failed = failure(&fetching, path).await;
        assert_eq!(failed.reason, Reason::ObjectNotFound, "{path}");
        assert_eq!(failed.upstream_status, None, "{path}");
    }
}
