//! TLS towards origins, and what a failed handshake says.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use limpid_domain::failure::{AttemptFailure, Reason};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use super::certificate;
use super::pool::Authority;
use crate::attempt::{Attempt, AttemptResult, failure};
use crate::classify::text::printable;
use crate::fetch::FetcherError;

/// Names of a certificate in the line about a failure.
const NAMES_IN_A_NOTE: usize = 5;

/// TLS settings, the same for every origin. No client certificate, so session resumption can't mix identities.
pub(crate) struct Tls {
    connector: TlsConnector,
    /// Never resumes a session, so that servers send their certificates.
    anew: TlsConnector,
}

/// A handshake, and what the server sent to prove who it is.
pub(crate) struct Handshake {
    /// The connection, or why there is none.
    pub(crate) stream: AttemptResult<TlsStream<TcpStream>>,
    /// The server's certificates, its own first; none where it did not come to that.
    pub(crate) certificates: Vec<CertificateDer<'static>>,
}

/// Judges certificates as the standard verifier does, and keeps those it refuses: a failed handshake leaves no others.
#[derive(Debug)]
struct Verifier(Arc<WebPkiServerVerifier>);

/// Certificates that were refused.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
struct RefusedCertificates {
    problem: CertificateError,
    sent: Vec<CertificateDer<'static>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Trusts the machine's certificate authorities, Mozilla's where the machine has none, and `extra_roots`.
    pub(crate) fn new(extra_roots: &[CertificateDer<'static>]) -> Result<Self, FetcherError> {
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for root in extra_roots {
            roots.add(root.clone()).map_err(FetcherError::Tls)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| FetcherError::Tls(rustls::Error::General(error.to_string())))?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(FetcherError::Tls)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier(verifier)))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut anew = config.clone();
        anew.resumption = Resumption::disabled();
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            anew: TlsConnector::from(Arc::new(anew)),
        })
    }

    /// Does the handshake on a fresh connection, within `limit`.
    pub(crate) async fn handshake(
        &self,
        authority: &Authority,
        stream: TcpStream,
        limit: Duration,
        attempt: &Attempt<'_>,
    ) -> Handshake {
        let name = match server_name(&authority.host) {
            Ok(name) => name,
            Err(failed) => return Handshake::failed(failed, Vec::new()),
        };
        let connector = if attempt.trace.is_on() {
            &self.anew
        } else {
            &self.connector
        };
        match attempt.within(limit, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => {
                let sent = stream.get_ref().1.peer_certificates();
                Handshake {
                    certificates: sent.map_or_else(Vec::new, |sent| {
                        sent.iter()
                            .cloned()
                            .map(CertificateDer::into_owned)
                            .collect()
                    }),
                    stream: Ok(stream),
                }
            }
            Ok(Err(error)) => {
                let refused = refused_certificates(&error);
                let sent = refused.map(|refused| refused.sent.clone());
                Handshake::failed(classify(&error), sent.unwrap_or_default())
            }
            Err(late) => {
                let note = format!("no handshake within {} ms", late.waited.as_millis());
                Handshake::failed(failure(Reason::TlsHandshakeFailed, note), Vec::new())
            }
        }
    }
}

