//! Spans of requests, their trace ids, and what crosses the wire of a trace.

use http::request::Parts;
use limpid_domain::ids::RequestId;
use opentelemetry::trace::{
    FutureExt as _, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, global};
use opentelemetry_http::HeaderExtractor;
use tracing::{Instrument as _, Span, field, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Template of every image request's path, for spans and metrics.
pub(crate) const IMAGE_ROUTE: &str = "/{imagekitId}/{*path}";

/// The field that says there is a trace already. Source: W3C Trace Context.
const TRACEPARENT: &str = "traceparent";

/// The root span of one request.
pub(crate) fn request_span(parts: &Parts, request_id: RequestId) -> Span {
    let method = known_method(parts);
    info_span!(
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
    )
}

/// The trace that the request is a part of: its span's, or where spans are not traced, since nobody would see them, one with the request's
/// own id. It gives log lines and origins their ids.
///
/// A `traceparent` from outside becomes its parent only where it is trusted; elsewhere it is a link, so that strangers
/// neither choose our trace ids nor what is sampled.
pub(crate) fn request_context(
    parts: &Parts,
    (span, request_id): (&Span, RequestId),
    trust_traceparent: bool,
) -> Context {
    let outside = outside_of(parts);
    if let Some(outside) = &outside {
        if trust_traceparent {
            // Where the span is not traced there is nothing to set; the ids are taken below.
            drop(span.set_parent(outside.clone()));
        } else {
            span.add_link(outside.span().span_context().clone());
        }
    }
    let context = span.context();
    if context.span().span_context().is_valid() {
        return context;
    }
    let trusted = outside.filter(|_| trust_traceparent);
    let id = request_id.0.as_bytes();
    let trace = match &trusted {
        Some(outside) => outside.span().span_context().trace_id(),
        None => TraceId::from_bytes(*id),
    };
    // the half of the id that says no time
    let span = id.last_chunk().copied().unwrap_or_default();
    let state = TraceState::NONE;
    Context::new().with_remote_span_context(SpanContext::new(
        trace,
        SpanId::from_bytes(span),
        TraceFlags::NOT_SAMPLED,
        false,
        state,
    ))
}

/// The valid `traceparent` of a request.
fn outside_of(parts: &Parts) -> Option<Context> {
    if !parts.headers.contains_key(TRACEPARENT) {
        return None;
    }
    let outside = global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &HeaderExtractor(&parts.headers))
    });
    let is_valid = outside.span().span_context().is_valid();
    is_valid.then_some(outside)
}

/// Work that goes on as a task of its own, in the span and the trace of whoever starts it.
pub(crate) fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    work.with_current_context().in_current_span()
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
    let context = Context::current();
    let span = context.span();
    let span_context = span.span_context();
    (span_context.is_valid() && span_context.is_sampled())
        .then(|| span_context.trace_id().to_string())
}
