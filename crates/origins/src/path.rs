//! Request paths: refused where they climb, decoded where a store wants them decoded.

use std::borrow::Cow;

use limpid_domain::failure::Reason;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::attempt::{AttemptResult, failure};

/// A request path without leading slashes that stays where it is put: no `.` or `..` segment in any encoding, no
/// backslash, no control character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FilePath<'a> {
    raw: &'a str,
}

impl<'a> FilePath<'a> {
    /// Checks a raw, percent-encoded path. Source: `reliability.md` 2.2.
    ///
    /// Errors: `object_not_found`; nothing can exist at such a path.
    pub(crate) fn parse(raw: &'a str) -> AttemptResult<Self> {
        let raw = raw.trim_start_matches('/');
        let decoded: Cow<'_, [u8]> = percent_decode_str(raw).into();
        let climbs = decoded
            .split(|byte| *byte == b'/')
            .any(|segment| segment == b"." || segment == b"..");
        // 0xC0 and 0xC1 begin overlong encodings only; lax decoders read `%c0%ae` as a dot.
        let is_odd = decoded
            .iter()
            .any(|byte| matches!(byte, 0..=0x1f | 0x7f | b'\\' | 0xc0 | 0xc1));
        if climbs || is_odd {
            return Err(failure(
                Reason::ObjectNotFound,
                "the path has `.` or `..` segments, backslashes or control characters; no origin was asked",
            ));
        }
        Ok(Self { raw })
    }

    /// The path as it came, still percent-encoded.
    pub(crate) fn raw(self) -> &'a str {
        self.raw
    }

    /// The path as it came, unless decoding leaves it as it is: the second key worth asking for.
    pub(crate) fn raw_unless(self, decoded: &str) -> Option<&'a str> {
        (self.raw != decoded).then_some(self.raw)
    }

    /// The addresses that may be asked for a path at a store of objects: of the path decoded, then of the path as it came where that
    /// differs. `url` makes one of a key.
    ///
    /// Errors: as [`FilePath::parse`], [`FilePath::decoded`] and `url`.
    pub(crate) fn urls(
        raw: &'a str,
        url: impl Fn(&str) -> AttemptResult<Url>,
    ) -> AttemptResult<Vec<Url>> {
        let path = Self::parse(raw)?;
        let decoded = path.decoded()?;
        let spellings = std::iter::once(&*decoded).chain(path.raw_unless(&decoded));
        spellings.map(url).collect()
    }

    /// The path decoded once.
    ///
    /// Errors: `object_not_found` when that is no UTF-8, which object keys are.
    pub(crate) fn decoded(self) -> AttemptResult<Cow<'a, str>> {
        percent_decode_str(self.raw).decode_utf8().map_err(|_| {
            failure(
                Reason::ObjectNotFound,
                "the path is no UTF-8, but object keys are; no origin was asked",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_climb_are_refused_in_every_spelling() {
        for path in [
            "../secret",
            "a/../../secret",
            "%2e%2e/secret",
            ".%2e/secret",
            "%2E%2E/secret",
            "..%2fsecret",
            "%2e%2e%2fsecret",
            "..%5csecret",
            "..\\secret",
            "%c0%ae%c0%ae/x",
            "a%00.jpg",
            "a%0d%0aSet-Cookie:%20x=1.jpg",
            "a/./b.jpg",
            "a/..",
            "%7f",
        ] {
            let refused = FilePath::parse(path).unwrap_err();
            assert_eq!(refused.reason, Reason::ObjectNotFound, "{path}");
        }
    }

    #[test]
    fn odd_but_harmless_paths_are_kept_as_they_are() {
        for path in [
            "%252e%252e%252fsecret",
            "..;/x",
            "a//b.jpg",
            "...",
            "a..b/..c",
            "a%2Fb",
            "caf%e9.jpg",
        ] {
            assert_eq!(FilePath::parse(path).unwrap().raw(), path);
        }
        assert_eq!(FilePath::parse("///a.jpg").unwrap().raw(), "a.jpg");
    }

    #[test]
    fn decoding_happens_once() {
        let decoded = |raw| FilePath::parse(raw).unwrap().decoded().map(Cow::into_owned);
        assert_eq!(decoded("a%20b+c%252Fd").unwrap(), "a b+c%2Fd");
        assert!(decoded("caf%e9.jpg").is_err());
    }
}
