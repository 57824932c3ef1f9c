//! OTLP exporters, one per signal, wanted only when the standard variables name a collector.
//!
//! The exporters read every other `OTEL_EXPORTER_OTLP_*` variable (headers, time-outs, compression) themselves.

use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig,
};

/// The one protocol this program speaks, and the specification's default. Said explicitly: the library's own default
/// depends on which of its features any crate of the build has switched on.
const PROTOCOL: Protocol = Protocol::HttpBinary;

/// A protocol was asked for that this program does not speak.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}={value} is not supported; use http/protobuf")]
pub(super) struct UnsupportedProtocol {
    variable: &'static str,
    value: String,
}

/// Refuses other protocols, rather than sending what the collector would not understand.
pub(super) fn check_protocol(environment: &[(String, String)]) -> Result<(), UnsupportedProtocol> {
    let variables = [
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
        "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
    ];
    for name in variables {
        match variable(environment, name) {
            None | Some("http/protobuf") => {}
            Some(value) => {
                return Err(UnsupportedProtocol {
                    variable: name,
                    value: value.to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// Which signals are to be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    traces: bool,
    metrics: bool,
    logs: bool,
}

impl Wanted {
    /// Whether spans are exported.
    pub(super) fn traces(self) -> bool {
        self.traces
    }

    /// Decides by `OTEL_SDK_DISABLED`, `OTEL_{TRACES,METRICS,LOGS}_EXPORTER` and `OTEL_EXPORTER_OTLP_[…_]ENDPOINT`.
    ///
    /// Unlike the specification's default, no variable means no export: nothing leaves this machine unasked.
    pub(super) fn from_environment(environment: &[(String, String)]) -> Self {
        let disabled = variable(environment, "OTEL_SDK_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let wanted = |signal: &str| {
            let exporter = variable(environment, &format!("OTEL_{signal}_EXPORTER"));
            let endpoint = format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT");
            !disabled
                && exporter != Some("none")
                && (exporter == Some("otlp")
                    || variable(environment, &endpoint).is_some()
                    || variable(environment, "OTEL_EXPORTER_OTLP_ENDPOINT").is_some())
        };
        Self {
            traces: wanted("TRACES"),
            metrics: wanted("METRICS"),
            logs: wanted("LOGS"),
        }
    }
}

/// A variable that is set and not empty; the specification treats empty as unset.
pub(super) fn variable<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    environment
        .iter()
        .find(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value.as_str())
}

/// The exporter of spans, if wanted.
pub(super) fn span_exporter(wanted: Wanted) -> Result<Option<SpanExporter>, ExporterBuildError> {
    wanted
        .traces
        .then(|| {
            SpanExporter::builder()
                .with_http()
                .with_protocol(PROTOCOL)
                .build()
        })
        .transpose()
}

/// The exporter of metrics, if wanted.
pub(super) fn metric_exporter(
    wanted: Wanted,
) -> Result<Option<MetricExporter>, ExporterBuildError> {
    wanted
        .metrics
        .then(|| {
            MetricExporter::builder()
                .with_http()
                .with_protocol(PROTOCOL)
                .build()
        })
        .transpose()
}

/// The exporter of log lines, if wanted.
pub(super) fn log_exporter(wanted: Wanted) -> Result<Option<LogExporter>, ExporterBuildError> {
    wanted
        .logs
        .then(|| {
            LogExporter::builder()
                .with_http()
                .with_protocol(PROTOCOL)
                .build()
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(pairs: &[(&str, &str)]) -> [bool; 3] {
        let environment: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let wanted = Wanted::from_environment(&environment);
        [wanted.traces, wanted.metrics, wanted.logs]
    }

    #[test]
    fn nothing_is_exported_unless_a_variable_asks_for_it() {
        assert_eq!(wanted(&[]), [false; 3]);
        assert_eq!(wanted(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), [false; 3]);
        assert_eq!(
            wanted(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")]),
            [true; 3]
        );
        let traces_only = [(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://c:4318/v1/traces",
        )];
        assert_eq!(wanted(&traces_only), [true, false, false]);
        assert_eq!(
            wanted(&[("OTEL_METRICS_EXPORTER", "otlp")]),
            [false, true, false]
        );
    }

    #[test]
    fn another_protocol_is_refused_by_name() {
        let environment = [("OTEL_EXPORTER_OTLP_PROTOCOL".to_owned(), "grpc".to_owned())];
        assert_eq!(
            check_protocol(&environment).map_err(|error| error.to_string()),
            Err("OTEL_EXPORTER_OTLP_PROTOCOL=grpc is not supported; use http/protobuf".to_owned())
        );
        assert_eq!(check_protocol(&[]), Ok(()));
    }

    #[test]
    fn a_signal_or_the_whole_sdk_can_be_switched_off() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
        assert_eq!(
            wanted(&[endpoint, ("OTEL_LOGS_EXPORTER", "none")]),
            [true, true, false]
        );
        assert_eq!(
            wanted(&[endpoint, ("OTEL_SDK_DISABLED", "true")]),
            [false; 3]
        );
    }
}
