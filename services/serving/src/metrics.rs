//! The instruments of this service, on the global meter. No tenant, origin or path ever becomes an attribute.

use std::sync::OnceLock;

use opentelemetry::global;
use opentelemetry::metrics::{Counter, Histogram, UpDownCounter};

/// Buckets of the HTTP semantic conventions. Units: seconds.
const DURATION_BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Every instrument of this service.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) request_duration: Histogram<f64>,
    pub(crate) active_requests: UpDownCounter<i64>,
    pub(crate) origin_fetch_duration: Histogram<f64>,
    pub(crate) origin_errors: Counter<u64>,
    pub(crate) origin_fallbacks: Counter<u64>,
    pub(crate) transform_duration: Histogram<f64>,
    pub(crate) transform_queue_depth: UpDownCounter<i64>,
    pub(crate) transform_in_flight: UpDownCounter<i64>,
    pub(crate) cache_requests: Counter<u64>,
    pub(crate) image_bytes: Histogram<u64>,
    pub(crate) failures_recorded: Counter<u64>,
    pub(crate) failures_folded: Counter<u64>,
    pub(crate) spool_append_duration: Histogram<f64>,
    pub(crate) spool_errors: Counter<u64>,
    pub(crate) refused_heads: Counter<u64>,
}

/// The instruments. The meter provider must be set before the first call; without one they do nothing.
pub(crate) fn get() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(Metrics::new)
}

impl Metrics {
    fn new() -> Self {
        let meter = global::meter("limpid.serving");
        let seconds = |name: &'static str, description: &'static str| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(description)
                .with_boundaries(DURATION_BUCKETS.to_vec())
                .build()
        };
        let counter = |name: &'static str, unit: &'static str, description: &'static str| {
            meter
                .u64_counter(name)
                .with_unit(unit)
                .with_description(description)
                .build()
        };
        let up_down = |name: &'static str, unit: &'static str, description: &'static str| {
            meter
                .i64_up_down_counter(name)
                .with_unit(unit)
                .with_description(description)
                .build()
        };
        Self {
            request_duration: seconds(
                "http.server.request.duration",
                "From the request's head to the answer's.",
            ),
            active_requests: up_down(
                "http.server.active_requests",
                "{request}",
                "Requests being answered.",
            ),
            origin_fetch_duration: seconds(
                "limpid.origin.fetch.duration",
                "One attempt at one origin, retries included.",
            ),
            origin_errors: counter(
                "limpid.origin.errors",
                "{error}",
                "Failed attempts at origins.",
            ),
            origin_fallbacks: counter(
                "limpid.origin.fallbacks",
                "{request}",
                "Requests served by an origin that is not the first.",
            ),
            transform_duration: seconds(
                "limpid.transform.duration",
                "Decoding, transforming and encoding one picture.",
            ),
            transform_queue_depth: up_down(
                "limpid.transform.queue.depth",
                "{job}",
                "Transformations waiting for a thread.",
            ),
            transform_in_flight: up_down(
                "limpid.transform.inflight",
                "{job}",
                "Transformations running.",
            ),
            cache_requests: counter("limpid.cache.requests", "{request}", "Look-ups in caches."),
            image_bytes: meter
                .u64_histogram("limpid.image.bytes")
                .with_unit("By")
                .with_description("Sizes of originals and results.")
                .build(),
            failures_recorded: counter(
                "limpid.failure.recorded",
                "{event}",
                "Failure events written to the spool.",
            ),
            failures_folded: counter(
                "limpid.failure.folded",
                "{request}",
                "Failed requests absorbed by another request's event.",
            ),
            spool_append_duration: seconds(
                "limpid.eventlog.append.duration",
                "Writing one frame of failure events to the spool.",
            ),
            spool_errors: counter(
                "limpid.failure.spool.errors",
                "{error}",
                "Frames that could not be written.",
            ),
            refused_heads: counter(
                "limpid.http.refused",
                "{request}",
                "Requests refused before they were read as image requests.",
            ),
        }
    }
}
