//! Points in time as a person types them into a URL.

use chrono::{DateTime, TimeDelta, Utc};

/// Reads RFC 3339, `now`, or `now-6h` (`s`, `m`, `h`, `d`, `w`). `None` for anything else.
pub(crate) fn parse_moment(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if let Some(back) = text.strip_prefix("now") {
        return if back.is_empty() {
            Some(now)
        } else {
            now.checked_sub_signed(parse_span(back.strip_prefix('-')?)?)
        };
    }
    // An offset's `+` that was not percent-encoded arrives as a space.
    let text = match text.rsplit_once(' ') {
        Some((moment, offset)) if moment.contains('T') => format!("{moment}+{offset}"),
        _ => text.to_owned(),
    };
    let moment = DateTime::parse_from_rfc3339(&text).ok()?;
    Some(moment.with_timezone(&Utc))
}

fn parse_span(text: &str) -> Option<TimeDelta> {
    let unit = text.chars().last()?;
    let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
    if count < 0 {
        return None;
    }
    match unit {
        's' => TimeDelta::try_seconds(count),
        'm' => TimeDelta::try_minutes(count),
        'h' => TimeDelta::try_hours(count),
        'd' => TimeDelta::try_days(count),
        'w' => TimeDelta::try_weeks(count),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<String> {
        let now = DateTime::parse_from_rfc3339("2026-11-22T12:00:00Z").unwrap();
        parse_moment(text, now.with_timezone(&Utc)).map(|moment| moment.to_rfc3339())
    }

    #[test]
    fn absolute_and_relative_times_are_read() {
        let expected = Some("2026-11-22T06:00:00+00:00".to_owned());
        for text in [
            "now-6h",
            "now-360m",
            "now-21600s",
            "2026-11-22T06:00:00Z",
            "2026-11-22T08:00:00+02:00",
            "2026-11-22T08:00:00 02:00",
        ] {
            assert_eq!(at(text), expected, "{text}");
        }
        assert_eq!(at("now"), Some("2026-11-22T12:00:00+00:00".to_owned()));
        assert_eq!(at("now-1w"), at("now-7d"));
    }

    #[test]
    fn anything_else_is_nothing() {
        for text in [
            "",
            "yesterday",
            "now+1h",
            "now-",
            "now-h",
            "now--1h",
            "now-1y",
            "now-99999999999999999999d",
            "now-9223372036854775807w",
            "2026-11-22",
            "2026-13-01T00:00:00Z",
            "1700000000",
            "now-1ä",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
