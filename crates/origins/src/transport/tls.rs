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

use super::pool::Authority;
use crate::attempt::{Attempt, AttemptResult, failure};
use crate::classify::text::printable;
use crate::fetch::FetcherError;

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
        return classify_certificate(&refused.problem);
    }
    match tls_error(error) {
        Some(rustls::Error::InvalidCertificate(problem)) => classify_certificate(problem),
        Some(other) => failure(Reason::TlsHandshakeFailed, printable(&other.to_string())),
        None => failure(
            Reason::TlsHandshakeFailed,
            format!("connection lost during the handshake: {}", error.kind()),
        ),
    }
}

fn classify_certificate(problem: &CertificateError) -> Box<AttemptFailure> {
    match problem {
        CertificateError::Expired => failure(Reason::TlsCertificateExpired, "certificate expired"),
        CertificateError::ExpiredContext { time, not_after } => {
            let days = time.as_secs().saturating_sub(not_after.as_secs()) / 86_400;
            let note = format!("certificate expired {} ({days} days ago)", date(*not_after));
            failure(Reason::TlsCertificateExpired, note)
        }
        CertificateError::NotValidYet => {
            failure(Reason::TlsCertificateExpired, "certificate not valid yet")
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            let note = format!("certificate not valid before {}", date(*not_before));
            failure(Reason::TlsCertificateExpired, note)
        }
        CertificateError::NotValidForName => failure(
            Reason::TlsCertificateNameMismatch,
            "certificate names another host",
        ),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<String> = presented
                .iter()
                .take(5)
                .map(|name| printable(name))
                .collect();
            let note = format!("certificate is for {}", names.join(", "));
            failure(Reason::TlsCertificateNameMismatch, note)
        }
        CertificateError::UnknownIssuer => failure(
            Reason::TlsCertificateUntrusted,
            "certificate is self-signed, issued by an unknown authority, or an intermediate certificate is missing",
        ),
        CertificateError::BadSignature => failure(
            Reason::TlsCertificateUntrusted,
            "the signature of the certificate does not fit its issuer",
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            failure(
                Reason::TlsCertificateUntrusted,
                "the certificate is not meant for servers",
            )
        }
        CertificateError::Revoked => failure(
            Reason::TlsCertificateUntrusted,
            "the certificate was revoked",
        ),
        other => failure(
            Reason::TlsCertificateUntrusted,
            printable(&other.to_string()),
        ),
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
