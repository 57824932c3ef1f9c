//! Pages that ask for a human: the origin works, but its bot protection holds us off.

use http::{HeaderMap, StatusCode};

/// What challenge pages of common protections contain. Source: the pages themselves; each names its vendor's own path or cookie.
const MARKERS: [&str; 9] = [
    "/cdn-cgi/challenge-platform/",
    "cf-chl-",
    "cf_chl_",
    "captcha-delivery.com",
    "_incapsula_resource",
    "px-captcha",
    "sucuri website firewall",
    "ddos-guard",
    "awswafintegration",
];

/// Whether an answer is a challenge.
pub(crate) fn is_challenge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
    let header_is = |name: &str, values: &[&str]| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| values.contains(&value))
    };
    // AWS WAF challenges with 202 and asks for a CAPTCHA with 405, so its header counts whatever the status.
    if header_is("x-amzn-waf-action", &["challenge", "captcha"]) {
        return true;
    }
    if !matches!(status.as_u16(), 403 | 429 | 503) {
        return false;
    }
    if header_is("cf-mitigated", &["challenge"]) {
        return true;
    }
    let is_html = headers
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !is_html {
        return false;
    }
    let page = body.to_ascii_lowercase();
    MARKERS
        .iter()
        .any(|marker| memchr::memmem::find(&page, marker.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    http::HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn challenges_are_told_from_plain_refusals() {
        let html = headers(&[("content-type", "text/html; charset=UTF-8")]);
        let page = b"<script src=\"/CDN-cgi/challenge-platform/h/b/x.js\">";
        assert!(is_challenge(StatusCode::FORBIDDEN, &html, page));
        assert!(!is_challenge(StatusCode::NOT_FOUND, &html, page));
        assert!(!is_challenge(
            StatusCode::FORBIDDEN,
            &html,
            b"<h1>Forbidden</h1>"
        ));
        assert!(!is_challenge(
            StatusCode::FORBIDDEN,
            &HeaderMap::new(),
            page
        ));
        let mitigated = headers(&[("cf-mitigated", "challenge")]);
        assert!(is_challenge(StatusCode::FORBIDDEN, &mitigated, b""));
        let waf = headers(&[("x-amzn-waf-action", "captcha")]);
        assert!(is_challenge(StatusCode::METHOD_NOT_ALLOWED, &waf, b""));
    }
}
