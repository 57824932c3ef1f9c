//! Where a redirect leads, which redirects are not followed, and what is not sent to another host.

use http::{HeaderMap, StatusCode, header};
use limpid_domain::failure::Reason;
use url::Url;

use crate::attempt::{AttemptResult, failure};
use crate::location;

/// Redirects followed for one original. Source: `reliability.md` T19.
const MAX_REDIRECTS: usize = 5;

/// Longest URL that is followed: no longer one can be written as a request. Units: bytes. Source: the `http` crate's `Uri`.
const MAX_URL_BYTES: usize = 65_534;

/// One request on its way through redirects.
#[derive(Debug)]
pub(crate) struct Journey {
    chain: RedirectChain,
    url: Url,
    headers: HeaderMap,
}

impl Journey {
    /// A request to `url` with these header fields, `Host` among them where it is not the URL's own.
    pub(crate) fn new(url: Url, headers: HeaderMap) -> Self {
        Self {
            chain: RedirectChain::new(url.clone()),
            url,
            headers,
        }
    }

    /// The URL to ask now.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// What to send there.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// How many redirects were followed so far.
    pub(crate) fn followed(&self) -> usize {
        self.chain.followed()
    }

    /// Goes where an answer with a redirect points. A `Host` of its own is the first host's and no other's.
    ///
    /// Errors: those of [`RedirectChain::next`]; the journey stays where it is.
    pub(crate) fn follow(&mut self, answered: &HeaderMap) -> AttemptResult<()> {
        let next = self.chain.next(&self.url, answered)?;
        if next.host() != self.url.host() {
            self.headers.remove(header::HOST);
        }
        self.url = next;
        Ok(())
    }
}

/// Whether a status asks to look elsewhere.
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The URLs one fetch has been sent to.
#[derive(Debug)]
struct RedirectChain {
    visited: Vec<Url>,
}

impl RedirectChain {
    /// A chain that begins at `first`.
    fn new(first: Url) -> Self {
        Self {
            visited: vec![first],
        }
    }

    fn followed(&self) -> usize {
        self.visited.len().saturating_sub(1)
    }

    /// The next URL after `current` answered with a redirect. The caller has the guard judge it like any other.
    ///
    /// Errors: `too_many_redirects` also for loops, `redirect_invalid` without a usable target and from https to http.
    fn next(&mut self, current: &Url, headers: &HeaderMap) -> AttemptResult<Url> {
        let target = target(current, headers)?;
        if self.visited.contains(&target) {
            let note = format!("redirect loop: {} again", location::of_url(&target));
            return Err(failure(Reason::TooManyRedirects, note));
        }
        if self.followed() >= MAX_REDIRECTS {
            let note = format!("more than {MAX_REDIRECTS} redirects");
            return Err(failure(Reason::TooManyRedirects, note));
        }
        self.visited.push(target.clone());
        Ok(target)
    }
}

fn target(current: &Url, headers: &HeaderMap) -> AttemptResult<Url> {
    let invalid = |note: &str| failure(Reason::RedirectInvalid, note);
    let location = headers
        .get(header::LOCATION)
        .ok_or_else(|| invalid("redirect without a Location header"))?;
    let location = std::str::from_utf8(location.as_bytes())
        .map_err(|_| invalid("the Location header is no text"))?;
    let mut target = current
        .join(location)
        .map_err(|_| invalid("the Location header is no URL"))?;
    target.set_fragment(None);
    if target.as_str().len() > MAX_URL_BYTES {
        return Err(invalid("the Location header is too long to be asked for"));
    }
    match (current.scheme(), target.scheme()) {
        ("https", "http") => Err(invalid("redirect from https to http")),
        (_, "http" | "https") => Ok(target),
        (_, other) => Err(invalid(&format!("redirect to scheme {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(current: &str, location: Option<&str>) -> Result<String, Reason> {
        let current = Url::parse(current).unwrap();
        let mut headers = HeaderMap::new();
        if let Some(location) = location {
            headers.insert(header::LOCATION, location.parse().unwrap());
        }
        RedirectChain::new(current.clone())
            .next(&current, &headers)
            .map(String::from)
            .map_err(|failed| failed.reason)
    }

    #[test]
    fn what_no_request_can_ask_for_is_an_unusable_redirect() {
        let from = "https://a.example/x.jpg";
        let path = |bytes: usize| format!("/{}", "a".repeat(bytes));
        assert_eq!(
            follow(from, Some(&path(MAX_URL_BYTES))).unwrap_err(),
            Reason::RedirectInvalid
        );
        assert!(follow(from, Some(&path(MAX_URL_BYTES - 100))).is_ok());
    }

    #[test]
    fn targets_are_resolved_against_the_current_url() {
        let from = "https://a.example/x/y.jpg?q=1";
        assert_eq!(
            follow(from, Some("z.jpg#f")).unwrap(),
            "https://a.example/x/z.jpg"
        );
        assert_eq!(
            follow(from, Some("//b.example/z")).unwrap(),
            "https://b.example/z"
        );
        assert_eq!(
            follow("http://a.example/", Some("https://a.example/")).unwrap(),
            "https://a.example/"
        );
    }

    #[test]
    fn unusable_targets_and_downgrades_are_refused() {
        let from = "https://a.example/x";
        for location in [
            None,
            Some("http://a.example/x"),
            Some("file:///etc/hostname"),
            Some("gopher://a/"),
            Some("data:,x"),
            Some("ftp://a/"),
            Some("https://"),
            Some("https://a b/"),
        ] {
            assert_eq!(
                follow(from, location),
                Err(Reason::RedirectInvalid),
                "{location:?}"
            );
        }
    }

    #[test]
    fn loops_and_long_chains_end() {
        assert_eq!(
            follow("http://a.example/x", Some("/x")),
            Err(Reason::TooManyRedirects)
        );
        let mut current = Url::parse("http://a.example/0").unwrap();
        let mut chain = RedirectChain::new(current.clone());
        for hop in 1..=MAX_REDIRECTS {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, format!("/{hop}").parse().unwrap());
            current = chain.next(&current, &headers).unwrap();
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, "/again".parse().unwrap());
        let failed = chain.next(&current, &headers).unwrap_err();
        assert_eq!(failed.reason, Reason::TooManyRedirects);
    }
}
