//! When successes say that a group is over.
//!
//! A template stands for many files, and one file that is served says nothing about another that is still missing. So two things must
//! hold before successes count for anything: so many of them that, had failures gone on at their old share, at least five would be among
//! them; and so long a quiet that, had they gone on at their old pace, at least five would have fallen into it. If failures came at
//! random either would be missed by chance less than once in a hundred times (e⁻⁵). They do not quite come at random, but with the
//! hours of the day and the week: therefore the quiet must also be twice the longest pause that the group was seen to make.

use chrono::{DateTime, TimeDelta, Utc};

/// No quiet that is shorter says anything.
pub const LEAST_QUIET: TimeDelta = TimeDelta::minutes(10);

/// Quiet after a single failure, whose pace nobody knows.
const QUIET_AFTER_ONE: TimeDelta = TimeDelta::days(1);

/// Failures that would have been seen if nothing had changed.
const EXPECTED_FAILURES: i32 = 5;

/// Pauses the quiet must last for.
const PAUSES: i32 = 2;

/// What is known of the successes of a group's path template at its origin, and of the failures that they are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuccessFacts {
    /// Failures since the present run of failures began.
    pub failures: i64,
    /// The longest time without a failure between two of the last week, as hourly counts show it.
    pub longest_pause: TimeDelta,
    /// Successes since the present run of failures began, up to its last failure.
    pub successes_before: i64,
    /// Successes since then.
    pub successes_since: i64,
    /// All failures before this moment are counted.
    pub known_to: DateTime<Utc>,
}

impl SuccessFacts {
    /// Whether enough was served for long enough since `silent_since`, after failures that lasted for `lasted`.
    pub(super) fn say_that_it_is_over(
        &self,
        silent_since: DateTime<Utc>,
        lasted: TimeDelta,
    ) -> bool {
        self.are_enough() && self.known_to - silent_since >= self.quiet_needed(lasted)
    }

    /// One is added to what came before, so that a share of 1 is never believed: it would take one success for proof.
    fn are_enough(&self) -> bool {
        let failures = i128::from(self.failures.max(1));
        let all_before = failures + i128::from(self.successes_before) + 1;
        i128::from(self.successes_since) * failures >= all_before * i128::from(EXPECTED_FAILURES)
    }

    fn quiet_needed(&self, lasted: TimeDelta) -> TimeDelta {
        let intervals = i32::try_from(self.failures - 1).unwrap_or(i32::MAX);
        let by_pace = if intervals < 1 {
            QUIET_AFTER_ONE
        } else {
            lasted.max(TimeDelta::zero()) / intervals * EXPECTED_FAILURES
        };
        by_pace.max(self.longest_pause * PAUSES).max(LEAST_QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-{text}Z").parse().unwrap()
    }

    /// 61 failures in an hour, one a minute, beside as many successes.
    fn known_to(text: &str) -> SuccessFacts {
        SuccessFacts {
            failures: 61,
            longest_pause: TimeDelta::minutes(2),
            successes_before: 60,
            successes_since: 1_000,
            known_to: at(text),
        }
    }

    fn are_over(facts: &SuccessFacts) -> bool {
        facts.say_that_it_is_over(at("20T09:00:00"), TimeDelta::hours(1))
    }

    #[test]
    fn quiet_lasts_for_five_failures_two_pauses_and_ten_minutes() {
        assert!(!are_over(&known_to("20T09:09:59")));
        assert!(are_over(&known_to("20T09:10:00")));
        let slow = |text| SuccessFacts {
            failures: 13,
            ..known_to(text)
        };
        assert!(!are_over(&slow("20T09:24:59")), "one in five minutes");
        assert!(are_over(&slow("20T09:25:00")));
        let with_pause = |text| SuccessFacts {
            longest_pause: TimeDelta::hours(14),
            ..known_to(text)
        };
        assert!(!are_over(&with_pause("21T12:59:59")), "a night");
        assert!(are_over(&with_pause("21T13:00:00")));
    }

    #[test]
    fn a_single_failure_takes_a_day_and_so_do_none_after_a_reopening() {
        for failures in [0, 1] {
            let facts = |text| SuccessFacts {
                failures,
                longest_pause: TimeDelta::zero(),
                ..known_to(text)
            };
            assert!(!are_over(&facts("21T08:59:59")));
            assert!(are_over(&facts("21T09:00:00")));
        }
    }

    #[test]
    fn there_are_so_many_successes_that_five_would_have_failed() {
        for (failures, before, needed) in [
            (1, 0, 10),
            (61, 60, 10),
            (1_000, 0, 6),
            // One file in a hundred: of five hundred, five would have failed.
            (10, 990, 501),
            (1, 10_000, 50_010),
        ] {
            let facts = |since| SuccessFacts {
                failures,
                successes_before: before,
                successes_since: since,
                ..known_to("25T09:00:00")
            };
            assert!(!are_over(&facts(needed - 1)), "{failures} {before}");
            assert!(are_over(&facts(needed)), "{failures} {before}");
        }
    }

    #[test]
    fn one_lucky_file_proves_nothing_however_long_it_is_quiet() {
        let facts = SuccessFacts {
            failures: i64::MAX,
            successes_before: i64::MAX,
            successes_since: 1,
            ..known_to("26T00:00:00")
        };
        assert!(!are_over(&facts));
        assert!(!are_over(&SuccessFacts {
            failures: 1_000_000,
            successes_before: 0,
            ..facts
        }));
    }
}
