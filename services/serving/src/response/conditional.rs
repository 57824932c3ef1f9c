//! Conditional and range requests against one variant. Source: RFC 9110 sections 13 and 14.

use std::ops::Range;
use std::time::SystemTime;

use http::header::{self, HeaderMap};

/// The conditions of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    if_none_match: Option<String>,
    if_modified_since: Option<SystemTime>,
    range: Option<String>,
    if_range: Option<String>,
}

/// Which part of the body to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyRange {
    /// All of it: no range asked, or one that is not understood or not for this version.
    Whole,
    /// These bytes.
    Part(Range<usize>),
    /// None of the bytes asked for exist.
    Unsatisfiable,
}

impl Conditions {
    /// Reads the conditions of a request; malformed ones count as absent.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name| {
            let value = headers.get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let tags: Vec<&str> = headers
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        Self {
            if_none_match: (!tags.is_empty()).then(|| tags.join(",")),
            if_modified_since: text(header::IF_MODIFIED_SINCE)
                .and_then(|date| httpdate::parse_http_date(&date).ok()),
            range: text(header::RANGE),
            if_range: text(header::IF_RANGE),
        }
    }

    /// Whether a range is asked for.
    pub(crate) fn asks_for_a_part(&self) -> bool {
        self.range.is_some()
    }

    /// Whether the client's copy is still good: `If-None-Match` decides where present, else `If-Modified-Since`.
    pub(crate) fn is_not_modified(&self, etag: &str, last_modified: Option<SystemTime>) -> bool {
        if let Some(tags) = &self.if_none_match {
            return tags
                .split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag);
        }
        match (self.if_modified_since, last_modified) {
            (Some(since), Some(modified)) => modified <= since,
            _ => false,
        }
    }

    /// Which bytes of a body of `length` bytes are asked for. Several ranges at once are answered with the whole.
    pub(crate) fn body_range(
        &self,
        length: usize,
        etag: &str,
        last_modified: Option<SystemTime>,
    ) -> BodyRange {
        let Some(spec) = self
            .range
            .as_deref()
            .and_then(|range| range.strip_prefix("bytes="))
        else {
            return BodyRange::Whole;
        };
        if !self.range_is_for_this_version(etag, last_modified) {
            return BodyRange::Whole;
        }
        parse_range(spec, length)
    }

    fn range_is_for_this_version(&self, etag: &str, last_modified: Option<SystemTime>) -> bool {
        let Some(condition) = &self.if_range else {
            return true;
        };
        match httpdate::parse_http_date(condition) {
            Ok(date) => last_modified == Some(date),
            Err(_) => condition == etag,
        }
    }
}

fn parse_range(spec: &str, length: usize) -> BodyRange {
    let digits = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<usize>().unwrap_or(usize::MAX))
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return BodyRange::Whole;
    };
    let range = match (digits(first), digits(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(suffix)) if first.is_empty() => length.saturating_sub(suffix)..length,
        _ => return BodyRange::Whole,
    };
    if range.start >= range.end {
        return BodyRange::Unsatisfiable;
    }
    BodyRange::Part(range)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn conditions(fields: &[(&'static str, &str)]) -> Conditions {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        Conditions::from_headers(&headers)
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn tags_are_compared_weakly_and_decide_before_dates() {
        let etag = "\"abc\"";
        for (field, expected) in [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("\"x\", \"abc\"", true),
            ("*", true),
            ("\"abcd\"", false),
            ("abc", false),
        ] {
            let found = conditions(&[("if-none-match", field)]).is_not_modified(etag, None);
            assert_eq!(found, expected, "{field}");
        }
        let both = conditions(&[
            ("if-none-match", "\"other\""),
            ("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ]);
        assert!(!both.is_not_modified(etag, Some(at(0))));
    }

    #[test]
    fn dates_are_compared_where_there_is_no_tag() {
        let since = conditions(&[("if-modified-since", "Thu, 01 Jan 1970 00:00:10 GMT")]);
        assert!(since.is_not_modified("\"a\"", Some(at(10))));
        assert!(!since.is_not_modified("\"a\"", Some(at(11))));
        assert!(!since.is_not_modified("\"a\"", None));
        assert!(
            !conditions(&[("if-modified-since", "never")]).is_not_modified("\"a\"", Some(at(0)))
        );
    }

    #[test]
    fn ranges_are_cut_to_the_body() {
        for (range, expected) in [
            ("bytes=0-3", BodyRange::Part(0..4)),
            ("bytes=5-", BodyRange::Part(5..10)),
            ("bytes=-3", BodyRange::Part(7..10)),
            ("bytes=-99", BodyRange::Part(0..10)),
            ("bytes=8-99", BodyRange::Part(8..10)),
            ("bytes=10-", BodyRange::Unsatisfiable),
            ("bytes=-0", BodyRange::Unsatisfiable),
            ("bytes=99999999999999999999-", BodyRange::Unsatisfiable),
            ("bytes=3-1", BodyRange::Whole),
            ("bytes=0-1,3-4", BodyRange::Whole),
            ("bytes=a-b", BodyRange::Whole),
            ("items=0-1", BodyRange::Whole),
        ] {
            let found = conditions(&[("range", range)]).body_range(10, "\"e\"", None);
            assert_eq!(found, expected, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_version_is_answered_with_the_whole() {
        let other = [("range", "bytes=0-1"), ("if-range", "\"other\"")];
        assert_eq!(
            conditions(&other).body_range(10, "\"e\"", None),
            BodyRange::Whole
        );
        let same = [("range", "bytes=0-1"), ("if-range", "\"e\"")];
        assert_eq!(
            conditions(&same).body_range(10, "\"e\"", None),
            BodyRange::Part(0..2)
        );
    }
}
