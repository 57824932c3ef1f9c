//! What production tells about itself: spans, metrics, and the steps of an explanation.

use std::time::{Duration, Instant};

use limpid_domain::failure::{AttemptFailure, FailureCode, Reason};
use opentelemetry::KeyValue;
use tracing::Span;

use crate::config_snapshot::Origin;
use crate::metrics;
use crate::picture::Picture;
use crate::steps::Steps;

pub(super) fn note_stages(span: &Span, picture: &Picture) {
    if let Some((timings, _, _)) = picture.transformed {
        span.record("limpid.decode.us", micros(timings.decode));
        span.record("limpid.steps.us", micros(timings.steps));
        span.record("limpid.encode.us", micros(timings.encode));
    }
}

pub(super) fn note_picture(picture: &Picture, started: Instant, steps: &mut Steps) {
    let variant = &picture.variant;
    let bytes = variant.body.len();
    let format = variant.extension.unwrap_or("other");
    let metrics = metrics::get();
    metrics.image_bytes.record(
        bytes as u64,
        &[
            KeyValue::new("direction", "out"),
            KeyValue::new("format", format),
        ],
    );
    let Some((timings, width, height)) = picture.transformed else {
        steps.done("picture", started, || {
            format!("passed through: {bytes} bytes of {}", variant.content_type)
        });
        return;
    };
    metrics.transform_duration.record(
        started.elapsed().as_secs_f64(),
        &[KeyValue::new("format", format)],
    );
    steps.done("picture", started, || {
        format!(
            "{width}x{height} px {} of {bytes} bytes (plan {:?}, decode {:?}, steps {:?}, encode {:?})",
            variant.content_type, timings.plan, timings.decode, timings.steps, timings.encode
        )
    });
}

pub(crate) fn describe(origin: &Origin, failure: &AttemptFailure) -> String {
    let mut text = format!(
        "\"{}\" ({}): {} - {}",
        origin.settings.name,
        origin.settings.location.kind().as_str(),
        failure.reason.code(),
        failure.reason
    );
    let parts = [
        failure
            .upstream_status
            .map(|status| format!("status {status}")),
        failure.provider_code.clone(),
        failure
            .location
            .as_ref()
            .map(|location| format!("at {location}")),
        failure.note.clone(),
    ];
    for part in parts.into_iter().flatten() {
        text.push_str(", ");
        text.push_str(&part);
    }
    text
}

pub(super) fn record_fetch_duration(
    kind: &'static str,
    took: Duration,
    error: Option<FailureCode>,
) {
    let mut attributes = vec![KeyValue::new("limpid.origin.type", kind)];
    attributes.extend(error.map(|code| KeyValue::new("error.type", code.as_str())));
    metrics::get()
        .origin_fetch_duration
        .record(took.as_secs_f64(), &attributes);
}

pub(super) fn count_failure(origin: &Origin, reason: Reason) {
    metrics::get().origin_errors.add(
        1,
        &[
            KeyValue::new("error.type", reason.code().as_str()),
            KeyValue::new(
                "limpid.origin.type",
                origin.settings.location.kind().as_str(),
            ),
        ],
    );
}

pub(super) fn count_fallback(index: usize) {
    if index > 0 {
        let position = i64::try_from(index + 1).unwrap_or(i64::MAX);
        metrics::get()
            .origin_fallbacks
            .add(1, &[KeyValue::new("limpid.origin.position", position)]);
    }
}

pub(super) fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}
