//! Log lines: one JSON object each with trace and request ids, or readable text on a terminal. Always on standard error.

use std::io::{self, IsTerminal};

use opentelemetry::trace::TraceContextExt;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{DynFilterFn, EnvFilter, LevelFilter};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Context, Layer};

use super::otlp::variable;
use crate::config::{LogFormat, Telemetry};
use crate::exit::{Failure, Kind};

/// Parts whose chatter is not ours to print, and must not be exported: the exporters use them, so their lines would
/// cause exports that cause lines.
const NOISY: [&str; 7] = [
    "hyper",
    "hyper_util",
    "reqwest",
    "opentelemetry",
    "opentelemetry_sdk",
    "opentelemetry_otlp",
    "h2",
];

/// Which lines are written: `RUST_LOG`, else the setting; dependencies that chatter only from warnings up.
///
/// Errors: a filter that doesn't parse.
pub(super) fn filter(
    config: &Telemetry,
    environment: &[(String, String)],
) -> Result<EnvFilter, Failure> {
    let wanted = variable(environment, "RUST_LOG").unwrap_or(&config.log_filter);
    let quiet: Vec<String> = NOISY.iter().map(|name| format!("{name}=warn")).collect();
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(format!("{},sqlx=warn,{wanted}", quiet.join(",")))
        .map_err(|error| Failure::caused(Kind::Configuration, "read the log filter", &error))
}

/// Asks a closure about every span and event.
pub(super) type OurFilter<S> =
    DynFilterFn<S, Box<dyn Fn(&Metadata<'_>, &Context<'_, S>) -> bool + Send + Sync>>;

/// Parts on the way of an image. Requests there carry their trace ids with them where nobody will see the spans.
const DELIVERY: [&str; 2] = ["limpid_serving", "limpid_origins"];

/// The spans that become part of a trace. Where none leaves this machine these are the few that give log lines their ids, and none on the
/// way of an image: gathering them cost a fifth of a request's processor time, for nobody to read.
pub(super) fn spans<S>(are_exported: bool) -> OurFilter<S> {
    let all = |metadata: &Metadata<'_>| is_told(metadata, Level::DEBUG);
    let few = |metadata: &Metadata<'_>| {
        is_told(metadata, Level::INFO) && !DELIVERY.contains(&root_of(metadata))
    };
    asked_anew(if are_exported { all } else { few })
}

/// Everything from information up, except what the exporters themselves use.
pub(super) fn without_exporters<S>() -> OurFilter<S> {
    asked_anew(|metadata| is_told(metadata, Level::INFO))
}

/// Spans of ours down to a level, everything else from information up, and nothing of the exporters' own.
fn is_told(metadata: &Metadata<'_>, ours: Level) -> bool {
    let root = root_of(metadata);
    let is_ours = metadata.is_span() && root.starts_with("limpid");
    let finest = if is_ours { ours } else { Level::INFO };
    *metadata.level() <= finest && !NOISY.contains(&root)
}

fn root_of<'a>(metadata: &Metadata<'a>) -> &'a str {
    let target = metadata.target();
    target.split_once("::").map_or(target, |(root, _)| root)
}

/// Asked anew for every span and event, although the answer is always the same. With answers that are remembered, 2 to 8 of 100
/// server spans were not exported; with this, none. The likely cause, read from the library and not proven: an event that all
/// layers decline leaves their verdict on the thread, and a span whose filters need not be asked again takes it for its own.
fn asked_anew<S>(is_wanted: fn(&Metadata<'_>) -> bool) -> OurFilter<S> {
    DynFilterFn::new(Box::new(move |metadata, _| is_wanted(metadata)))
}

/// The layer that writes lines to standard error.
pub(super) fn layer<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    let pretty = match format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => io::stderr().is_terminal(),
    };
    if pretty {
        return fmt::layer()
            .compact()
            .with_target(false)
            .with_writer(io::stderr)
            .boxed();
    }
    json_layer().boxed()
}

/// A panic becomes a log line like any other, with its thread and place, instead of free text on standard error.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("(no message)");
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let thread = std::thread::current();
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(
            panic.message = message,
            panic.place = place,
            panic.thread = thread.name().unwrap_or("?"),
            panic.backtrace = %backtrace,
            "a thread panicked; this is a defect"
        );
    }));
}

fn json_layer<S>() -> json_subscriber::JsonLayer<S, fn() -> io::Stderr>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    let mut layer = json_subscriber::JsonLayer::<S>::stderr();
    layer.with_timer("timestamp", fmt::time::ChronoUtc::rfc_3339());
    layer.with_level("level");
    layer.with_target("target");
    layer.with_flattened_event();
    // Fields of the surrounding spans, `request_id` and `tenant_id` among them, the innermost winning.
    layer.with_flattened_span_fields("span");
    layer.add_multiple_dynamic_fields(|_event, _context, line| {
        let context = opentelemetry::Context::current();
        let span = context.span();
        let ids = span.span_context();
        if ids.is_valid() {
            // A line without ids is better than none.
            let _unwritable = line.write_field("trace_id", ids.trace_id().to_string());
            let _unwritable = line.write_field("span_id", ids.span_id().to_string());
        }
    });
    layer
}
