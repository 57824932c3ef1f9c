//! Texts as PostgreSQL takes them. The recorder escapes and caps already; this is the last line: an event is stored in a
//! readable form whatever its texts hold, never dropped for them.

use limpid_domain::failure::FailureDetail;
use serde_json::Value;

/// Longest path that is stored. Source: longer than any browser or CDN accepts as a URL.
const MAX_PATH_BYTES: usize = 8 << 10;
/// Longest document. Above it what is long is left out and said so.
const MAX_DETAIL_BYTES: usize = 64 << 10;
/// Longest single text of a document that was too long.
const MAX_FIELD_BYTES: usize = 2 << 10;

/// A path without NUL, which `text` refuses, and of bounded length.
pub(super) fn path_text(path: &str) -> String {
    if !path.contains('\0') && path.len() <= MAX_PATH_BYTES {
        return path.to_owned();
    }
    let mut text = path.replace('\0', "%00");
    if text.len() > MAX_PATH_BYTES {
        text.truncate(text.floor_char_boundary(MAX_PATH_BYTES));
        text.push('…');
    }
    text
}

/// The document as JSON that `jsonb` takes. Where something had to be changed it says `"altered": true`.
pub(super) fn detail_text(detail: &FailureDetail) -> String {
    let text = serde_json::to_string(detail).unwrap_or_else(|_| "{}".to_owned());
    // A NUL is written as \u0000, which jsonb refuses; the rare false alarm (a literal backslash before it) costs a walk.
    if text.len() <= MAX_DETAIL_BYTES && !text.contains("\\u0000") {
        return text;
    }
    let mut document = serde_json::from_str(&text).unwrap_or(Value::Null);
    alter(&mut document, text.len() > MAX_DETAIL_BYTES);
    if let Value::Object(fields) = &mut document {
        fields.insert("altered".to_owned(), Value::Bool(true));
        if text.len() > MAX_DETAIL_BYTES {
            fields.insert("responseHeaders".to_owned(), Value::Array(Vec::new()));
        }
    }
    document.to_string()
}

fn alter(value: &mut Value, shorten: bool) {
    match value {
        Value::String(text) => {
            if text.contains('\0') {
                *text = text.replace('\0', "\\0");
            }
            if shorten && text.len() > MAX_FIELD_BYTES {
                text.truncate(text.floor_char_boundary(MAX_FIELD_BYTES));
                text.push('…');
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| alter(item, shorten)),
        Value::Object(fields) => fields.values_mut().for_each(|field| alter(field, shorten)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use limpid_domain::failure::{DetailLevel, PhaseTimings};

    use super::*;

    fn detail(note: &str) -> FailureDetail {
        FailureDetail {
            detail_level: DetailLevel::Reason,
            method: "GET".to_owned(),
            url: "/demo/a.jpg".to_owned(),
            transformation: None,
            location: None,
            provider_code: None,
            provider_request_id: None,
            timings: PhaseTimings::default(),
            response_headers: Vec::new(),
            body_excerpt: None,
            looks_like: None,
            limit: None,
            layer_input: None,
            note: Some(note.to_owned()),
            retries: 0,
            referrer: None,
            user_agent: None,
            trace_id: None,
        }
    }

    fn note_of(text: &str) -> (String, bool) {
        let value: Value = serde_json::from_str(text).unwrap();
        let note = value["note"].as_str().unwrap().to_owned();
        (note, value["altered"] == Value::Bool(true))
    }

    #[test]
    fn ordinary_texts_pass_unchanged() {
        assert_eq!(path_text("a/b c/ü.jpg"), "a/b c/ü.jpg");
        assert_eq!(
            note_of(&detail_text(&detail("ü \" \\ fine"))),
            ("ü \" \\ fine".to_owned(), false)
        );
    }

    #[test]
    fn nul_is_escaped_and_flagged() {
        assert_eq!(path_text("a\0b"), "a%00b");
        assert_eq!(
            note_of(&detail_text(&detail("a\0b"))),
            ("a\\0b".to_owned(), true)
        );
    }

    #[test]
    fn huge_texts_are_cut_and_flagged() {
        let path = path_text(&"é".repeat(40_000));
        assert!(path.len() <= MAX_PATH_BYTES + '…'.len_utf8() && path.ends_with('…'));
        let text = detail_text(&detail(&"x".repeat(1 << 20)));
        assert!(text.len() < MAX_DETAIL_BYTES);
        assert!(note_of(&text).1);
    }
}
