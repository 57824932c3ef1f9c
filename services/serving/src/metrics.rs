//! The instruments of this service, on the global meter. No tenant, origin or path ever becomes an attribute.

use std::sync::OnceLock;

use chrono::TimeDelta;
use limpid_domain::clock::Clock;
use limpid_event_store::drainer::DrainStatus;
use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};
use opentelemetry::{KeyValue, global};
use tokio::sync::watch;

/// Buckets of the HTTP semantic conventions. Units: seconds.
const DURATION_BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// From an icon to the largest original. Units: bytes.
const BYTE_BUCKETS: [f64; 9] = [1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6, 16e6, 64e6];

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
    pub(crate) error_answers: Counter<u64>,
    pub(crate) refused_rows: Counter<u64>,
}

/// The instruments. The meter provider must be set before the first call; without one they do nothing.
pub(crate) fn get() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(Metrics::new)
}

/// Tells how far the database is behind this node's spool, and how many late failures of erased tenants were dropped.
pub(crate) fn observe_drain(status: watch::Receiver<DrainStatus>, clock: Clock) {
    let meter = global::meter("limpid.serving");
    let behind = status.clone();
    let _lag = meter
        .f64_observable_gauge("limpid.projection.lag")
        .with_unit("s")
        .with_description(
            "Age of the oldest failure that the database does not have; 0 where it has all.",
        )
        .with_callback(move |observer| {
            let oldest = behind.borrow().oldest_unacked;
            let age = oldest.map_or(TimeDelta::zero(), |at| clock.now() - at);
            observer.observe(age.as_seconds_f64().max(0.0), &[]);
        })
        .build();
    // The meter keeps the instrument alive.
    let _dropped = meter
        .u64_observable_counter("limpid.failures.dropped_erased")
        .with_unit("{event}")
        .with_description("Late failures of erased tenants, dropped before they were stored.")
        .with_callback(move |observer| observer.observe(status.borrow().erased_events, &[]))
        .build();
}

impl Metrics {
    #[expect(clippy::too_many_lines, reason = "one instrument after the other")]
    fn new() -> Self {
        let meter = global::meter("limpid.serving");
        let make = Instruments { meter };
        Self {
            request_duration: make.seconds(
                "http.server.request.duration",
                "From the request's head to the answer's.",
            ),
            active_requests: make.level(
                "http.server.active_requests",
                "{request}",
                "Requests being answered.",
            ),
            origin_fetch_duration: make.seconds(
                "limpid.origin.fetch.duration",
                "One attempt at one origin, retries included.",
            ),
            origin_errors: make.count(
                "limpid.origin.errors",
                "{error}",
                "Failed attempts at origins.",
            ),
            origin_fallbacks: make.count(
                "limpid.origin.fallbacks",
                "{request}",
                "Requests served by an origin that is not the first.",
            ),
            transform_duration: make.seconds(
                "limpid.transform.duration",
                "Decoding, transforming and encoding one picture.",
            ),
            transform_queue_depth: make.level(
                "limpid.transform.queue.depth",
                "{job}",
                "Transformations waiting for a thread.",
            ),
            transform_in_flight: make.level(
                "limpid.transform.inflight",
                "{job}",
                "Transformations running.",
            ),
            cache_requests: make.count("limpid.cache.requests", "{request}", "Look-ups in caches."),
            image_bytes: make.bytes("limpid.image.bytes", "Sizes of originals and results."),
            failures_recorded: make.count(
                "limpid.failure.recorded",
                "{event}",
                "Failure events written to the spool.",
            ),
            failures_folded: make.count(
                "limpid.failure.folded",
                "{request}",
                "Failed requests absorbed by another request's event.",
            ),
            spool_append_duration: make.seconds(
                "limpid.eventlog.append.duration",
                "Writing one frame of failure events to the spool.",
            ),
            spool_errors: make.count(
                "limpid.failure.spool.errors",
                "{error}",
                "Frames that could not be written.",
            ),
            refused_heads: make.count(
                "limpid.http.refused",
                "{request}",
                "Requests refused before they were read as image requests.",
            ),
            error_answers: make.count(
                "limpid.error.answers",
                "{answer}",
                "Answers that are no image, by code, refused requests included.",
            ),
            refused_rows: make.count(
                "limpid.refused.rows",
                "{row}",
                "Rows of usage and of observations that the database refused and that were dropped.",
            ),
        }
    }
}

/// Counts rows that were dropped, by what they are of.
pub(crate) fn count_refused_rows(of: &'static str, rows: u64) {
    let of = [KeyValue::new("limpid.rows.of", of)];
    get().refused_rows.add(rows, &of);
}

/// Makes instruments.
struct Instruments {
    meter: Meter,
}

impl Instruments {
    fn seconds(&self, name: &'static str, description: &'static str) -> Histogram<f64> {
        let histogram = self.meter.f64_histogram(name).with_unit("s");
        histogram
            .with_description(description)
            .with_boundaries(DURATION_BUCKETS.to_vec())
            .build()
    }

    fn bytes(&self, name: &'static str, description: &'static str) -> Histogram<u64> {
        let histogram = self.meter.u64_histogram(name).with_unit("By");
        histogram
            .with_description(description)
            .with_boundaries(BYTE_BUCKETS.to_vec())
            .build()
    }

    fn count(
        &self,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
    ) -> Counter<u64> {
        let counter = self.meter.u64_counter(name).with_unit(unit);
        counter.with_description(description).build()
    }

    fn level(
        &self,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
    ) -> UpDownCounter<i64> {
        let counter = self.meter.i64_up_down_counter(name).with_unit(unit);
        counter.with_description(description).build()
    }
}
