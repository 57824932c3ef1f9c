//! One original from one origin: concurrency cap, deadline, retries, and one `match` over the kinds.

use std::time::Instant;

use bytes::Bytes;
use limpid_domain::failure::{AttemptFailure, PhaseTimings};
use limpid_domain::ids::{OriginId, RequestId, StreamVersion, TenantId};
use limpid_domain::origin::{OriginCredentials, OriginSettings};

use crate::config::FetchConfig;
use crate::trace::FetchTrace;

/// Fetches originals. Cheap to clone; holds the connections to all origins.
#[derive(Debug, Clone)]
pub struct OriginFetcher {}

/// Why an [`OriginFetcher`] could not be set up: the operator's configuration or machine.
#[derive(Debug, thiserror::Error)]
pub enum FetcherError {
    /// No usable name server configuration.
    #[error("set up name resolution")]
    Dns(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A trusted root is no certificate.
    #[error("set up TLS")]
    Tls(#[source] rustls::Error),
}

/// The origin to ask, as the tenant configured it.
#[derive(Debug, Clone, Copy)]
pub struct OriginAccess<'a> {
    /// Whose origin it is.
    pub tenant_id: TenantId,
    /// Which origin.
    pub origin_id: OriginId,
    /// Which version of it: connections and learnt regions never outlive a change.
    pub version: StreamVersion,
    /// Everything but the secrets.
    pub settings: &'a OriginSettings,
    /// The secrets.
    pub credentials: &'a OriginCredentials,
}

/// What to fetch, and within which bounds.
#[derive(Debug, Clone, Copy)]
pub struct FetchRequest<'a> {
    /// File path, still percent-encoded, without a leading slash; for `WEB_PROXY` the URL in any of its spellings.
    pub path: &'a str,
    /// The client's query without our own parameters; web origins get it.
    pub query: Option<&'a str>,
    /// The client's `Host`, for origins that want it forwarded.
    pub forwarded_host: Option<&'a str>,
    /// Sent as `X-Request-Id` to web origins.
    pub request_id: RequestId,
    /// When the client's patience ends; the fetch gives up before.
    pub deadline: Instant,
    /// Largest acceptable original. Units: bytes.
    pub max_bytes: u64,
}

/// An original, complete and within its limits.
#[derive(Debug, Clone)]
pub struct Original {
    /// The file.
    pub bytes: Bytes,
    /// The origin's `Content-Type`, unverified.
    pub content_type: Option<String>,
    /// The origin's `ETag`.
    pub etag: Option<String>,
    /// The origin's `Last-Modified`.
    pub last_modified: Option<String>,
    /// The origin's `Cache-Control`.
    pub cache_control: Option<String>,
    /// Where it was found: URL or object key, without secrets.
    pub location: String,
    /// How long each phase took.
    pub timings: PhaseTimings,
    /// The origin marked the file private (`Is-Private-File: true`, on S3 `x-amz-meta-isprivatefile`).
    pub is_private: bool,
    /// How often the request was repeated before it succeeded.
    pub retries: u8,
}

impl OriginFetcher {
    /// Sets up name resolution and TLS. Opens no connection.
    ///
    /// Errors: [`FetcherError`], the operator's to fix.
    pub fn new(config: FetchConfig) -> Result<Self, FetcherError> {
        let _ = config;
        todo!()
    }

    /// Fetches one original. Never takes longer than the request's deadline or the configured total.
    ///
    /// Errors: the failed attempt, classified; everything in it may be stored.
    pub async fn fetch(
        &self,
        access: &OriginAccess<'_>,
        request: &FetchRequest<'_>,
        trace: &mut FetchTrace,
    ) -> Result<Original, Box<AttemptFailure>> {
        let _ = (access, request, trace);
        todo!()
    }
}
