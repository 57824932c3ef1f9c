//! Foreign text made safe to store and show: escaped, capped, without secrets.

use http::{HeaderMap, HeaderName};

/// Longest line of foreign text in a note or a header value. Units: characters.
const MAX_LINE: usize = 200;

/// Longest note of ours, which may quote several such lines. Units: characters.
const MAX_NOTE: usize = 512;

/// Longest body excerpt. Units: bytes. Source: [`limpid_domain::failure::AttemptFailure::body_excerpt`].
pub(crate) const MAX_EXCERPT_BYTES: usize = 512;

/// Header fields that help to find out what is wrong and never carry a secret.
const TELLING_HEADERS: [&str; 23] = [
    "age",
    "cache-control",
    "cf-mitigated",
    "cf-ray",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "last-modified",
    "retry-after",
    "server",
    "via",
    "x-amz-bucket-region",
    "x-amz-cf-id",
    "x-amz-id-2",
    "x-amz-request-id",
    "x-amzn-waf-action",
    "x-cache",
    "x-guploader-uploadid",
    "x-ms-error-code",
    "x-ms-request-id",
    "x-request-id",
    "x-served-by",
];

/// One line of printable text: control characters and invisible ones escaped, long text cut.
pub(crate) fn printable(text: &str) -> String {
    escaped(text, MAX_LINE)
}

/// The same for a line of ours that quotes foreign text.
pub(crate) fn printable_note(text: &str) -> String {
    escaped(text, MAX_NOTE)
}

/// The same for text of any length: how a secret would look in such a line.
pub(crate) fn printable_all(text: &str) -> String {
    escaped(text, usize::MAX)
}

/// The header fields worth keeping, values printable.
pub(crate) fn telling_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    TELLING_HEADERS
        .iter()
        .filter_map(|name| {
            let value = headers.get(HeaderName::from_static(name))?;
            let value = String::from_utf8_lossy(value.as_bytes());
            Some(((*name).to_owned(), printable(&value)))
        })
        .collect()
}

/// The beginning of a body if it is text, printable.
pub(crate) fn excerpt(body: &[u8]) -> Option<String> {
    let beginning = body.get(..MAX_EXCERPT_BYTES).unwrap_or(body);
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        // A character cut in half at the end is no reason to call the rest binary.
        Err(error) if error.valid_up_to() + 4 > beginning.len() => {
            let whole = beginning.get(..error.valid_up_to())?;
            std::str::from_utf8(whole).ok()?
        }
        Err(_) => return None,
    };
    let is_binary = text.contains('\0');
    (!text.trim().is_empty() && !is_binary).then(|| escaped(text, MAX_EXCERPT_BYTES))
}

fn escaped(text: &str, max_chars: usize) -> String {
    let mut safe = String::with_capacity(text.len().min(max_chars));
    let mut room = max_chars;
    let mut put = |c: char| {
        if room > 0 {
            safe.push(c);
            room -= 1;
        }
    };
    for c in text.chars().take(max_chars) {
        if is_invisible(c) {
            c.escape_unicode().for_each(&mut put);
        } else if c.is_control() {
            c.escape_default().for_each(&mut put);
        } else {
            put(c);
        }
    }
    safe
}

/// Characters that change how the text around them is shown: line separators, zero-width and bidirectional controls.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{80}'..='\u{9f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_becomes_one_harmless_line() {
        let hostile = "a\r\nSet-Cookie: x=1\u{1b}[31m\u{2028}\u{202e}\0ä";
        let safe = printable(hostile);
        assert_eq!(
            safe,
            "a\\r\\nSet-Cookie: x=1\\u{1b}[31m\\u{2028}\\u{202e}\\u{0}ä"
        );
        assert_eq!(printable(&"x".repeat(100_000)).len(), MAX_LINE);
    }

    #[test]
    fn an_excerpt_is_text_or_nothing() {
        assert_eq!(excerpt(b"<html>no</html>").unwrap(), "<html>no</html>");
        assert_eq!(excerpt(b"\xff\xd8\xff\xe0"), None);
        assert_eq!(excerpt(b"a\0b"), None);
        assert_eq!(excerpt(b"  "), None);
        let cut_in_half = "ä".repeat(300);
        let shown = excerpt(&cut_in_half.as_bytes()[1..]);
        assert_eq!(shown, None);
        assert_eq!(
            excerpt(cut_in_half.as_bytes()).unwrap().chars().count(),
            256
        );
    }

    #[test]
    fn only_telling_headers_are_kept() {
        let mut headers = HeaderMap::new();
        headers.insert("server", "nginx".parse().unwrap());
        headers.insert("set-cookie", "session=secret".parse().unwrap());
        headers.insert("via", http::HeaderValue::from_bytes(b"\xe4\x80").unwrap());
        let kept = telling_headers(&headers);
        assert_eq!(kept.len(), 2);
        assert!(kept.contains(&("server".to_owned(), "nginx".to_owned())));
    }
}
