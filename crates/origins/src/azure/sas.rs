//! A shared access signature: a query the tenant pasted, of which we understand only when it ends.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use percent_encoding::percent_decode_str;

/// A token.
#[derive(Default)]
pub(crate) struct Sas<'a> {
    query: Option<&'a str>,
    end: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for Sas<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sas(until {:?})", self.end)
    }
}

impl<'a> Sas<'a> {
    /// Reads a token with or without its leading `?`.
    pub(crate) fn parse(token: &'a str) -> Self {
        let query = token.trim().trim_start_matches('?');
        let end = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("se="))
            .and_then(|end| moment(&percent_decode_str(end).decode_utf8().ok()?));
        Self {
            query: (!query.is_empty()).then_some(query),
            end,
        }
    }

    /// The query to send.
    pub(crate) fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// When the token ends, where it says so; with a stored access policy it does not.
    pub(crate) fn end(&self) -> Option<DateTime<Utc>> {
        self.end
    }

    /// When the token ended, if that was before `now`.
    pub(crate) fn ended_before(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.end.filter(|end| *end < now)
    }
}

/// Source: "Create a service SAS", the accepted ISO 8601 forms, all of them UTC; seven digits of a second also occur.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(day.and_time(NaiveTime::MIN).and_utc());
    }
    ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|at| at.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_read_in_every_accepted_form() {
        let now = "2026-01-02T00:00:00Z".parse().unwrap();
        for token in [
            "?sv=2022-11-02&se=2026-01-01&sp=r&sig=a%3D",
            "se=2026-01-01T10:00Z",
            "?se=2026-01-01T10%3A00%3A00Z&sig=x",
            "?se=2026-01-01T10:00:00.0000000Z",
        ] {
            assert!(Sas::parse(token).ended_before(now).is_some(), "{token}");
        }
        for token in [
            "?se=2026-01-02T00:00:01Z",
            "?sv=2022-11-02&si=policy&sig=x",
            "?se=soon",
            "",
        ] {
            assert_eq!(Sas::parse(token).ended_before(now), None, "{token}");
        }
    }

    #[test]
    fn the_token_is_sent_as_it_came() {
        assert_eq!(
            Sas::parse("?sv=1&sig=a%2Bb%3D").query(),
            Some("sv=1&sig=a%2Bb%3D")
        );
        assert_eq!(Sas::parse("?").query(), None);
    }
}
