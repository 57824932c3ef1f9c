//! One original from one origin: concurrency cap, deadline, retries, and one `match` over the kinds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, header};
use limpid_domain::failure::{AttemptFailure, PhaseTimings, Reason};
use limpid_domain::ids::{OriginId, RequestId, StreamVersion, TenantId};
use limpid_domain::origin::{OriginCredentials, OriginLocation, OriginSettings};
use tracing::Instrument;

use crate::ambient::{Ambient, Keys};
use crate::attempt::{Attempt, AttemptResult, failure, micros_since};
use crate::body::{BodyLimits, Read};
use crate::breaker::{self, Refused, Verdict};
use crate::byte_budget::{ByteBudget, ByteLoan, BytesInFlight};
use crate::config::FetchConfig;
use crate::exchange::Exchanger;
use crate::existence::{self, Existence};
use crate::origin_state::{OriginHealth, OriginState, OriginStates};
use crate::trace::FetchTrace;
use crate::transport::Transport;
use crate::{akeneo, azure, google, retry, s3, scrub, web_folder, web_proxy};

/// Fetches originals. Cheap to clone; holds the connections to all origins.
#[derive(Debug, Clone)]
pub struct OriginFetcher {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: FetchConfig,
    user_agent: HeaderValue,
    request_marker: HeaderValue,
    loop_token: Option<HeaderValue>,
    transport: Transport,
    states: OriginStates,
    budget: ByteBudget,
    ambient: Option<Ambient>,
}

