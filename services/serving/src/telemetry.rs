//! Spans of requests, and what crosses the wire of a trace.

use http::request::Parts;
use limpid_domain::ids::RequestId;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, global};
use opentelemetry_http::HeaderExtractor;
use tracing::{Span, field, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Template of every image request's path, for spans and metrics.
pub(crate) const IMAGE_ROUTE: &str = "/{imagekitId}/{*path}";

/// The field that says there is a trace already. Source: W3C Trace Context.
const TRACEPARENT: &str = "traceparent";

/// The root span of one request.
///
/// A `traceparent` from outside becomes its parent only where it is trusted; elsewhere it is a link, so that strangers
/// neither choose our trace ids nor what is sampled.
pub(crate) fn request_span(parts: &Parts, request_id: RequestId, trust_traceparent: bool) -> Span {
    let method = known_method(parts);
    let span = info_span!(
        "serving.request",
        otel.name = format!("{method} {IMAGE_ROUTE}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = IMAGE_ROUTE,
        url.scheme = "http",
        request_id = %request_id,
        limpid.tenant.id = field::Empty,
        limpid.endpoint.id = field::Empty,
        limpid.config.version = field::Empty,
        http.response.status_code = field::Empty,
        error.type = field::Empty,
        otel.status_code = field::Empty,
    );
    if !parts.headers.contains_key(TRACEPARENT) {
        return span;
    }
    let outside = global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &HeaderExtractor(&parts.headers))
    });
    let span_context = outside.span().span_context().clone();
    if span_context.is_valid() {
        if trust_traceparent {
            // Without an OpenTelemetry layer there is nothing to set, and nothing lost.
            drop(span.set_parent(outside));
        } else {
            span.add_link(span_context);
        }
    }
    span
}

/// The method as a bounded attribute.
pub(crate) fn known_method(parts: &Parts) -> &'static str {
    match parts.method {
        http::Method::GET => "GET",
        http::Method::HEAD => "HEAD",
        http::Method::OPTIONS => "OPTIONS",
        http::Method::POST => "POST",
        http::Method::PUT => "PUT",
        http::Method::DELETE => "DELETE",
        _ => "_OTHER",
    }
}

/// The trace of the current span, if it is exported.
pub(crate) fn sampled_trace_id() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let span_context = span.span_context();
    (span_context.is_valid() && span_context.is_sampled())
        .then(|| span_context.trace_id().to_string())
}
