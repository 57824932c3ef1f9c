//! A period of UTC days, with ImageKit's four refusals.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use limpid_read_models::filter::Window;
use url::form_urlencoded;

use crate::error::ApiError;

/// First span that is refused. Source: `imagekit.md` 4.4. Units: days.
const TOO_MANY_DAYS: i64 = 90;

/// Whether the end date is part of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastDay {
    /// `/usage`
    Excluded,
    /// `/usage-analytics`
    Included,
}

/// A period of UTC days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days {
    /// As it was sent.
    pub(super) start: NaiveDate,
    /// As it was sent.
    pub(super) end: NaiveDate,
    last: LastDay,
}

impl Days {
    /// Reads `startDate` and `endDate`; other parameters are none of our business, as with ImageKit.
    ///
    /// # Errors
    ///
    /// [`ApiError::Refused`] with ImageKit's sentences.
    pub(super) fn read(query: Option<&str>, last: LastDay) -> Result<Self, ApiError> {
        let refused = |sentence: &str| ApiError::Refused(sentence.to_owned());
        let value = |name: &str| {
            form_urlencoded::parse(query.unwrap_or_default().as_bytes())
                .find(|(given, value)| given == name && !value.is_empty())
                .map(|(_, value)| value.into_owned())
        };
        let (Some(start), Some(end)) = (value("startDate"), value("endDate")) else {
            return Err(refused(
                "startDate and endDate are required in query parameters.",
            ));
        };
        let (Some(start), Some(end)) = (date(&start), date(&end)) else {
            return Err(refused(
                "startDate and endDate should be in format YYYY-MM-DD.",
            ));
        };
        let is_in_order = match last {
            LastDay::Excluded => start < end,
            LastDay::Included => start <= end,
        };
        if !is_in_order {
            return Err(refused("startDate should be before endDate."));
        }
        if end.signed_duration_since(start).num_days() >= TOO_MANY_DAYS {
            return Err(refused("startDate and endDate should be within 90 days."));
        }
        Ok(Self { start, end, last })
    }

    /// From the first moment of the first day to the first after the last.
    pub(super) fn window(self) -> Window {
        let after = match self.last {
            LastDay::Excluded => self.end,
            LastDay::Included => self.end.succ_opt().unwrap_or(self.end),
        };
        Window {
            from: midnight(self.start),
            to: midnight(after),
        }
    }
}

/// Reads `YYYY-MM-DD` and nothing looser.
fn date(text: &str) -> Option<NaiveDate> {
    let is_shaped = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_shaped {
        return None;
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(query: &str, last: LastDay) -> String {
        Days::read(Some(query), last).unwrap_err().to_string()
    }

    #[test]
    fn dates_are_refused_with_imagekits_sentences() {
        for (query, sentence) in [
            (
                "",
                "startDate and endDate are required in query parameters.",
            ),
            (
                "startDate=2026-11-01&endDate=",
                "startDate and endDate are required in query parameters.",
            ),
            (
                "startDate=2026-11-1&endDate=2026-11-02",
                "startDate and endDate should be in format YYYY-MM-DD.",
            ),
            (
                "startDate=2026-02-30&endDate=2026-03-02",
                "startDate and endDate should be in format YYYY-MM-DD.",
            ),
            (
                "startDate=2026-11-02&endDate=2026-11-02",
                "startDate should be before endDate.",
            ),
            (
                "startDate=2026-08-01&endDate=2026-10-30",
                "startDate and endDate should be within 90 days.",
            ),
        ] {
            assert_eq!(refusal(query, LastDay::Excluded), sentence, "{query}");
        }
    }

    #[test]
    fn the_end_is_part_of_the_period_only_where_it_is_said_to_be() {
        let query = Some("startDate=2026-11-02&endDate=2026-11-02&x=1");
        let window = Days::read(query, LastDay::Included).unwrap().window();
        assert_eq!(window.from.to_rfc3339(), "2026-11-02T00:00:00+00:00");
        assert_eq!(window.to.to_rfc3339(), "2026-11-03T00:00:00+00:00");
        let query = Some("startDate=2026-11-02&endDate=2026-11-05");
        let window = Days::read(query, LastDay::Excluded).unwrap().window();
        assert_eq!(window.to.to_rfc3339(), "2026-11-05T00:00:00+00:00");
    }
}
