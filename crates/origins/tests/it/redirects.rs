//! Redirects: followed a few times, judged at every hop.

use limpid_domain::failure::Reason;
use limpid_domain::origin::OriginLocation;
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};
use limpid_testkit::tls_origin::{CertificateKind, TestAuthority};

use crate::fetching::{Fetching, config, folder};

#[tokio::test]
async fn five_redirects_are_followed() {
    let origin = FakeOrigin::start().await;
    let fetching = Fetching::folder(&origin.base_url());
    let original = fetching.original("redirects/4").await;
    assert_eq!(original.bytes, PHOTO_JPEG);
    assert!(original.location.ends_with("/photo.jpg"));
    assert_eq!(
        fetching.reason("redirects/5").await,
        Reason::TooManyRedirects
    );
}

#[tokio::test]
async fn a_loop_is_noticed_at_once() {
    let origin = FakeOrigin::start().await;
    let failed = Fetching::folder(&origin.base_url())
        .failure("redirect-loop")
        .await;
    assert_eq!(failed.reason, Reason::TooManyRedirects);
    assert_eq!(origin.requests().len(), 2);
    assert!(failed.note.unwrap().contains("loop"));
}

#[tokio::test]
async fn a_redirect_to_a_prohibited_address_is_refused_and_the_target_stays_silent() {
    let canary = FakeOrigin::start().await;
    let origin = FakeOrigin::start().await;
    // Only the first origin is exempt; the canary is as prohibited as any loopback address.
    let mut strict = config();
    strict.allow_addresses = vec![origin.addr().to_string().parse().unwrap()];
    let fetching = Fetching::with_config(folder(&origin.base_url()), strict);
    let port = canary.addr().port();
    for (target, reason) in [
        (format!("http://127.0.0.1:{port}/"), Reason::PortNotAllowed),
        ("http://127.0.0.1/".to_owned(), Reason::AddressProhibited),
        ("http://2130706433/".to_owned(), Reason::AddressProhibited),
        ("//127.0.0.1/".to_owned(), Reason::AddressProhibited),
        ("\\\\127.0.0.1\\".to_owned(), Reason::AddressProhibited),
        (
            "http://[::ffff:127.0.0.1]/".to_owned(),
            Reason::AddressProhibited,
        ),
        (
            "http://169.254.169.254/".to_owned(),
            Reason::AddressProhibited,
        ),
        (
            "http://user:pw@good.example/".to_owned(),
            Reason::HostNotAllowed,
        ),
        ("file:///etc/hostname".to_owned(), Reason::RedirectInvalid),
        ("gopher://a/".to_owned(), Reason::RedirectInvalid),
        ("data:,x".to_owned(), Reason::RedirectInvalid),
    ] {
        origin.answer("/to", Script::response(302, &[("location", &target)], b""));
        // The first script stays until a second one is queued; asking once moves on.
        let reached = fetching.reason("to").await;
        assert_eq!(reached, reason, "{target}");
        origin.answer("/to", Script::response(500, &[], b""));
        fetching.get("to").await;
    }
    assert!(canary.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_to_another_host_is_asked_under_its_own_name() {
    let other = FakeOrigin::start().await;
    let origin = FakeOrigin::start().await;
    let target = format!("http://127.0.0.2:{}/photo.jpg", other.addr().port());
    let own = format!("{}/photo.jpg", other.base_url());
    let mut fetching = Fetching::from(OriginLocation::WebFolder {
        base_url: origin.base_url().parse().unwrap(),
        forward_host_header_to_origin: true,
    });
    fetching.forwarded_host = Some("images.example.com".to_owned());
    origin.answer("/a.jpg", Script::response(301, &[("location", &own)], b""));
    fetching.original("a.jpg").await;
    // Same address, another port: still the host the tenant named, so its Host header goes along.
    assert_eq!(
        other.requests()[0].header("host"),
        Some("images.example.com")
    );
    origin.answer(
        "/b.jpg",
        Script::response(301, &[("location", &target)], b""),
    );
    let refused = fetching.reason("b.jpg").await;
    assert_eq!(refused, Reason::ConnectionRefused);
}

#[tokio::test]
async fn https_never_falls_back_to_http() {
    let authority = TestAuthority::new();
    let secure = authority
        .start_origin("localhost", CertificateKind::Good)
        .await;
    let plain = FakeOrigin::start().await;
    let location = format!("{}/photo.jpg", plain.base_url());
    secure.answer(
        "/a.jpg",
        Script::response(302, &[("location", &location)], b""),
    );
    let mut trusting = config();
    trusting.extra_roots = vec![authority.root()];
    let base = format!("https://localhost:{}", secure.addr().port());
    let fetching = Fetching::with_config(folder(&base), trusting);
    assert_eq!(fetching.reason("a.jpg").await, Reason::RedirectInvalid);
    assert!(plain.requests().is_empty());
}
