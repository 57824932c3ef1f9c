//! What an operator may set about fetching originals.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use limpid_domain::clock::Clock;
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::ambient::AmbientSources;
use crate::breaker::BreakerLimits;

/// Time-outs, limits and exemptions of an [`OriginFetcher`](crate::OriginFetcher).
#[derive(Debug, Clone)]
pub struct FetchConfig {
    /// Longest wait for a connection, per attempt: name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Longest wait from sending a request to the complete head of its answer.
    pub first_byte_timeout: Duration,
    /// Longest silence inside a body.
    pub idle_timeout: Duration,
    /// Longest fetch with everything in it: queueing, redirects, retries.
    pub total_timeout: Duration,
    /// Addresses exempt from the guard, e.g. a demo origin on loopback.
    pub allow_addresses: Vec<AllowedAddress>,
    /// Name resolution.
    pub dns: DnsConfig,
    /// Fetches that may run at one origin at the same time; the rest waits [`FetchConfig::concurrency_wait`].
    pub max_concurrency_per_origin: usize,
    /// How long a fetch waits for its turn before it fails with `origin_concurrency_limit`.
    pub concurrency_wait: Duration,
    /// Memory for originals that are being read or worked on, of all tenants; half of it for any one. A fetch waits for its part until its
    /// deadline. Several times the largest original, or large ones are fetched one after the other. Units: bytes.
    pub max_bytes_in_flight: u64,
    /// When an origin that fails is left alone.
    pub breaker: BreakerLimits,
    /// `User-Agent` of every request.
    pub user_agent: String,
    /// Value of `x-req-from`, by which operators of origins may recognise us.
    pub request_marker: String,
    /// What stands for this installation in `CDN-Loop` (RFC 8586), by which it recognises requests of its own; none: not sent.
    pub loop_token: Option<String>,
    /// The machine's own credentials, for origins with `useIAMRole`. `None`: such origins are refused. They open every bucket
    /// the machine may read to every tenant who names it, so this is the operator's word, never the default.
    pub ambient_credentials: Option<AmbientSources>,
    /// Where kind `S3` finds Amazon instead of `https://<bucket>.s3.<region>.amazonaws.com`: a private endpoint, a test server.
    /// Addressed in path style.
    pub amazon_s3_endpoint: Option<Url>,
    /// Where kind `AZURE_BLOB` finds Azure instead of `https://<account>.blob.core.windows.net`: a test server. The account is
    /// the first folder below it.
    pub azure_blob_endpoint: Option<Url>,
    /// Where kind `GCS` finds Google Cloud Storage instead of `https://storage.googleapis.com`: a test server.
    pub google_storage_endpoint: Option<Url>,
    /// Where kind `GCS` asks for tokens, whatever key files say: a test server.
    pub google_token_endpoint: Option<Url>,
    /// Tells the time to signatures and `Retry-After` dates.
    pub clock: Clock,
    /// Certificate authorities trusted besides the machine's.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            first_byte_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
            allow_addresses: Vec::new(),
            dns: DnsConfig::default(),
            max_concurrency_per_origin: 64,
            concurrency_wait: Duration::from_secs(1),
            max_bytes_in_flight: 512 * 1024 * 1024,
            breaker: BreakerLimits::default(),
            user_agent: concat!("Limpid/", env!("CARGO_PKG_VERSION")).to_owned(),
            request_marker: "imagekit".to_owned(),
            loop_token: None,
            ambient_credentials: None,
            amazon_s3_endpoint: None,
            azure_blob_endpoint: None,
            google_storage_endpoint: None,
            google_token_endpoint: None,
            clock: Clock::system(),
            extra_roots: Vec::new(),
        }
    }
}

/// Name resolution.
#[derive(Debug, Clone)]
pub struct DnsConfig {
    /// Name servers; none means the machine's.
    pub servers: Vec<SocketAddr>,
    /// Longest wait for one answer; a question is asked twice. Both fit into [`FetchConfig::connect_timeout`], or are
    /// shortened until they do.
    pub timeout: Duration,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            timeout: Duration::from_millis(1500),
        }
    }
}

/// A network that may be connected to although the guard would refuse it, on one port or on all.
///
/// Shape: `127.0.0.0/8`, `127.0.0.1`, `127.0.0.1:9000`, `127.0.0.0/8:9000`, `::1`, `[::1]:9000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowedAddress {
    /// The network.
    pub net: IpNet,
    /// The only port, or every port.
    pub port: Option<u16>,
}

impl AllowedAddress {
    /// Whether `address` is exempt.
    pub fn matches(&self, address: SocketAddr) -> bool {
        self.net.contains(&address.ip()) && self.port.is_none_or(|port| port == address.port())
    }
}

/// Why a text is not an [`AllowedAddress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address or network such as 127.0.0.0/8, 127.0.0.1:9000 or [::1]:9000")]
pub struct InvalidAllowedAddress(String);

impl FromStr for AllowedAddress {
    type Err = InvalidAllowedAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let on_every_port = |net| Self { net, port: None };
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(on_every_port(net));
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(on_every_port(ip.into()));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self {
                net: address.ip().into(),
                port: Some(address.port()),
            });
        }
        text.rsplit_once(':')
            .and_then(|(net, port)| {
                let port = Some(port.parse().ok()?);
                let net = net.parse().ok()?;
                Some(Self { net, port })
            })
            .ok_or_else(|| InvalidAllowedAddress(text.to_owned()))
    }
}

impl fmt::Display for AllowedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.net),
            None => self.net.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_addresses_are_networks_with_or_without_a_port() {
        for (text, shown) in [
            ("127.0.0.0/8", "127.0.0.0/8"),
            ("127.0.0.1", "127.0.0.1/32"),
            (" 127.0.0.1:9000 ", "127.0.0.1/32:9000"),
            ("127.0.0.0/8:80", "127.0.0.0/8:80"),
            ("::1", "::1/128"),
            ("[::1]:9000", "::1/128:9000"),
        ] {
            let parsed: AllowedAddress = text.parse().unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert_eq!(shown.parse::<AllowedAddress>(), Ok(parsed));
        }
        for bad in ["", "localhost", "127.0.0.1:x", "127.0.0.1/33", "1.2.3"] {
            assert!(bad.parse::<AllowedAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_port_narrows_the_exemption() {
        let allowed: AllowedAddress = "127.0.0.1:9000".parse().unwrap();
        assert!(allowed.matches("127.0.0.1:9000".parse().unwrap()));
        assert!(!allowed.matches("127.0.0.1:9001".parse().unwrap()));
        assert!(!allowed.matches("127.0.0.2:9000".parse().unwrap()));
    }
}
