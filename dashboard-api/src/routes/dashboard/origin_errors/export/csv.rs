//! Events as CSV.

use super::super::event_answer::EventAnswer;
use crate::routes::dashboard::csv::push_line;

type Cell = fn(&EventAnswer) -> String;

/// The columns, named like the members of the JSON.
const COLUMNS: [(&str, Cell); 17] = [
    ("id", |event| event.id.to_string()),
    ("occurredAt", |event| event.occurred_at.to_rfc3339()),
    ("requestId", |event| event.request_id.to_string()),
    ("code", |event| event.code.to_owned()),
    ("reason", |event| event.reason.to_owned()),
    ("message", |event| event.message.clone()),
    ("outcome", |event| event.outcome.to_owned()),
    ("headline", |event| event.headline.to_string()),
    ("attempt", |event| event.attempt.to_string()),
    ("occurrences", |event| event.occurrences.to_string()),
    ("originId", |event| optional(event.origin_id)),
    ("originName", |event| optional(event.origin_name.as_ref())),
    ("urlEndpointId", |event| {
        optional(event.url_endpoint_id.as_ref())
    }),
    ("path", |event| event.path.clone()),
    ("upstreamStatus", |event| optional(event.upstream_status)),
    ("durationMs", |event| event.duration_ms.to_string()),
    ("configVersion", |event| event.config_version.to_string()),
];

pub(super) fn push_head(text: &mut String) {
    push_line(text, COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
}

pub(super) fn push_row(text: &mut String, event: &EventAnswer) {
    push_line(text, COLUMNS.iter().map(|(_, cell)| cell(event)));
}

fn optional(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
