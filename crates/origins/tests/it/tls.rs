//! Certificates: what is wrong with each is named.

use limpid_domain::failure::Reason;
use limpid_testkit::dead_ends::BlackHole;
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::PHOTO_JPEG;
use limpid_testkit::tls_origin::{CertificateKind, TestAuthority};

use crate::fetching::{Fetching, config, folder};

fn trusting(authority: &TestAuthority, base: &str) -> Fetching {
    let mut trusting = config();
    trusting.extra_roots = vec![authority.root()];
    Fetching::with_config(folder(base), trusting)
}

#[tokio::test]
async fn a_good_certificate_is_accepted_and_its_handshake_timed() {
    let authority = TestAuthority::new();
    let origin = authority
        .start_origin("localhost", CertificateKind::Good)
        .await;
    let base = format!("https://localhost:{}", origin.addr().port());
    let original = trusting(&authority, &base).original("photo.jpg").await;
    assert_eq!(original.bytes, PHOTO_JPEG);
    assert!(original.timings.tls_us.is_some());
}

#[tokio::test]
async fn bad_certificates_are_told_apart() {
    let authority = TestAuthority::new();
    for (name, kind, reason, note) in [
        (
            "localhost",
            CertificateKind::Expired,
            Reason::TlsCertificateExpired,
            "expired 2020-01-01",
        ),
        (
            "localhost",
            CertificateKind::NotYetValid,
            Reason::TlsCertificateExpired,
            "before 2090-01-01",
        ),
        (
            "other.example",
            CertificateKind::Good,
            Reason::TlsCertificateNameMismatch,
            "other.example",
        ),
        (
            "localhost",
            CertificateKind::SelfSigned,
            Reason::TlsCertificateUntrusted,
            "self-signed",
        ),
        (
            "localhost",
            CertificateKind::ClientOnly,
            Reason::TlsCertificateUntrusted,
            "not meant for servers",
        ),
    ] {
        let origin = authority.start_origin(name, kind).await;
        let base = format!("https://localhost:{}", origin.addr().port());
        let failed = trusting(&authority, &base).failure("photo.jpg").await;
        assert_eq!(failed.reason, reason, "{kind:?}: {failed:?}");
        assert!(failed.note.as_deref().unwrap().contains(note), "{failed:?}");
        assert!(failed.timings.tls_us.is_some());
        assert!(origin.requests().is_empty());
    }
}

#[tokio::test]
async fn an_authority_nobody_trusts_is_untrusted() {
    let authority = TestAuthority::new();
    let origin = authority
        .start_origin("localhost", CertificateKind::Good)
        .await;
    let base = format!("https://localhost:{}", origin.addr().port());
    let failed = Fetching::folder(&base).failure("photo.jpg").await;
    assert_eq!(failed.reason, Reason::TlsCertificateUntrusted);
}

#[tokio::test]
async fn plain_http_where_tls_is_expected_is_a_failed_handshake() {
    let origin = FakeOrigin::start().await;
    origin.answer("/", limpid_testkit::fake_origin::script::Script::raw("no"));
    let base = format!("https://localhost:{}", origin.addr().port());
    let failed = Fetching::folder(&base).failure("photo.jpg").await;
    assert_eq!(failed.reason, Reason::TlsHandshakeFailed);
    assert_eq!(failed.retries, 0);
}

#[tokio::test]
async fn silence_before_tls_is_still_a_connection_that_timed_out() {
    let hole = BlackHole::open().await;
    let base = format!("https://localhost:{}", hole.addr().port());
    let failed = Fetching::folder(&base).failure("photo.jpg").await;
    assert_eq!(failed.reason, Reason::ConnectionTimeout);
    assert_eq!(failed.timings.tls_us, None);
}
