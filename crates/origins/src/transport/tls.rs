//! TLS towards origins, and what a failed handshake says.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use limpid_domain::failure::{AttemptFailure, Reason};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, RootCertStore};
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
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(FetcherError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Does the handshake on a fresh connection, within `limit`.
    pub(crate) async fn handshake(
        &self,
        authority: &Authority,
        stream: TcpStream,
        limit: Duration,
        attempt: &Attempt<'_>,
    ) -> AttemptResult<TlsStream<TcpStream>> {
        let name = server_name(&authority.host)?;
        match attempt
            .within(limit, self.connector.connect(name, stream))
            .await
        {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(classify(&error)),
            Err(late) => {
                let note = format!("no handshake within {} ms", late.waited.as_millis());
                Err(failure(Reason::TlsHandshakeFailed, note))
            }
        }
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
