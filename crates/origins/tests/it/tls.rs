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
            "certificate is for other.example",
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
        let told = failed.note.as_deref().unwrap();
        assert!(told.contains(note), "{failed:?}");
        assert!(!told.contains(['"', '(']) || told.contains("days ago)"));
        assert!(failed.timings.tls_us.is_some());
        assert!(origin.requests().is_empty());
    }
}

#[tokio::test]
async fn a_trace_shows_the_certificates_as_they_were_sent_also_when_they_are_refused() {
    let authority = TestAuthority::new();
    for (name, kind, is_trusted) in [
        ("localhost", CertificateKind::Good, true),
        ("localhost", CertificateKind::Expired, false),
        ("other.example", CertificateKind::Good, false),
        ("localhost", CertificateKind::SelfSigned, false),
    ] {
        let origin = authority.start_origin(name, kind).await;
        let base = format!("https://localhost:{}", origin.addr().port());
        let ended = trusting(&authority, &base).get("photo.jpg").await;
        let steps = ended.steps.iter();
        let shown: Vec<_> = steps.filter(|step| !step.certificates.is_empty()).collect();
        assert_eq!(shown.len(), 1, "{kind:?}");
        assert_eq!(
            (shown[0].name, shown[0].ok),
            ("tls", is_trusted),
            "{kind:?}"
        );
        let own = &shown[0].certificates[0];
        assert_eq!(own.names, [name]);
        assert_eq!(own.not_before.date_naive().to_string(), "2010-01-01");
        let is_self_signed = kind == CertificateKind::SelfSigned;
        assert_eq!(own.issuer == own.subject, is_self_signed, "{own:?}");
        assert_eq!(
            own.issuer.contains("Limpid test authority"),
            !is_self_signed
        );
        assert_eq!(own.fingerprint_sha256.len(), 32 * 3 - 1);
        assert_eq!(own.days_left < 0, kind == CertificateKind::Expired);
        assert_eq!(shown[0].warning, None);
    }
}

#[tokio::test]
async fn a_certificate_that_soon_ends_is_warned_of_with_its_date() {
    let authority = TestAuthority::new();
    for (days, warns) in [(5, true), (20, true), (21, false), (90, false)] {
        let kind = CertificateKind::Ending(days);
        let origin = authority.start_origin("localhost", kind).await;
        let base = format!("https://localhost:{}", origin.addr().port());
        let fetching = trusting(&authority, &base);
        let ended = fetching.get("photo.jpg").await;
        assert!(ended.result.is_ok());
        let step = ended.steps.iter().find(|step| step.name == "tls").unwrap();
        let own = &step.certificates[0];
        assert_eq!(own.days_left, i64::from(days));
        let end = own.not_after.format("%Y-%m-%d");
        let sentence =
            format!("the certificate ends on {end}, in {days} days: renew it before then");
        assert_eq!(step.warning, warns.then_some(sentence));
        // Remembered from every new connection, for forecasts.
        let health = fetching.fetcher.health();
        assert_eq!(health[0].certificate_ends_at, Some(own.not_after));
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
