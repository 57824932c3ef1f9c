//! URLs and paths as they may be stored and shown: without signatures, tokens and credentials.

/// What stands where a secret stood.
const REDACTED: &str = "REDACTED";

/// Query names whose values are secrets wherever they stand in a name.
const SECRET_NAME_PARTS: [&str; 12] = [
    "token",
    "secret",
    "passw",
    "credential",
    "signature",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "session",
    "jwt",
];

/// Query names that are secrets as a whole; `sig`, `se` and the like belong to shared access signatures.
const SECRET_NAMES: [&str; 8] = [
    "sig",
    "key",
    "auth",
    "authorization",
    "hmac",
    "pwd",
    "code",
    "hdnea",
];

/// A request target (path and query) with `ik-s` and `ik-t` removed and the values of secret-looking parameters replaced.
///
/// Shape: printable ASCII at most `max_bytes` long; other bytes are percent-encoded.
pub(crate) fn redact_target(target: &str, max_bytes: usize) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut out = redact_path(path, max_bytes);
    let Some(query) = query else {
        return out;
    };
    let kept: Vec<String> = query.split('&').filter_map(redact_parameter).collect();
    if !kept.is_empty() {
        out.push('?');
        push_escaped(&mut out, &kept.join("&"));
    }
    cut(&mut out, max_bytes);
    out
}

/// How a proxied URL begins, in lower case: as it is, encoded in part, encoded as a whole.
const SCHEMES: [&str; 6] = [
    "http:/",
    "https:/",
    "http%3a",
    "https%3a",
    "http:%2f",
    "https:%2f",
];

/// A file path, decoded or not, without the user info and the query of a proxied URL.
///
/// Shape: printable ASCII at most `max_bytes` long; other bytes are percent-encoded.
pub(crate) fn redact_path(path: &str, max_bytes: usize) -> String {
    let mut out = String::with_capacity(path.len());
    push_escaped(&mut out, path);
    let lower = out.to_ascii_lowercase();
    // Only a proxied URL has a scheme; a `?` elsewhere is part of a file name.
    let mut ends: Vec<usize> = SCHEMES
        .into_iter()
        .flat_map(|scheme| lower.match_indices(scheme))
        .map(|(at, scheme)| at + scheme.len())
        .collect();
    ends.sort_unstable();
    if let Some(after_scheme) = ends.first() {
        let queries = ["?", "%3f"].into_iter().filter_map(|sign| {
            let rest = lower.get(*after_scheme..)?;
            rest.find(sign).map(|at| after_scheme + at + sign.len())
        });
        if let Some(query) = queries.min() {
            out.truncate(query);
            out.push_str(REDACTED);
        }
        // The last first: what is cut there moves nothing before it. The address of a delivery has a scheme of its own.
        for after_scheme in ends.into_iter().rev() {
            out = without_user_info(&out, after_scheme);
        }
    }
    cut(&mut out, max_bytes);
    out
}

/// Drops `user:password@` from the authority that begins after the slashes at `after_scheme`.
fn without_user_info(url: &str, after_scheme: usize) -> String {
    let (head, rest) = url.split_at_checked(after_scheme).unwrap_or((url, ""));
    let lower = rest.to_ascii_lowercase();
    let slashes = rest.len()
        - lower
            .trim_start_matches("%2f")
            .trim_start_matches('/')
            .len();
    let authority = lower.get(slashes..).unwrap_or_default();
    let end = ["/", "%2f", "?", "%3f"]
        .into_iter()
        .filter_map(|end| authority.find(end))
        .min()
        .unwrap_or(authority.len());
    let authority = authority.get(..end).unwrap_or_default();
    let at_sign = ["@", "%40"]
        .into_iter()
        .filter_map(|sign| authority.rfind(sign).map(|at| at + sign.len()))
        .max();
    match at_sign {
        Some(host) => format!(
            "{head}{}{REDACTED}@{}",
            rest.get(..slashes).unwrap_or_default(),
            rest.get(slashes + host..).unwrap_or_default()
        ),
        None => url.to_owned(),
    }
}

