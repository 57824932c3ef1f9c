//! What surrounds every request: id, span, metric, problem body and the headers of every answer.

mod tag;
mod telemetry;

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use limpid_domain::ids::RequestId;
use tracing::Instrument;

use crate::error::Problem;
use crate::throttle::noting;
use tag::with_tag;
use telemetry::ServerTelemetry;

/// The header ImageKit's API names the request in.
const IK_REQUEST_ID: HeaderName = HeaderName::from_static("x-ik-requestid");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// On every answer. Source: `reliability.md` 7; nothing of an API answer may be framed, sniffed, cached or run.
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Longest user agent that is recorded with a configuration event. Units: characters.
const MAX_SOURCE_CHARS: usize = 200;

/// Facts about the request that handlers pass on to commands.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// The request's id.
    pub(crate) request_id: RequestId,
    /// The client's user agent: what a configuration event was made with.
    pub(crate) source: Option<String>,
}

/// What the middleware itself needs.
#[derive(Debug, Clone)]
pub(crate) struct ExchangeState {
    help: Arc<str>,
    telemetry: Arc<ServerTelemetry>,
}

impl ExchangeState {
    /// `help` goes into every problem.
    pub(crate) fn new(help: &str) -> Self {
        Self {
            help: Arc::from(help),
            telemetry: Arc::new(ServerTelemetry::new()),
        }
    }
}

/// Middleware around every route and fallback.
pub(crate) async fn exchange(
    State(state): State<ExchangeState>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let request_id = RequestId::mint();
    let method = telemetry::known_method(request.method());
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|matched| matched.as_str().to_owned());
    let span = telemetry::server_span(&request, method, route.as_deref(), request_id);
    let source = source_of(request.headers());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let condition = request.headers().get(header::IF_NONE_MATCH);
    let condition = condition.filter(|_| reads).cloned();
    request
        .extensions_mut()
        .insert(Exchange { request_id, source });

    let answered = noting(next.run(request).instrument(span.clone()));
    let (mut response, allowance) = answered.await;
    if let Some(allowance) = allowance {
        allowance.write(response.headers_mut(), is_ours(&path));
    }

    let response = with_tag(response, reads).await;
    let response = unless_known(response, condition.as_ref());
    let response = with_problem_body(response, &path, request_id, &state.help);
    let response = with_common_headers(response, request_id);
    telemetry::record_status(&span, response.status());
    let route = route.as_deref();
    state
        .telemetry
        .record(method, route, response.status(), started.elapsed());
    response
}

/// Whether a path is one of ours and not of ImageKit's contract.
fn is_ours(path: &str) -> bool {
    path.starts_with("/dashboard/") || path.starts_with("/operator/")
}

/// The user agent, cut and without control characters.
fn source_of(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(
        text.chars()
            .filter(|c| !c.is_control())
            .take(MAX_SOURCE_CHARS)
            .collect(),
    )
}

/// 304 without a body in place of an answer that the reader has. Source: RFC 9110 13.1.2.
fn unless_known(response: Response, condition: Option<&HeaderValue>) -> Response {
    let tag = response.headers().get(header::ETAG);
    let known = tag.zip(condition).and_then(|(tag, condition)| {
        let (tag, condition) = (tag.to_str().ok()?, condition.to_str().ok()?);
        let mut known = condition.split(',').map(str::trim);
        let tag = tag.trim_start_matches("W/");
        Some(known.any(|known| known == "*" || known.trim_start_matches("W/") == tag))
    });
    if response.status() != StatusCode::OK || known != Some(true) {
        return response;
    }
    let (mut parts, _body) = response.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::empty())
}

/// Writes the problem a handler answered with: `application/json` on ImageKit's routes, whose SDKs expect it,
/// `application/problem+json` on ours.
fn with_problem_body(
    mut response: Response,
    path: &str,
    request_id: RequestId,
    help: &str,
) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let status = response.status();
    let body = Json(problem.body(request_id.to_string(), help.to_owned()));
    let mut answer = (status, body).into_response();
    if is_ours(path) {
        let media_type = HeaderValue::from_static("application/problem+json");
        answer
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type);
    }
    for (name, value) in response.headers() {
        if name != header::CONTENT_LENGTH && name != header::CONTENT_TYPE {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

fn with_common_headers(mut response: Response, request_id: RequestId) -> Response {
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::try_from(request_id.to_string()) {
        headers.insert(IK_REQUEST_ID, id.clone());
        headers.insert(REQUEST_ID, id);
    }
    response
}
