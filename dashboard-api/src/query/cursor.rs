//! Cursors: where a page ends. A cursor continues one list with one filter and no other. Source: `dashboard.md` 2.5.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::Parameters;
use crate::error::ApiError;

const VERSION: u8 = 1;

/// Enough that no other list or filter has the same by chance. Nothing here is secret: what a cursor may lead to is decided by who asks.
type Mark = [u8; 8];

/// One list with one filter: what a cursor is made for and must come back to.
///
/// Shape of a cursor: base64url of version (1), a mark of list, filter, period and position (8), a mark of the period (8), the position.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    list_and_filter: Sha256,
    /// Of a list whose cursors bring their own period: the one that was asked for, if any was.
    period: Option<Mark>,
}

impl Listing {
    /// The list at `path`, filtered by every parameter except the page's own.
    pub(crate) fn of(path: &str, parameters: &Parameters) -> Self {
        let mut list_and_filter = named(path);
        for (name, value) in parameters.given(|name| !matches!(name, "limit" | "cursor")) {
            add(&mut list_and_filter, name);
            add(&mut list_and_filter, value);
        }
        Self {
            list_and_filter,
            period: None,
        }
    }

    /// The list at `path` whose positions know their filter and bring their own period: `from` and `to` may be left out with a cursor, and
    /// may not be others than before.
    pub(crate) fn with_period(path: &str, parameters: &Parameters) -> Self {
        let mut period = named("period");
        let mut is_given = false;
        for (name, value) in parameters.given(|name| matches!(name, "from" | "to")) {
            add(&mut period, name);
            add(&mut period, value);
            is_given = true;
        }
        Self {
            list_and_filter: named(path),
            period: is_given.then(|| mark(period)),
        }
    }

    /// The cursor of the page that begins after a position.
    pub(crate) fn cursor(&self, position: impl Display) -> String {
        let position = position.to_string();
        let period = self.period.unwrap_or_default();
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.mark_of(period, position.as_bytes()));
        bytes.extend_from_slice(&period);
        bytes.extend_from_slice(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position that a cursor names, if one was given.
    ///
    /// Errors: [`ApiError::CursorInvalid`] where it is no cursor, or one of another list, filter or period.
    pub(crate) fn position<T: FromStr>(
        &self,
        cursor: Option<String>,
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = cursor else {
            return Ok(None);
        };
        let position = self.read(&text).and_then(|position| position.parse().ok());
        position.map(Some).ok_or(ApiError::CursorInvalid)
    }

    fn read(&self, text: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&VERSION, rest) = bytes.split_first()? else {
            return None;
        };
        let (given, rest) = rest.split_first_chunk::<8>()?;
        let (period, position) = rest.split_first_chunk::<8>()?;
        let is_same_period = self.period.is_none_or(|asked| asked == *period);
        if !is_same_period || *given != self.mark_of(*period, position) {
            return None;
        }
        String::from_utf8(position.to_vec()).ok()
    }

    fn mark_of(&self, period: Mark, position: &[u8]) -> Mark {
        let mut hash = self.list_and_filter.clone();
        hash.update(period);
        hash.update(position);
        mark(hash)
    }
}

fn named(name: &str) -> Sha256 {
    let mut hash = Sha256::new();
    add(&mut hash, name);
    hash
}

/// With its length before it, so that two texts are never taken for two others.
fn add(hash: &mut Sha256, text: &str) {
    hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(text.as_bytes());
}

fn mark(hash: Sha256) -> Mark {
    hash.finalize()
        .first_chunk::<8>()
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["state", "from", "to", "limit", "cursor"];

    fn listing(path: &str, query: &str) -> Listing {
        Listing::of(path, &Parameters::parse(Some(query), &KNOWN))
    }

    fn with_period(query: &str) -> Listing {
        Listing::with_period("/a", &Parameters::parse(Some(query), &KNOWN))
    }

    fn read(listing: &Listing, cursor: &str) -> Option<i64> {
        listing.position(Some(cursor.to_owned())).ok().flatten()
    }

    #[test]
    fn a_cursor_leads_back_to_its_list_and_filter_and_to_no_other() {
        let cursor = listing("/a", "state=x&state=y&limit=3").cursor(7);
        for (path, query, expected) in [
            ("/a", "state=y&state=x&limit=9&from=", Some(7)),
            ("/b", "state=x&state=y", None),
            ("/a", "state=x", None),
            ("/a", "state=x&state=y&from=now-1h", None),
            ("/a", "", None),
        ] {
            let found = read(&listing(path, query), &cursor);
            assert_eq!(found, expected, "{path}?{query}");
        }
    }

    #[test]
    fn a_cursor_that_brings_its_period_needs_none_and_bears_no_other() {
        let cursor = with_period("from=now-1h&to=now").cursor(7);
        assert_eq!(read(&with_period("to=now&from=now-1h"), &cursor), Some(7));
        assert_eq!(read(&with_period("limit=3"), &cursor), Some(7));
        assert_eq!(read(&with_period("from=now-2h&to=now"), &cursor), None);
        let without = with_period("").cursor(7);
        assert_eq!(read(&with_period("from=now-1h"), &without), None);
    }

    #[test]
    fn what_was_not_made_here_is_refused() {
        let listing = listing("/a", "");
        let cursor = listing.cursor(7);
        for text in ["", "7", "x", "AAAA", "not base64!", &format!("{cursor}x")] {
            assert_eq!(read(&listing, text), None, "{text}");
        }
        assert_eq!(read(&listing, &listing.cursor("seven")), None);
        assert!(matches!(listing.position::<i64>(None), Ok(None)));
    }
}
