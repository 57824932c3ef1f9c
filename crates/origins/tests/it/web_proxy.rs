//! The path as the URL.

use limpid_domain::failure::Reason;
use limpid_domain::origin::OriginLocation;
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::PHOTO_JPEG;

use crate::fetching::{Fetching, config};

#[tokio::test]
async fn every_spelling_of_a_url_fetches_it() {
    let origin = FakeOrigin::start().await;
    let mut fetching = Fetching::from(OriginLocation::WebProxy);
    fetching.query = Some("w=1".to_owned());
    let address = origin.addr();
    let encoded = format!("http%3A%2F%2F127.0.0.1%3A{}%2Fphoto.jpg", address.port());
    for path in [
        format!("http://{address}/photo.jpg"),
        format!("http:/{address}/photo.jpg"),
        encoded,
    ] {
        assert_eq!(fetching.original(&path).await.bytes, PHOTO_JPEG, "{path}");
    }
    assert_eq!(origin.hits("/photo.jpg?w=1"), 3);
}

#[tokio::test]
async fn a_path_that_is_no_url_is_not_found() {
    let fetching = Fetching::from(OriginLocation::WebProxy);
    assert_eq!(fetching.reason("photo.jpg").await, Reason::ObjectNotFound);
}

#[tokio::test]
async fn nothing_prohibited_is_contacted() {
    let canary = FakeOrigin::start().await;
    let port = canary.addr().port();
    let mut guarded = config();
    guarded.allow_addresses = Vec::new();
    let fetching = Fetching::with_config(OriginLocation::WebProxy, guarded);
    for (path, reason) in [
        (
            "http://127.0.0.1/a.jpg".to_owned(),
            Reason::AddressProhibited,
        ),
        (
            "http://localhost/a.jpg".to_owned(),
            Reason::AddressProhibited,
        ),
        (
            format!("http://127.0.0.1:{port}/a.jpg"),
            Reason::PortNotAllowed,
        ),
        (
            "http://user:canary@good.example/".to_owned(),
            Reason::HostNotAllowed,
        ),
        ("http://good.example:22/".to_owned(), Reason::PortNotAllowed),
        ("gopher://127.0.0.1/".to_owned(), Reason::SchemeNotAllowed),
        ("file:///etc/hostname".to_owned(), Reason::SchemeNotAllowed),
    ] {
        let failed = fetching.failure(&path).await;
        assert_eq!(failed.reason, reason, "{path}");
        assert!(!format!("{failed:?}").contains("canary"), "{failed:?}");
    }
    assert!(canary.requests().is_empty());
}
