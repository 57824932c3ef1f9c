//! What ends by itself one day: how long is left, how much that matters, and what to do.

use chrono::{DateTime, TimeDelta, Utc};

/// What ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expiring {
    /// The TLS certificate of an origin's server.
    Certificate,
    /// The shared access signature of an `AZURE_BLOB` origin.
    SasToken,
}

/// How soon something ends. Source: `beyond.md` 13: 30, 7 and 1 days before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpirySeverity {
    /// More than 30 days are left.
    Fine,
    /// 30 days or fewer.
    Notice,
    /// 7 days or fewer.
    Warning,
    /// A day or less.
    Critical,
    /// It has ended.
    Expired,
}

impl Expiring {
    /// Its name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::SasToken => "sas_token",
        }
    }

    /// What to do about it, in a sentence; `origin` is the origin's name.
    pub fn advice(self, origin: &str) -> String {
        match self {
            Self::Certificate => format!(
                "Renew the TLS certificate of the server behind origin \"{origin}\" and check that its automatic renewal runs: \
                 once it ends, every fetch is refused (tls_certificate_expired)."
            ),
            Self::SasToken => format!(
                "Issue a new shared access signature with a later se= and save origin \"{origin}\" with it: once it ends, every fetch \
                 is refused (credentials_expired)."
            ),
        }
    }
}

impl ExpirySeverity {
    /// How soon `ends_at` is.
    pub fn of(ends_at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let left = ends_at - now;
        if left <= TimeDelta::zero() {
            Self::Expired
        } else if left <= TimeDelta::days(1) {
            Self::Critical
        } else if left <= TimeDelta::days(7) {
            Self::Warning
        } else if left <= TimeDelta::days(30) {
            Self::Notice
        } else {
            Self::Fine
        }
    }

    /// Its name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Expired => "expired",
        }
    }
}

/// Whole days until `ends_at`; those since then, negative, once it has ended. On the last day and on the first after it
/// that is 0: [`ExpirySeverity`] tells them apart.
pub fn days_left(ends_at: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    (ends_at - now).num_days()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_seven_and_one_days_before_the_end_it_becomes_more_severe() {
        let end: DateTime<Utc> = "2026-12-31T00:00:00Z".parse().unwrap();
        let second = TimeDelta::seconds(1);
        for (before, severity, days) in [
            (TimeDelta::days(30) + second, ExpirySeverity::Fine, 30),
            (TimeDelta::days(30), ExpirySeverity::Notice, 30),
            (TimeDelta::days(7) + second, ExpirySeverity::Notice, 7),
            (TimeDelta::days(7), ExpirySeverity::Warning, 7),
            (TimeDelta::days(1) + second, ExpirySeverity::Warning, 1),
            (TimeDelta::days(1), ExpirySeverity::Critical, 1),
            (second, ExpirySeverity::Critical, 0),
            (TimeDelta::zero(), ExpirySeverity::Expired, 0),
            (-second, ExpirySeverity::Expired, 0),
            (-TimeDelta::days(1), ExpirySeverity::Expired, -1),
            (-TimeDelta::hours(77), ExpirySeverity::Expired, -3),
        ] {
            let now = end - before;
            assert_eq!(ExpirySeverity::of(end, now), severity, "{before}");
            assert_eq!(days_left(end, now), days, "{before}");
        }
        assert!(ExpirySeverity::Expired > ExpirySeverity::Critical);
    }
}