fn redact_parameter(parameter: &str) -> Option<String> {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    if name == "ik-s" || name == "ik-t" {
        return None;
    }
    if value.is_empty() || !is_secret(name) {
        return Some(parameter.to_owned());
    }
    Some(format!("{name}={REDACTED}"))
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.contains(&name.as_str())
        || SECRET_NAME_PARTS.iter().any(|part| name.contains(part))
}

/// Appends `text` with everything but printable ASCII percent-encoded.
fn push_escaped(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() {
            out.push(char::from(byte));
        } else {
            out.push_str(&format_args!("%{byte:02X}").to_string());
        }
    }
}

/// Cuts ASCII text.
fn cut(text: &mut String, max_bytes: usize) {
    if text.len() > max_bytes {
        text.truncate(max_bytes.saturating_sub(3));
        text.push_str("...");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_vanish_and_tokens_are_replaced() {
        for (target, stored) in [
            ("/demo/a.jpg?ik-t=9&ik-s=abc", "/demo/a.jpg"),
            ("/demo/a.jpg?v=2&ik-s=abc&tr=w-1", "/demo/a.jpg?v=2&tr=w-1"),
            (
                "/demo/a.jpg?alt=media&token=s3cret",
                "/demo/a.jpg?alt=media&token=REDACTED",
            ),
            (
                "/demo/a.jpg?X-Amz-Signature=ab&X-Amz-Security-Token=x&sig=1&Key=2",
                "/demo/a.jpg?X-Amz-Signature=REDACTED&X-Amz-Security-Token=REDACTED&sig=REDACTED&Key=REDACTED",
            ),
            ("/demo/monkey.jpg?monkey=1", "/demo/monkey.jpg?monkey=1"),
        ] {
            assert_eq!(redact_target(target, 2048), stored);
        }
    }

    #[test]
    fn proxied_urls_lose_their_credentials_and_queries() {
        for (path, stored) in [
            (
                "/https://u:p@h.example/a.jpg",
                "/https://REDACTED@h.example/a.jpg",
            ),
            (
                "/https:/u:p@h.example/a@b.jpg",
                "/https:/REDACTED@h.example/a@b.jpg",
            ),
            (
                "/https%3A%2F%2Fh.example%2Fa.jpg%3Ftoken%3Dx",
                "/https%3A%2F%2Fh.example%2Fa.jpg%3FREDACTED",
            ),
            (
                "/https%3A%2F%2Fu%3Ap%40h.example%2Fa.jpg",
                "/https%3A%2F%2FREDACTED@h.example%2Fa.jpg",
            ),
            (
                "/https://h.example/a.jpg?X-Amz-Signature=x&token=y",
                "/https://h.example/a.jpg?REDACTED",
            ),
            (
                "/https:%2F%2Fu:p@h.example%2Fa.jpg%3Fsig=x",
                "/https:%2F%2FREDACTED@h.example%2Fa.jpg%3FREDACTED",
            ),
            (
                "http://images.test/proxy/http://u:p@h.example/a.jpg",
                "http://images.test/proxy/http://REDACTED@h.example/a.jpg",
            ),
            ("/what%3f.jpg", "/what%3f.jpg"),
            ("/what?.jpg", "/what?.jpg"),
            ("/a@b.jpg", "/a@b.jpg"),
        ] {
            assert_eq!(redact_path(path, 2048), stored);
        }
    }

    #[test]
    fn stored_text_is_printable_ascii_and_bounded() {
        let target = format!("/a\u{1b}[31m ä{}?x=\u{7f}", "x".repeat(9000));
        let stored = redact_target(&target, 100);
        assert_eq!(stored.len(), 100);
        assert!(stored.bytes().all(|b| b.is_ascii_graphic()), "{stored}");
        assert_eq!(redact_path("/a\0b ä", 100), "/a%00b%20%C3%A4");
    }
}