impl Handshake {
    fn failed(failed: Box<AttemptFailure>, certificates: Vec<CertificateDer<'static>>) -> Self {
        Self {
            stream: Err(failed),
            certificates,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict =
            self.0
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verdict.map_err(|error| match error {
            rustls::Error::InvalidCertificate(problem) => {
                let sent = std::iter::once(end_entity).chain(intermediates);
                let sent = sent.cloned().map(CertificateDer::into_owned).collect();
                let refused = RefusedCertificates { problem, sent };
                CertificateError::Other(OtherError(Arc::new(refused))).into()
            }
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn refused_certificates(error: &io::Error) -> Option<&RefusedCertificates> {
    match tls_error(error)? {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(refused))) => {
            refused.downcast_ref()
        }
        _ => None,
    }
}

/// The TLS failure inside an I/O error, if that is what it is; also for alerts that arrive after the handshake.
pub(crate) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

fn server_name(host: &Host) -> AttemptResult<ServerName<'static>> {
    let name = match host {
        Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned()).ok(),
        Host::Ipv4(address) => Some(ServerName::from(std::net::IpAddr::V4(*address))),
        Host::Ipv6(address) => Some(ServerName::from(std::net::IpAddr::V6(*address))),
    };
    name.ok_or_else(|| {
        failure(
            Reason::TlsHandshakeFailed,
            "no certificate can name this host",
        )
    })
}

fn classify(error: &io::Error) -> Box<AttemptFailure> {
    if let Some(refused) = refused_certificates(error) {
        return classify_certificate(&refused.problem, &refused.sent);
    }
    match tls_error(error) {
        Some(rustls::Error::InvalidCertificate(problem)) => classify_certificate(problem, &[]),
        Some(other) => failure(Reason::TlsHandshakeFailed, words(other)),
        None => failure(
            Reason::TlsHandshakeFailed,
            format!("connection lost during the handshake: {}", error.kind()),
        ),
    }
}

/// A TLS failure for people; the library words most of them as it names them in code.
pub(crate) fn words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::AlertReceived(alert) => {
            format!(
                "the server sent the alert \"{}\"",
                spaced(&format!("{alert:?}"))
            )
        }
        rustls::Error::InvalidMessage(what) => {
            format!(
                "what the server sent is no TLS ({})",
                spaced(&format!("{what:?}"))
            )
        }
        rustls::Error::PeerIncompatible(why) => format!(
            "the server and we can agree on no TLS ({})",
            spaced(&format!("{why:?}"))
        ),
        rustls::Error::PeerMisbehaved(why) => {
            format!(
                "the server breaks the rules of TLS ({})",
                spaced(&format!("{why:?}"))
            )
        }
        rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. } => {
            "the server sent a TLS message out of turn".to_owned()
        }
        rustls::Error::InvalidCertificate(problem) => {
            classify_certificate(problem, &[]).note.unwrap_or_default()
        }
        other => printable(&other.to_string()),
    }
}

