//! One HTTP request: framing, health checks, methods; everything else is an image request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, Method, Request};
use http_body::Body as _;
use limpid_domain::diagnosis;
use limpid_domain::ids::RequestId;
use opentelemetry::KeyValue;
use opentelemetry::trace::FutureExt as _;
use tracing::{Instrument, Level, Span};

use crate::delivery::{Answer, Delivery};
use crate::diagnosis::Diagnosis;
use crate::error;
use crate::failure_recorder::redact::redact_target;
use crate::health::Health;
use crate::image_request::{BadRequest, ImageRequest, check_framing};
use crate::metrics;
use crate::response::{self, HttpResponse};
use crate::telemetry;
use crate::usage::{Answered, UsageCounter};

/// Target of the lines of the access log, part of the contract: operators filter by it.
const ACCESS_LOG: &str = "limpid::access";
/// Longest URL in the access log. Units: bytes.
const MAX_LOGGED_URL_BYTES: usize = 2048;

/// Whom a request has passed through already. Source: RFC 8586.
const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// What the listener hands requests to.
#[derive(Debug, Clone)]
pub(crate) struct HttpService {
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) diagnosis: Arc<Diagnosis>,
    pub(crate) health: Arc<Health>,
    pub(crate) usage: Arc<UsageCounter>,
    pub(crate) trust_traceparent: bool,
    /// What requests of ours to origins carry.
    pub(crate) loop_token: String,
}

impl HttpService {
    /// Answers one request. Its body is read only where one of us asks for a diagnosis: no delivery request has one.
    pub(crate) async fn answer<B>(&self, request: Request<B>) -> HttpResponse
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        if parts.method == Method::POST
            && parts.uri.path() == diagnosis::PATH
            && let Some(answer) = self.diagnosis.answer(body).await
        {
            return response::sealed(answer);
        }
        match parts.uri.path() {
            "/livez" => return Health::live(),
            "/readyz" => return self.health.ready(),
            _ => {}
        }
        let request_id = RequestId::mint();
        let span = telemetry::request_span(&parts, request_id);
        let context =
            telemetry::request_context(&parts, (&span, request_id), self.trust_traceparent);
        let started = Instant::now();
        metrics::get().active_requests.add(1, &[]);
        let answer = self
            .answer_in_span(&parts, request_id)
            .with_context(context)
            .instrument(span.clone())
            .await;
        metrics::get().active_requests.add(-1, &[]);
        note_answer(&span, &parts, &answer, started);
        self.count_usage(&parts, &answer);
        if parts.method == Method::HEAD {
            return response::without_body(answer.response);
        }
        answer.response
    }

    /// Every answer to a request that some tenant's URL was asked with.
    fn count_usage(&self, parts: &Parts, answer: &Answer) {
        let Some(delivered) = &answer.delivered else {
            return;
        };
        let body_bytes = answer.response.body().size_hint().exact();
        let answered = Answered {
            at: self.delivery.clock.now(),
            status: answer.response.status().as_u16(),
            bytes: match parts.method {
                Method::HEAD => 0,
                _ => body_bytes.unwrap_or(0),
            },
            format: answer.format,
        };
        self.usage.count(answered, delivered);
    }

    /// Whether one of us sent it to an origin and it came back.
    fn is_ours(&self, parts: &Parts) -> bool {
        let passed = parts.headers.get_all(CDN_LOOP).iter();
        passed
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|token| token.trim() == self.loop_token)
    }

    async fn answer_in_span(&self, parts: &Parts, request_id: RequestId) -> Answer {
        if let Err(error) = check_framing(parts) {
            return bad_request(error, request_id);
        }
        if parts.method == Method::OPTIONS {
            return Answer::text(response::options(request_id), None);
        }
        if parts.method != Method::GET && parts.method != Method::HEAD {
            let answer = error::method_not_allowed(request_id);
            return Answer::text(response::error(&answer), Some(answer.code));
        }
        if self.is_ours(parts) {
            let answer = error::loop_detected(request_id);
            return Answer::text(response::error(&answer), Some(answer.code));
        }
        match ImageRequest::parse(request_id, parts) {
            Ok(request) => self.delivery.answer(request).await,
            Err(error) => bad_request(error, request_id),
        }
    }
}

/// After a request that two parties may read differently the connection cannot be trusted any more.
fn bad_request(error: BadRequest, request_id: RequestId) -> Answer {
    metrics::get().refused_heads.add(1, &[]);
    let answer = error::bad_request(error, request_id);
    let response = response::closing(response::error(&answer));
    Answer::text(response, Some(answer.code))
}

fn note_answer(span: &Span, parts: &Parts, answer: &Answer, started: Instant) {
    let status = answer.response.status().as_u16();
    span.record("http.response.status_code", status);
    let mut attributes = vec![
        KeyValue::new("http.request.method", telemetry::known_method(parts)),
        KeyValue::new("http.response.status_code", i64::from(status)),
        KeyValue::new("http.route", telemetry::IMAGE_ROUTE),
        KeyValue::new("url.scheme", "http"),
    ];
    if let Some(code) = answer.error_code {
        span.record("error.type", code);
        attributes.push(KeyValue::new("error.type", code));
    }
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
    let took = started.elapsed();
    let metrics = metrics::get();
    metrics
        .request_duration
        .record(took.as_secs_f64(), &attributes);
    if let Some(code) = answer.error_code {
        let by_code = [KeyValue::new("error.type", code)];
        metrics.error_answers.add(1, &by_code);
    }
    if tracing::enabled!(target: ACCESS_LOG, Level::DEBUG) {
        span.in_scope(|| log_access(parts, answer, took));
    }
}

/// One line for each answer, for those who ask for it: at level debug with a target of its own. The only place where a refused
/// request leaves a trace of its own, because it is no event.
fn log_access(parts: &Parts, answer: &Answer, took: Duration) {
    let target = parts
        .uri
        .path_and_query()
        .map_or("", |target| target.as_str());
    let host = parts.headers.get(http::header::HOST);
    let said = answer.response.headers().get("ik-error");
    tracing::debug!(
        target: ACCESS_LOG,
        method = telemetry::known_method(parts),
        host = host.and_then(|value| value.to_str().ok()),
        url = redact_target(target, MAX_LOGGED_URL_BYTES),
        status = answer.response.status().as_u16(),
        code = answer.error_code,
        error = said.and_then(|value| value.to_str().ok()),
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
}
