//! When a rule is silent.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::refusal::Refusal;
use crate::request_body::Fields;

/// Minutes of a day.
const DAY: i32 = 24 * 60;

/// Hours of every day in which nobody is told. They may go over midnight.
///
/// Times are of a fixed distance from UTC: rules of summer time are not known here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuietHours {
    /// When they begin. Shape: `22:00`.
    pub from: String,
    /// When they end. Shape: `07:00`.
    pub to: String,
    /// How far local time is from UTC. Shape: `+01:00`.
    pub utc_offset: String,
}

impl QuietHours {
    /// Reads the member `quietHours` of a body.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub(super) fn parse(value: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(value)?;
        let hours = Self {
            from: fields.required_text("from", 5)?,
            to: fields.required_text("to", 5)?,
            utc_offset: fields
                .optional_text("utcOffset", 6)?
                .unwrap_or_else(|| "+00:00".to_owned()),
        };
        fields.finish()?;
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
        if offset_minutes(&hours.utc_offset).is_none() {
            return Err(Refusal::invalid(
                "quietHours.utcOffset must be a distance from UTC such as +01:00, at most 14 hours",
            ));
        }
        Ok(hours)
    }

    /// Whether nobody is told at this moment.
    pub fn include(&self, at: DateTime<Utc>) -> bool {
        let (Some(from), Some(to), Some(offset)) = (
            minute_of_day(&self.from),
            minute_of_day(&self.to),
            offset_minutes(&self.utc_offset),
        ) else {
            return false;
        };
        let Some(local) = at.checked_add_signed(TimeDelta::minutes(i64::from(offset))) else {
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
        hours.include(format!("2026-11-27T{at}:00Z").parse().unwrap())
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
    fn what_is_no_time_is_refused() {
        for body in [
            json!({}),
            json!({"from": "24:00", "to": "07:00"}),
            json!({"from": "7:00", "to": "08:00"}),
            json!({"from": "07:00", "to": "07:00"}),
            json!({"from": "22:00", "to": "07:00", "utcOffset": "1"}),
            json!({"from": "22:00", "to": "07:00", "utcOffset": "+15:00"}),
            json!({"from": "22:00", "to": "07:00", "zone": "CET"}),
            json!({"from": "+2:00", "to": "07:00"}),
        ] {
            assert!(QuietHours::parse(body.clone()).is_err(), "{body}");
        }
    }
}
