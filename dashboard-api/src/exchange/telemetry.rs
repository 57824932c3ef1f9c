//! Span and metric of a request, named by OpenTelemetry's HTTP conventions.
//!
//! Source: OpenTelemetry semantic conventions, HTTP spans and HTTP metrics (stable). No tenant, no path and no key is a
//! label: a label's values are a closed set.

use std::time::Duration;

use axum::extract::Request;
use http::{HeaderMap, Method, StatusCode};
use limpid_domain::ids::RequestId;
use opentelemetry::metrics::Histogram;
use opentelemetry::propagation::Extractor;
use opentelemetry::{KeyValue, global};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Bucket boundaries the conventions recommend for request durations. Units: s.
const DURATION_BOUNDARIES: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The server's metrics.
#[derive(Debug)]
pub(super) struct ServerTelemetry {
    request_duration: Histogram<f64>,
}

impl ServerTelemetry {
    /// Instruments of the global meter; the executable decides where they are exported to.
    pub(super) fn new() -> Self {
        let request_duration = global::meter("limpid.dashboard")
            .f64_histogram("http.server.request.duration")
            .with_unit("s")
            .with_description("Duration of HTTP server requests.")
            .with_boundaries(DURATION_BOUNDARIES.to_vec())
            .build();
        Self { request_duration }
    }

    /// Counts one finished request.
    pub(super) fn record(
        &self,
        method: &'static str,
        route: Option<&str>,
        status: StatusCode,
        took: Duration,
    ) {
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("url.scheme", "http"),
            KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
        ];
        if let Some(route) = route {
            attributes.push(KeyValue::new("http.route", route.to_owned()));
        }
        if status.is_server_error() {
            attributes.push(KeyValue::new("error.type", status.as_u16().to_string()));
        }
        self.request_duration
            .record(took.as_secs_f64(), &attributes);
    }
}

/// The method as a label: one of the known ones, or `_OTHER`.
pub(super) fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "CONNECT" => "CONNECT",
        "TRACE" => "TRACE",
        _ => "_OTHER",
    }
}

/// The request's span, continuing the caller's trace if it sent one. The query stays out: it may hold what is searched for.
pub(super) fn server_span(
    request: &Request,
    method: &'static str,
    route: Option<&str>,
    request_id: RequestId,
) -> Span {
    let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    let span = tracing::info_span!(
        "dashboard.request.answer",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        url.path = request.uri().path(),
        request_id = %request_id,
        tenant = field::Empty,
    );
    let parent = global::get_text_map_propagator(|propagator| {
        propagator.extract(&HeaderFields(request.headers()))
    });
    if span.set_parent(parent).is_err() {
        tracing::trace!("no trace exporter is set up; the caller's trace is not continued");
    }
    span
}

/// Fills in what is known only afterwards.
pub(super) fn record_status(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

struct HeaderFields<'a>(&'a HeaderMap);

impl Extractor for HeaderFields<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
