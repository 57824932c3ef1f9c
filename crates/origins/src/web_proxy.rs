//! `WEB_PROXY`: the path itself is the URL, in any of the spellings clients and intermediaries make of it.

use std::borrow::Cow;

use http::StatusCode;
use limpid_domain::failure::Reason;
use percent_encoding::percent_decode_str;
use url::{ParseError, Url};

use crate::attempt::{Attempt, AttemptResult, failure};
use crate::existence::Part;
use crate::fetch::{FetchContext, Original};
use crate::web;

/// Fetches the URL in the path.
pub(crate) async fn fetch(
    context: &FetchContext<'_>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let url = url_of(context.request.path, context.request.query)?;
    web::fetch(context, url, None, None, attempt).await
}

/// What the server says about the URL in the path without sending what is there.
pub(crate) async fn status(
    context: &FetchContext<'_>,
    part: Part,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<StatusCode> {
    let url = url_of(context.request.path, context.request.query)?;
    web::status(context, (part, url), None, None, attempt).await
}

/// The server a path names, `host:port`; empty where it names none, which fails for that reason.
pub(crate) fn server_of(path: &str) -> String {
    let server = |url: Url| {
        let port = url.port_or_known_default()?;
        Some(format!("{}:{port}", url.host_str()?))
    };
    url_of(path, None).ok().and_then(server).unwrap_or_default()
}

/// The URL a path names: `https://host/a.jpg`, with slashes merged (`https:/host/a.jpg`), or encoded as a whole
/// (`https%3A%2F%2Fhost%2Fa.jpg%3Fw%3D1`). Source: `imagekit.md` 3.4.
///
/// Errors: `object_not_found` when the path is no absolute URL, so that the next origin gets its turn;
/// `scheme_not_allowed`, `host_not_allowed`, `port_not_allowed` when it is one we don't fetch.
pub(crate) fn url_of(path: &str, query: Option<&str>) -> AttemptResult<Url> {
    let path = path.trim_start_matches('/');
    let spelled = if scheme_and_rest(path).is_some() {
        Cow::Borrowed(path)
    } else {
        percent_decode_str(path)
            .decode_utf8()
            .map_err(|_| no_url())?
    };
    let (scheme, rest) = scheme_and_rest(&spelled).ok_or_else(no_url)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(failure(
            Reason::SchemeNotAllowed,
            "the scheme is neither http nor https",
        ));
    }
    if spelled.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(failure(
            Reason::HostNotAllowed,
            "the URL has control characters",
        ));
    }
    let rest = rest.trim_start_matches(['/', '\\']);
    let mut url = Url::parse(&format!("{scheme}://{rest}")).map_err(refuse)?;
    url.set_fragment(None);
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        let joined = match url.query() {
            Some(own) => format!("{own}&{query}"),
            None => query.to_owned(),
        };
        url.set_query(Some(&joined));
    }
    Ok(url)
}

/// Splits `scheme:/rest`; `None` unless the text looks like an absolute URL. `http:` needs no slash, browsers repair that too.
fn scheme_and_rest(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    (is_scheme && (is_http || rest.starts_with('/'))).then_some((scheme, rest))
}

fn no_url() -> Box<limpid_domain::failure::AttemptFailure> {
    failure(
        Reason::ObjectNotFound,
        "the path is no absolute URL, so a web proxy has nothing to fetch",
    )
}

fn refuse(error: ParseError) -> Box<limpid_domain::failure::AttemptFailure> {
    let reason = match error {
        ParseError::InvalidPort => Reason::PortNotAllowed,
        _ => Reason::HostNotAllowed,
    };
    failure(reason, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_names_the_same_url() {
        for path in [
            "https://www.example.com/a.jpg",
            "https:/www.example.com/a.jpg",
            "https:///www.example.com/a.jpg",
            "https%3A%2F%2Fwww.example.com%2Fa.jpg",
            "/https%3a//www.example.com/a.jpg",
            "HTTPS://WWW.EXAMPLE.COM/a.jpg",
        ] {
            let url = url_of(path, None).unwrap();
            assert_eq!(url.as_str(), "https://www.example.com/a.jpg", "{path}");
        }
    }

    #[test]
    fn queries_of_both_spellings_are_kept() {
        let url = url_of("https://h.example/a%2Fb.jpg", Some("w=1")).unwrap();
        assert_eq!(url.as_str(), "https://h.example/a%2Fb.jpg?w=1");
        let url = url_of("https%3A%2F%2Fh.example%2Fa.jpg%3Fw%3D1", Some("v=2")).unwrap();
        assert_eq!(url.as_str(), "https://h.example/a.jpg?w=1&v=2");
    }

    #[test]
    fn what_is_no_url_is_left_to_the_next_origin() {
        let reason = |path| url_of(path, None).unwrap_err().reason;
        for path in ["a.jpg", "dir/https.jpg", "", "10:30.jpg", "a%ff.jpg"] {
            assert_eq!(reason(path), Reason::ObjectNotFound, "{path}");
        }
        for path in ["gopher://a/", "file:///etc/hostname", "ftp%3A%2F%2Fa"] {
            assert_eq!(reason(path), Reason::SchemeNotAllowed, "{path}");
        }
        for path in [
            "http://",
            "http://[fe80::1%25eth0]/",
            "http://a%2fb/",
            "http%3A%2F%2Fa%0Ab%2F",
            "http://127.0.0.1%00.good.example/",
        ] {
            assert_eq!(reason(path), Reason::HostNotAllowed, "{path}");
        }
        assert_eq!(reason("http://a:65536/"), Reason::PortNotAllowed);
    }
}