/// Why an [`OriginFetcher`] could not be set up: the operator's configuration or machine.
#[derive(Debug, thiserror::Error)]
pub enum FetcherError {
    /// No usable name server configuration.
    #[error("set up name resolution")]
    Dns(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A trusted root is no certificate.
    #[error("set up TLS")]
    Tls(#[source] rustls::Error),
    /// The user agent or the request marker can't be a header value.
    #[error("set `{0}` of every request")]
    Header(&'static str),
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
    /// The version of the object, for S3; nobody else is told. Source: `imagekit.md` 3.8, `ik-obj-version`.
    pub object_version: Option<&'a str>,
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
    /// How old the answer was already, by its `Age`: it came from a cache in front of the origin.
    pub age: Duration,
    /// Where it was found: URL or object key, without secrets.
    pub location: String,
    /// How long each phase took.
    pub timings: PhaseTimings,
    /// The origin marked the file private (`Is-Private-File: true`, on S3 `x-amz-meta-isprivatefile`).
    pub is_private: bool,
    /// How often the request was repeated before it succeeded.
    pub retries: u8,
    /// Its part of the memory for originals, for as long as somebody works with it.
    pub loan: Option<Arc<ByteLoan>>,
}

impl OriginFetcher {
    /// Sets up name resolution and TLS. Opens no connection.
    ///
    /// # Errors
    ///
    /// [`FetcherError`], the operator's to fix.
    pub fn new(config: FetchConfig) -> Result<Self, FetcherError> {
        let user_agent = HeaderValue::from_str(&config.user_agent)
            .map_err(|_| FetcherError::Header("user-agent"))?;
        let request_marker = HeaderValue::from_str(&config.request_marker)
            .map_err(|_| FetcherError::Header("x-req-from"))?;
        let loop_token = config.loop_token.as_deref().map(HeaderValue::from_str);
        let loop_token = loop_token
            .transpose()
            .map_err(|_| FetcherError::Header("cdn-loop"))?;
        let inner = Inner {
            transport: Transport::new(&config)?,
            states: OriginStates::new(&config),
            budget: ByteBudget::new(config.max_bytes_in_flight),
            ambient: config
                .ambient_credentials
                .clone()
                .map(|sources| Ambient::new(sources, &config))
                .transpose()?,
            user_agent,
            request_marker,
            loop_token,
            config,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Fetches one original. Never takes longer than the request's deadline or the configured total.
    ///
    /// # Errors
    ///
    /// The failed attempt, classified; everything in it may be stored.
    pub async fn fetch(
        &self,
        access: &OriginAccess<'_>,
        request: &FetchRequest<'_>,
        trace: &mut FetchTrace,
    ) -> Result<Original, Box<AttemptFailure>> {
        let span = tracing::info_span!(
            "origin.fetch",
            otel.kind = "client",
            limpid.tenant.id = access.tenant_id.0,
            limpid.origin.id = %access.origin_id,
            limpid.origin.kind = access.settings.location.kind().as_str(),
            http.request.resend_count = tracing::field::Empty,
            http.response.status_code = tracing::field::Empty,
            http.response.body.size = tracing::field::Empty,
            error.type = tracing::field::Empty,
        );
        let result = self
            .fetch_with_retries(access, request, trace)
            .instrument(span.clone())
            .await;
        scrub::scrub_trace(trace, access.credentials, request.query);
        match &result {
            Ok(original) => {
                span.record("http.response.status_code", 200);
                span.record("http.response.body.size", original.bytes.len());
                span.record("http.request.resend_count", original.retries);
            }
            Err(failed) => {
                if let Some(status) = failed.upstream_status {
                    span.record("http.response.status_code", status);
                }
                span.record("http.request.resend_count", failed.retries);
                span.record("error.type", failed.reason.name());
            }
        }
        result
    }

    /// Whether an origin has a file, asked for without fetching it and only once. A path with a leading slash is looked for
    /// from the root of the bucket, container or server, outside the folder of the origin. Nothing is remembered of it: it
    /// says nothing to the breaker, though an open one is respected.
    ///
    /// # Errors
    ///
    /// The failed attempt, where no answer came.
    pub async fn exists(
        &self,
        access: &OriginAccess<'_>,
        request: &FetchRequest<'_>,
    ) -> Result<Existence, Box<AttemptFailure>> {
        let state = self.inner.states.of(access);
        let whole = request.path.starts_with('/').then(|| OriginSettings {
            location: access.settings.location.without_folder(),
            ..access.settings.clone()
        });
        let asked_at = OriginAccess {
            settings: whole.as_ref().unwrap_or(access.settings),
            ..*access
        };
        let context = FetchContext {
            inner: &self.inner,
            state: &state,
            access: &asked_at,
            request,
        };
        let mut trace = FetchTrace::off();
        let deadline = Instant::now() + self.inner.config.total_timeout;
        let mut attempt = Attempt::new(&mut trace, request.deadline.min(deadline));
        let asked = context.ask_whether_there(&mut attempt).await;
        let requests = attempt.requests;
        asked
            .map(|is_there| Existence { is_there, requests })
            .map_err(|mut failed| {
                scrub::scrub(&mut failed, access.credentials, request.query);
                failed
            })
    }

    /// How the origins asked lately fare: fetches under way, breakers.
    pub fn health(&self) -> Vec<OriginHealth> {
        self.inner.states.health(Instant::now())
    }

    /// How the memory for originals stands.
    pub fn bytes_in_flight(&self) -> BytesInFlight {
        self.inner.budget.state()
    }

    async fn fetch_with_retries(
        &self,
        access: &OriginAccess<'_>,
        request: &FetchRequest<'_>,
        trace: &mut FetchTrace,
    ) -> Result<Original, Box<AttemptFailure>> {
        let started = Instant::now();
        let deadline = request
            .deadline
            .min(started + self.inner.config.total_timeout);
        let state = self.inner.states.of(access);
        let context = FetchContext {
            inner: &self.inner,
            state: &state,
            access,
            request,
        };
        let mut retries = 0;
        let mut earlier = None;
        loop {
            let mut attempt = Attempt::new(trace, deadline);
            let outcome = context.fetch_once(&mut attempt).await;
            let mut timings = attempt.timings;
            timings.total_us = micros_since(started);
            if let Some(end) = attempt.certificate_ends_at {
                state.learn_certificate_end(end);
            }
            let mut failed = match outcome {
                Ok(mut original) => {
                    original.timings = timings;
                    original.retries = original.retries.max(retries);
                    return Ok(original);
                }
                Err(failed) => failed,
            };
            // A repeat that was not let through says less than what it was to repeat.
            let was_asked = !matches!(
                failed.reason,
                Reason::CircuitOpen | Reason::OriginConcurrencyLimit
            );
            if let Some(before) = earlier.take().filter(|_| !was_asked) {
                failed = before;
                retries -= 1;
            }
            let jitter = Duration::from_millis(rand::random_range(retry::JITTER_MS));
            let again = retry::pause(&failed, retries, jitter, attempt.remaining());
            let Some(pause) = again.filter(|_| was_asked) else {
                failed.timings = timings;
                failed.retries = failed.retries.max(retries);
                scrub::scrub(&mut failed, access.credentials, request.query);
                return Err(failed);
            };
            let waiting = Instant::now();
            tokio::time::sleep(pause).await;
            retries += 1;
            attempt.trace.step("retry", true, waiting, || {
                format!("once more after {}", failed.reason)
            });
            earlier = Some(failed);
        }
    }
}

/// Everything one fetch needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FetchContext<'a> {
    inner: &'a Inner,
    /// What is remembered about the origin.
    pub(crate) state: &'a OriginState,
    /// The origin.
    pub(crate) access: &'a OriginAccess<'a>,
    /// What to fetch.
    pub(crate) request: &'a FetchRequest<'a>,
}

impl<'a> FetchContext<'a> {
    /// The connections of this origin.
    pub(crate) fn exchanger(&self) -> Exchanger<'a> {
        Exchanger {
            transport: &self.inner.transport,
            pool: &self.state.pool,
            first_byte_timeout: self.inner.config.first_byte_timeout,
        }
    }

    /// How much may be read.
    pub(crate) fn body_limits(&self) -> BodyLimits<'a> {
        BodyLimits {
            budget: &self.inner.budget,
            tenant: self.access.tenant_id,
            max_bytes: self.request.max_bytes,
            idle_timeout: self.inner.config.idle_timeout,
        }
    }

    /// The machine's own AWS credentials.
    ///
    /// Errors: `credentials_invalid` when the operator does not allow them, or when there are none.
    pub(crate) async fn ambient_keys(&self, attempt: &mut Attempt<'_>) -> AttemptResult<Keys> {
        let Some(ambient) = &self.inner.ambient else {
            let note = "this server lends nobody its own role (useIAMRole); its operator may allow that with \
                        origins.allow_ambient_credentials";
            return Err(failure(Reason::CredentialsInvalid, note));
        };
        ambient.keys(self.config(), attempt).await
    }

    /// The provider called the machine's own credentials expired.
    pub(crate) fn forget_ambient_keys(&self) {
        if let Some(ambient) = &self.inner.ambient {
            ambient.forget();
        }
    }

    /// The operator's settings.
    pub(crate) fn config(&self) -> &'a FetchConfig {
        &self.inner.config
    }

    /// `User-Agent`.
    pub(crate) fn user_agent(&self) -> HeaderValue {
        self.inner.user_agent.clone()
    }

    /// `x-req-from`.
    pub(crate) fn request_marker(&self) -> HeaderValue {
        self.inner.request_marker.clone()
    }

    /// `CDN-Loop`.
    pub(crate) fn loop_token(&self) -> Option<HeaderValue> {
        self.inner.loop_token.clone()
    }

    /// The present moment.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.inner.config.clock.now()
    }

