//! When a rule is silent.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::refusal::Refusal;
use crate::request_body::Fields;

/// Minutes of a day.
const DAY: i32 = 24 * 60;

/// Longest name of a time zone; the longest there is has 32.
const MAX_ZONE_CHARS: usize = 64;

/// Hours of every day in which nobody is told. They may go over midnight.
///
/// Times are those of a time zone, summer time included, or of a fixed distance from UTC. What a zone's distance is at a moment is not known
/// here: whoever asks says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuietHours {
    /// When they begin. Shape: `22:00`.
    pub from: String,
    /// When they end. Shape: `07:00`.
    pub to: String,
    /// How far local time is from UTC, always. Shape: `+01:00`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub utc_offset: Option<String>,
    /// Whose local time it is instead. Shape: a name of the IANA time zone database, `Europe/Berlin`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub time_zone: Option<String>,
}

impl QuietHours {
    /// Reads the member `quietHours` of a body.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub(super) fn parse(value: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(value)?;
        let mut hours = Self {
            from: fields.required_text("from", 5)?,
            to: fields.required_text("to", 5)?,
            utc_offset: fields.optional_text("utcOffset", 6)?,
            time_zone: fields.optional_text("timeZone", MAX_ZONE_CHARS)?,
        };
        fields.finish()?;
        match (&hours.utc_offset, &hours.time_zone) {
            (Some(_), Some(_)) => {
                return Err(Refusal::invalid(
                    "quietHours has either timeZone or utcOffset",
                ));
            }
            (None, None) => hours.utc_offset = Some("+00:00".to_owned()),
            (Some(_), None) | (None, Some(_)) => {}
        }
        let (Some(from), Some(to)) = (minute_of_day(&hours.from), minute_of_day(&hours.to)) else {
            return Err(Refusal::invalid(
                "quietHours.from and quietHours.to must be times such as 22:00",
            ));
        };
        if from == to {
            return Err(Refusal::invalid(
                "quietHours must end at another time than they begin; disable the rule instead",
            ));
        }
        let offset = hours.utc_offset.as_deref();
        if offset.is_some_and(|offset| offset_minutes(offset).is_none()) {
            return Err(Refusal::invalid(
                "quietHours.utcOffset must be a distance from UTC such as +01:00, at most 14 hours",
            ));
        }
        Ok(hours)
    }

    /// Whether nobody is told at this moment, at which their time zone is `zone_offset` ahead of UTC. Where that is not known they are over:
    /// rather a message too many than none.
    pub fn include(&self, at: DateTime<Utc>, zone_offset: Option<TimeDelta>) -> bool {
        let offset = match &self.utc_offset {
            Some(offset) => {
                offset_minutes(offset).map(|minutes| TimeDelta::minutes(i64::from(minutes)))
            }
            None => zone_offset,
        };
        let (Some(from), Some(to), Some(offset)) =
            (minute_of_day(&self.from), minute_of_day(&self.to), offset)
        else {
            return false;
        };
        let Some(local) = at.checked_add_signed(offset) else {
            return false;
        };
        let minute = i32::try_from(local.hour() * 60 + local.minute()).unwrap_or(0);
        let since_from = (minute - from).rem_euclid(DAY);
        since_from < (to - from).rem_euclid(DAY)
    }
}

/// `22:00` as minutes of the day.
fn minute_of_day(text: &str) -> Option<i32> {
    let (hour, minute) = text.split_once(':')?;
    let is_shaped = hour.len() == 2 && minute.len() == 2;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_shaped || !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (i32, i32) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// `+01:00` as minutes.
fn offset_minutes(text: &str) -> Option<i32> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return None,
    };
    let minutes = minute_of_day(rest)?;
    // Kiribati is farthest, at +14:00.
    (minutes <= 14 * 60).then_some(sign * minutes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn include(hours: &Value, at: &str) -> bool {
        let hours = QuietHours::parse(hours.clone()).unwrap();
        let at = format!("2026-11-27T{at}:00Z").parse().unwrap();
        hours.include(at, None)
    }

    #[test]
    fn hours_go_over_midnight_and_end_before_their_end() {
        let night = json!({"from": "22:00", "to": "07:00"});
        for (at, quiet) in [
            ("21:59", false),
            ("22:00", true),
            ("03:00", true),
            ("06:59", true),
            ("07:00", false),
        ] {
            assert_eq!(include(&night, at), quiet, "{at}");
        }
        let berlin = json!({"from": "22:00", "to": "07:00", "utcOffset": "+01:00"});
        assert!(include(&berlin, "21:00"));
        assert!(!include(&berlin, "06:30"));
        let new_york = json!({"from": "00:00", "to": "01:00", "utcOffset": "-05:00"});
        assert!(include(&new_york, "05:30"));
    }

    #[test]
    fn hours_of_a_time_zone_follow_its_distance_from_utc() {
        let night = json!({"from": "22:00", "to": "07:00", "timeZone": "Europe/Berlin"});
        let hours = QuietHours::parse(night.clone()).unwrap();
        assert_eq!(serde_json::to_value(&hours).unwrap(), night);
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (winter, summer) = (Some(TimeDelta::hours(1)), Some(TimeDelta::hours(2)));
        assert!(!hours.include(at("2026-01-10T20:30:00Z"), winter));
        assert!(hours.include(at("2026-07-10T20:30:00Z"), summer));
        assert!(hours.include(at("2026-01-10T05:30:00Z"), winter));
        assert!(!hours.include(at("2026-07-10T05:30:00Z"), summer));
        assert!(!hours.include(at("2026-07-10T23:00:00Z"), None));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for body in [
            json!({}),
            json!({"from": "24:00", "to": "07:00"}),
            json!({"from": "7:00", "to": "08:00"}),
            json!({"from": "07:00", "to": "07:00"}),
            json!({"from": "22:00", "to": "07:00", "utcOffset": "1"}),
            json!({"from": "22:00", "to": "07:00", "utcOffset": "+15:00"}),
            json!({"from": "22:00", "to": "07:00", "zone": "CET"}),
            json!({"from": "22:00", "to": "07:00", "timeZone": "Europe/Berlin", "utcOffset": "+01:00"}),
            json!({"from": "22:00", "to": "07:00", "timeZone": 60}),
            json!({"from": "+2:00", "to": "07:00"}),
        ] {
            assert!(QuietHours::parse(body.clone()).is_err(), "{body}");
        }
    }
}
