//! Events as CSV (RFC 4180) that a spreadsheet opens without running anything.

use super::super::event_answer::EventAnswer;

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

fn push_line(text: &mut String, cells: impl Iterator<Item = String>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            text.push(',');
        }
        push_cell(text, &cell);
    }
    text.push_str("\r\n");
}

fn push_cell(text: &mut String, cell: &str) {
    // A spreadsheet takes these for the start of a formula; it takes an apostrophe for "this is text".
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let is_quoted = is_formula || cell.contains(['"', ',', '\r', '\n']);
    if !is_quoted {
        text.push_str(cell);
        return;
    }
    text.push('"');
    if is_formula {
        text.push('\'');
    }
    text.push_str(&cell.replace('"', "\"\""));
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_no_formula_is_left() {
        for (cell, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@sum", "\"'@sum\""),
            ("\tx", "\"'\tx\""),
            ("two\nlines", "\"two\nlines\""),
        ] {
            let mut text = String::new();
            push_cell(&mut text, cell);
            assert_eq!(text, expected);
        }
    }
}