    async fn fetch_once(&self, attempt: &mut Attempt<'_>) -> AttemptResult<Original> {
        if matches!(self.access.credentials, OriginCredentials::Unreadable) {
            tracing::error!("the stored credentials of an origin could not be opened");
            let note = "the stored credentials could not be opened; no origin was asked";
            return Err(failure(Reason::Internal, note));
        }
        let server = self.server();
        // First, so that nobody waits for a slot in vain; and again with the slot, because the breaker may have opened meanwhile.
        let refused = self.state.breakers.refuses(&server, Instant::now());
        self.note_breaker(&server, refused.is_none(), attempt);
        if let Some(refused) = refused {
            return Err(circuit_open(refused));
        }
        let _slot = self.inner.states.slot(self.state, attempt).await?;
        if attempt.trace.is_observation() {
            // Whoever explains obeys the breaker and leaves it as it is: no count, no probe.
            return match self.state.breakers.refuses(&server, Instant::now()) {
                Some(refused) => Err(circuit_open(refused)),
                None => self.ask(attempt).await,
            };
        }
        let permit = self.state.breakers.admit(&server, Instant::now());
        let permit = permit.map_err(circuit_open)?;
        let result = self.ask(attempt).await;
        let reason = result.as_ref().err().map(|failed| failed.reason);
        if let Some(state) = permit.end(Verdict::of(reason), Instant::now()) {
            breaker::note(state, self.access, reason);
        }
        result
    }

