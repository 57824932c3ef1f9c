//! Telemetry: logs on standard error, traces, metrics and logs by OTLP when the standard `OTEL_*` variables ask for it,
//! and a registry that [`metrics_listener`] serves to Prometheus.
//!
//! Set up before the runtime starts and finished after it ends: the OTLP exporters use a blocking HTTP client on threads
//! of their own, which panics inside a runtime (and its asynchronous twin panics outside one).

pub(crate) mod logs;
pub(crate) mod metrics_listener;
mod otlp;

use opentelemetry::global;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, InstrumentKind, SdkMeterProvider, Stream,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config;
use crate::exit::{Failure, Kind};

/// Share of requests traced unless `OTEL_TRACES_SAMPLER` says otherwise. Failures need no luck: each one is an event.
const DEFAULT_SAMPLED_SHARE: f64 = 0.01;

/// Bounds of every histogram of seconds.
///
/// Source: OpenTelemetry semantic conventions, `http.server.request.duration`.
const SECONDS_BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The running exporters; [`Telemetry::finish`] sends what is left.
#[derive(Debug)]
pub(crate) struct Telemetry {
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
    loggers: Option<SdkLoggerProvider>,
    registry: prometheus::Registry,
}

impl Telemetry {
    /// Installs the global subscriber, tracer, meter and propagator. Call it once, outside any runtime.
    ///
    /// Errors: a log filter or an `OTEL_*` variable that can't be used.
    pub(crate) fn start(
        config: &config::Telemetry,
        environment: &[(String, String)],
    ) -> Result<Self, Failure> {
        let invalid = |error: &(dyn std::error::Error + 'static)| {
            Failure::caused(Kind::Configuration, "set up telemetry", error)
        };
        otlp::check_protocol(environment).map_err(|error| invalid(&error))?;
        let export = otlp::Wanted::from_environment(environment);
        let resource = Resource::builder()
            .with_attribute(opentelemetry::KeyValue::new(
                opentelemetry_semantic_conventions::attribute::SERVICE_VERSION,
                env!("CARGO_PKG_VERSION"),
            ))
            .with_service_name(service_name(environment))
            .build();

        let tracers = tracers(&resource, export, environment).map_err(|e| invalid(&e))?;
        let loggers = otlp::log_exporter(export)
            .map_err(|e| invalid(&e))?
            .map(|exporter| {
                SdkLoggerProvider::builder()
                    .with_resource(resource.clone())
                    .with_batch_exporter(exporter)
                    .build()
            });
        let registry = prometheus::Registry::new();
        let meters = meters(resource, export, registry.clone())?;

        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_tracer_provider(tracers.clone());
        global::set_meter_provider(meters.clone());

        let filter = logs::filter(config, environment)?;
        let traced = tracing_opentelemetry::layer()
            .with_tracer(tracers.tracer("limpid"))
            .with_filter(logs::spans(export.traces()));
        let exported_filter = logs::filter(config, environment)?;
        let exported_logs = loggers.as_ref().map(|loggers| {
            OpenTelemetryTracingBridge::new(loggers)
                .with_filter(logs::without_exporters().and(exported_filter))
        });
        tracing_subscriber::registry()
            .with(traced)
            .with(exported_logs)
            .with(logs::layer(config.log_format).with_filter(filter))
            .try_init()
            .map_err(|error| invalid(&error))?;
        logs::log_panics();
        Ok(Self {
            tracers,
            meters,
            loggers,
            registry,
        })
    }

    /// What the metrics listener shows.
    pub(crate) fn registry(&self) -> prometheus::Registry {
        self.registry.clone()
    }

    /// Sends what is buffered and stops the exporters. Call it outside any runtime; each exporter gives up by itself
    /// after `OTEL_EXPORTER_OTLP_TIMEOUT`.
    pub(crate) fn finish(self) {
        complain("traces", self.tracers.force_flush());
        complain("traces", self.tracers.shutdown());
        complain("metrics", self.meters.force_flush());
        complain("metrics", self.meters.shutdown());
        if let Some(loggers) = self.loggers {
            complain("logs", loggers.force_flush());
            complain("logs", loggers.shutdown());
        }
    }
}

/// A collector that is down must not change how a command ends; it is worth a line, though.
fn complain(signal: &str, result: OTelSdkResult) {
    if let Err(error) = result {
        tracing::debug!(signal, %error, "could not send the rest of the telemetry");
    }
}

fn service_name(environment: &[(String, String)]) -> String {
    otlp::variable(environment, "OTEL_SERVICE_NAME")
        .unwrap_or("limpid")
        .to_owned()
}

fn tracers(
    resource: &Resource,
    export: otlp::Wanted,
    environment: &[(String, String)],
) -> Result<SdkTracerProvider, opentelemetry_otlp::ExporterBuildError> {
    let mut builder = SdkTracerProvider::builder().with_resource(resource.clone());
    let exporter = otlp::span_exporter(export)?;
    if exporter.is_none() {
        // Nothing is recorded, yet every request has a trace id for its log lines and its origin's.
        builder = builder.with_sampler(Sampler::AlwaysOff);
    } else if otlp::variable(environment, "OTEL_TRACES_SAMPLER").is_none() {
        let share = Sampler::TraceIdRatioBased(DEFAULT_SAMPLED_SHARE);
        builder = builder.with_sampler(Sampler::ParentBased(Box::new(share)));
    }
    Ok(match exporter {
        Some(exporter) => builder.with_batch_exporter(exporter).build(),
        None => builder.build(),
    })
}

fn meters(
    resource: Resource,
    export: otlp::Wanted,
    registry: prometheus::Registry,
) -> Result<SdkMeterProvider, Failure> {
    let pull = opentelemetry_prometheus::exporter()
        .with_registry(registry)
        .build()
        .map_err(|error| Failure::caused(Kind::Failed, "set up metrics", &error))?;
    let mut builder = SdkMeterProvider::builder()
        .with_resource(resource)
        .with_reader(pull)
        .with_view(seconds_view);
    let push = otlp::metric_exporter(export)
        .map_err(|error| Failure::caused(Kind::Configuration, "set up metrics", &error))?;
    if let Some(exporter) = push {
        builder = builder.with_periodic_exporter(exporter);
    }
    Ok(builder.build())
}

/// Gives histograms of seconds the bounds of the semantic conventions; the default ones are for milliseconds.
fn seconds_view(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::Histogram || instrument.unit() != "s" {
        return None;
    }
    let aggregation = Aggregation::ExplicitBucketHistogram {
        boundaries: SECONDS_BOUNDS.to_vec(),
        record_min_max: false,
    };
    Stream::builder().with_aggregation(aggregation).build().ok()
}