/// `HandshakeFailure` as "handshake failure", without what a name holds in parentheses.
fn spaced(name: &str) -> String {
    let name = name.split(['(', ' ', '{']).next().unwrap_or_default();
    let mut words = String::with_capacity(name.len() + 8);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// What is wrong with a certificate; `sent` are the server's, its own first.
fn classify_certificate(
    problem: &CertificateError,
    sent: &[CertificateDer<'_>],
) -> Box<AttemptFailure> {
    match problem {
        CertificateError::Expired => failure(Reason::TlsCertificateExpired, "certificate expired"),
        CertificateError::ExpiredContext { time, not_after } => {
            let since = match time.as_secs().saturating_sub(not_after.as_secs()) / 86_400 {
                0 => "less than a day ago".to_owned(),
                1 => "1 day ago".to_owned(),
                days => format!("{days} days ago"),
            };
            let note = format!("certificate expired {} ({since})", date(*not_after));
            failure(Reason::TlsCertificateExpired, note)
        }
        CertificateError::NotValidYet => {
            failure(Reason::TlsCertificateExpired, "certificate not valid yet")
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            let note = format!("certificate not valid before {}", date(*not_before));
            failure(Reason::TlsCertificateExpired, note)
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = sent.first().map_or_else(Vec::new, certificate::names_of);
            let note = match names.get(..NAMES_IN_A_NOTE).unwrap_or(&names) {
                [] => "certificate names another host".to_owned(),
                shown => format!("certificate is for {}", shown.join(", ")),
            };
            failure(Reason::TlsCertificateNameMismatch, note)
        }
        other => failure(
            Reason::TlsCertificateUntrusted,
            why_untrusted(other, sent.first()),
        ),
    }
}

/// Why no authority vouches for a certificate.
fn why_untrusted(problem: &CertificateError, own: Option<&CertificateDer<'_>>) -> &'static str {
    match problem {
        CertificateError::UnknownIssuer => {
            "certificate is self-signed, issued by an unknown authority, or an intermediate certificate is missing"
        }
        CertificateError::BadSignature => {
            "the signature of the certificate does not fit its issuer"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not meant for servers"
        }
        CertificateError::Revoked => "the certificate was revoked",
        CertificateError::BadEncoding => "the certificate is damaged: it cannot be read",
        CertificateError::UnhandledCriticalExtension => {
            "the certificate demands an extension that nobody here knows"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the certificate is signed in an outdated or unknown way"
        }
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. }
        | CertificateError::InvalidOcspResponse => {
            "whether the certificate was revoked cannot be found out"
        }
        CertificateError::Other(OtherError(cause)) => breach(&cause.to_string(), own),
        _ => "the certificate breaks the rules for certificates of servers",
    }
}

/// Why a certificate was refused, where the verifier has but a name for it, whose only form is text.
fn breach(cause: &str, own: Option<&CertificateDer<'_>>) -> &'static str {
    match cause {
        // What `openssl req -x509` makes unless told otherwise.
        "CaUsedAsEndEntity" if own.is_some_and(certificate::is_self_issued) => {
            "certificate is self-signed, and that of an authority rather than of a server"
        }
        "CaUsedAsEndEntity" => "certificate is that of an authority, not that of a server",
        "EndEntityUsedAsCa" => "certificate was issued by a certificate that may issue none",
        "NameConstraintViolation" => {
            "the authority that issued the certificate may not issue any for this name"
        }
        "PathLenConstraintViolated" => {
            "the chain of certificates is longer than its authority allows"
        }
        "UnsupportedCertVersion" => "the certificate is of an outdated version, not of X.509 v3",
        _ => "the certificate breaks the rules for certificates of servers",
    }
}

fn date(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .map_or_else(
            || "long ago".to_owned(),
            |at| at.format("%Y-%m-%d").to_string(),
        )
}

#[cfg(test)]
mod tests {
    use limpid_testkit::tls_origin::TestAuthority;
    use rustls::{AlertDescription, InvalidMessage, PeerIncompatible};

    use super::*;

    /// The verifier's errors are printed as they are named in its code.
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Named(&'static str);

    #[test]
    fn a_certificate_of_an_authority_is_no_servers_in_plain_words() {
        for (name, words) in [
            ("CaUsedAsEndEntity", "that of an authority"),
            ("EndEntityUsedAsCa", "may issue none"),
            ("NameConstraintViolation", "for this name"),
            ("InvalidSerialNumber", "breaks the rules"),
        ] {
            let problem = CertificateError::Other(OtherError(Arc::new(Named(name))));
            let failed = classify_certificate(&problem, &[]);
            assert_eq!(failed.reason, Reason::TlsCertificateUntrusted, "{name}");
            let note = failed.note.unwrap();
            assert!(note.contains(words) && !note.contains(name), "{note}");
        }
    }

    #[test]
    fn a_server_that_shows_its_own_authority_is_self_signed() {
        let mut roots = RootCertStore::empty();
        roots.add(TestAuthority::new().root()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let standard = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = Verifier(standard.build().unwrap());
        let name = ServerName::try_from("localhost").unwrap();
        let shown = TestAuthority::new().root();
        let verdict = verifier.verify_server_cert(&shown, &[], &name, &[], UnixTime::now());
        let failed = classify(&io::Error::other(verdict.unwrap_err()));
        assert_eq!(failed.reason, Reason::TlsCertificateUntrusted);
        assert_eq!(
            failed.note.as_deref(),
            Some("certificate is self-signed, and that of an authority rather than of a server")
        );
    }

    #[test]
    fn the_days_since_an_end_are_those_a_certificate_shows() {
        let hours = |hours: u64| UnixTime::since_unix_epoch(Duration::from_hours(hours));
        for (late, said) in [
            (5, "expired 1970-01-05 (less than a day ago)"),
            (24, "expired 1970-01-05 (1 day ago)"),
            (77, "expired 1970-01-05 (3 days ago)"),
        ] {
            let problem = CertificateError::ExpiredContext {
                time: hours(96 + late),
                not_after: hours(96),
            };
            let note = classify_certificate(&problem, &[]).note.unwrap();
            assert!(note.ends_with(said), "{note}");
            let moment = |hours: u64| {
                let seconds = i64::try_from(hours * 3600).unwrap();
                DateTime::from_timestamp(seconds, 0).unwrap()
            };
            let left = limpid_domain::expiry::days_left(moment(96), moment(96 + late));
            assert_eq!(left.unsigned_abs(), late / 24, "{said}");
        }
    }

    #[test]
    fn no_name_from_the_library_is_left_in_a_note() {
        for (error, said) in [
            (
                rustls::Error::AlertReceived(AlertDescription::HandshakeFailure),
                "the server sent the alert \"handshake failure\"",
            ),
            (
                InvalidMessage::InvalidContentType.into(),
                "what the server sent is no TLS (invalid content type)",
            ),
            (
                InvalidMessage::MissingData("ServerHello").into(),
                "what the server sent is no TLS (missing data)",
            ),
            (
                PeerIncompatible::NoCipherSuitesInCommon.into(),
                "the server and we can agree on no TLS (no cipher suites in common)",
            ),
            (
                CertificateError::BadEncoding.into(),
                "the certificate is damaged: it cannot be read",
            ),
        ] {
            assert_eq!(words(&error), said);
        }
    }
}