    /// Shows what the breaker of a server does, also where it lets everything through.
    fn note_breaker(&self, server: &str, lets_through: bool, attempt: &mut Attempt<'_>) {
        let started = Instant::now();
        attempt.trace.step("breaker", lets_through, started, || {
            let condition = self.state.breakers.condition(server, started);
            let Some(rest) = condition.until_probe else {
                return condition.to_string();
            };
            let until = (self.now() + rest).format("%Y-%m-%dT%H:%M:%S%.3fZ");
            format!("{condition}; it is asked again at {until}")
        });
    }

    async fn ask_whether_there(&self, attempt: &mut Attempt<'_>) -> AttemptResult<bool> {
        let server = self.server();
        if let Some(refused) = self.state.breakers.refuses(&server, Instant::now()) {
            return Err(circuit_open(refused));
        }
        let _slot = self.inner.states.slot(self.state, attempt).await?;
        existence::ask(self, attempt).await
    }

    /// The server whose breaker counts; a web proxy has many.
    fn server(&self) -> String {
        match self.access.settings.location {
            OriginLocation::WebProxy => web_proxy::server_of(self.request.path),
            _ => String::new(),
        }
    }

    async fn ask(&self, attempt: &mut Attempt<'_>) -> AttemptResult<Original> {
        match &self.access.settings.location {
            OriginLocation::WebFolder {
                base_url,
                forward_host_header_to_origin,
            } => web_folder::fetch(self, base_url, *forward_host_header_to_origin, attempt).await,
            OriginLocation::WebProxy => web_proxy::fetch(self, attempt).await,
            OriginLocation::S3 { .. }
            | OriginLocation::S3Compatible { .. }
            | OriginLocation::CloudinaryBackup { .. } => s3::fetch(self, attempt).await,
            OriginLocation::Gcs { .. } => google::fetch(self, attempt).await,
            OriginLocation::AzureBlob { .. } => azure::fetch(self, attempt).await,
            OriginLocation::AkeneoPim { .. } => akeneo::fetch(self, attempt).await,
        }
    }
}

impl Original {
    /// The same file, without its part of the memory for originals: for who keeps it within a bound of their own.
    #[must_use]
    pub fn without_loan(&self) -> Self {
        Self {
            loan: None,
            ..self.clone()
        }
    }

    /// An original with the header fields worth keeping; timings and retries are filled in at the end of the fetch.
    pub(crate) fn new(read: Read, headers: &HeaderMap, location: String, is_private: bool) -> Self {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        Self {
            bytes: read.bytes,
            loan: Some(Arc::new(read.loan)),
            content_type: text(header::CONTENT_TYPE),
            etag: text(header::ETAG),
            last_modified: text(header::LAST_MODIFIED),
            cache_control: text(header::CACHE_CONTROL).or_else(|| expires_as_max_age(headers)),
            age: text(header::AGE)
                .and_then(|age| age.trim().parse().ok())
                .map_or(Duration::ZERO, |age: u32| Duration::from_secs(age.into())),
            location,
            timings: PhaseTimings::default(),
            is_private,
            retries: 0,
        }
    }
}

/// `Expires`, where there is no `Cache-Control`, as what it means for an answer of this moment.
fn expires_as_max_age(headers: &HeaderMap) -> Option<String> {
    let date = |name| {
        let text = headers.get(name)?.to_str().ok()?;
        httpdate::parse_http_date(text).ok()
    };
    // Without a date of its own, and where the end cannot be read, it has ended. Source: RFC 9111 5.3.
    headers.get(header::EXPIRES)?;
    let left = date(header::EXPIRES)
        .zip(date(header::DATE))
        .and_then(|(until, now)| until.duration_since(now).ok());
    let seconds = left.map_or(0, |left| left.as_secs());
    Some(format!("max-age={seconds}"))
}

fn circuit_open(refused: Refused) -> Box<AttemptFailure> {
    let mut failed = failure(
        Reason::CircuitOpen,
        format!(
            "most fetches from this origin failed lately, the last with {}; it is asked again in {} ms",
            refused.because,
            refused.rest.as_millis()
        ),
    );
    failed.retry_after = Some(refused.rest);
    failed
}
