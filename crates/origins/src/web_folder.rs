//! `WEB_FOLDER`: base URL, one slash, the path still percent-encoded, the client's query.

use http::StatusCode;
use limpid_domain::failure::Reason;
use url::Url;

use crate::attempt::{Attempt, AttemptResult, failure};
use crate::existence::Part;
use crate::fetch::{FetchContext, Original};
use crate::path::FilePath;
use crate::web;

/// Fetches a file from the folder.
pub(crate) async fn fetch(
    context: &FetchContext<'_>,
    base_url: &Url,
    forward_host: bool,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let url = url(base_url, context.request.path, context.request.query)?;
    let host = context.request.forwarded_host.filter(|_| forward_host);
    web::fetch(context, url, Some(base_url), host, attempt).await
}

/// What the server says about a file without sending it.
pub(crate) async fn status(
    context: &FetchContext<'_>,
    part: Part,
    (base_url, forward_host): (&Url, bool),
    attempt: &mut Attempt<'_>,
) -> AttemptResult<StatusCode> {
    let url = url(base_url, context.request.path, context.request.query)?;
    let host = context.request.forwarded_host.filter(|_| forward_host);
    web::status(context, (part, url), Some(base_url), host, attempt).await
}

/// The URL a path is asked for at.
pub(crate) fn url(base_url: &Url, path: &str, query: Option<&str>) -> AttemptResult<Url> {
    url_of(base_url, FilePath::parse(path)?, query)
}

/// The URL of a file. Appended as text, never resolved as a reference: a path such as `//evil.example/x` or
/// `http://evil.example/x` names a file in the folder like any other.
fn url_of(base_url: &Url, path: FilePath<'_>, query: Option<&str>) -> AttemptResult<Url> {
    let mut url = base_url.clone();
    let folder = base_url.path().trim_end_matches('/');
    // `set_path` escapes what may not stand in a path and leaves percent-encoding, `%2F` included, as it is.
    url.set_path(&format!("{folder}/{}", path.raw()));
    url.set_query(query.filter(|query| !query.is_empty()));
    url.set_fragment(None);
    if !url.path().starts_with(folder) {
        return Err(failure(
            Reason::ObjectNotFound,
            "the path leads out of the folder; no origin was asked",
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base: &str, path: &str, query: Option<&str>) -> String {
        let base = Url::parse(base).unwrap();
        url_of(&base, FilePath::parse(path).unwrap(), query)
            .unwrap()
            .into()
    }

    #[test]
    fn base_and_path_meet_in_one_slash() {
        for base in [
            "https://h.example/b",
            "https://h.example/b/",
            "https://h.example/b//",
        ] {
            for path in ["a.jpg", "/a.jpg", "///a.jpg"] {
                assert_eq!(url(base, path, None), "https://h.example/b/a.jpg");
            }
        }
        assert_eq!(
            url("https://h.example", "a.jpg", None),
            "https://h.example/a.jpg"
        );
    }

    #[test]
    fn encoding_and_query_arrive_unchanged() {
        let base = "https://h.example/v0/b/x/o";
        assert_eq!(
            url(base, "dir%2Fa%20b.jpg", Some("alt=media&token=a%2Bb")),
            "https://h.example/v0/b/x/o/dir%2Fa%20b.jpg?alt=media&token=a%2Bb"
        );
        assert_eq!(
            url(base, "caf%e9+%252F;x=1~.jpg", None),
            "https://h.example/v0/b/x/o/caf%e9+%252F;x=1~.jpg"
        );
        assert_eq!(
            url(base, "a%3fb%23c", None),
            "https://h.example/v0/b/x/o/a%3fb%23c"
        );
    }

    #[test]
    fn a_path_never_leaves_the_base_host() {
        let base = "https://h.example/b";
        for path in [
            "//evil.example/x",
            "http://evil.example/x",
            "@evil.example/x",
            ":80/x",
        ] {
            let url = url(base, path, None);
            assert!(url.starts_with("https://h.example/b/"), "{url}");
        }
    }
}
