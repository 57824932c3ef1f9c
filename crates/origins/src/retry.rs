//! When an attempt is repeated inside one request, and how long it waits before.

use std::time::Duration;

use limpid_domain::failure::{AttemptFailure, Reason, RetryRule};

/// A `Retry-After` up to this is worth waiting for inside a request. Source: `reliability.md` F75.
const SHORT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The pause before a repeat is drawn from this range, in milliseconds, so that many requests don't come back together.
pub(crate) const JITTER_MS: std::ops::RangeInclusive<u64> = 50..=150;

/// A repeat needs at least this much time to be worth the load it causes.
const MIN_TIME_FOR_A_RETRY: Duration = Duration::from_millis(500);

/// How long to wait before repeating a failed attempt, or `None` if it is final.
pub(crate) fn pause(
    failed: &AttemptFailure,
    retries: u8,
    jitter: Duration,
    remaining: Duration,
) -> Option<Duration> {
    if retries > 0 {
        return None;
    }
    let pause = match failed.reason.row().retry {
        RetryRule::Never => return None,
        // Its one repeat, with the region the provider names, happens inside the S3 fetch.
        RetryRule::Once if failed.reason == Reason::WrongRegion => return None,
        RetryRule::Once => jitter,
        RetryRule::RetryAfterIfShort => {
            let asked = failed.retry_after?;
            if asked > SHORT_RETRY_AFTER {
                return None;
            }
            asked + jitter
        }
    };
    (remaining > pause + MIN_TIME_FOR_A_RETRY).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JITTER: Duration = Duration::from_millis(100);
    const PLENTY: Duration = Duration::from_secs(20);

    fn after(reason: Reason, retry_after: Option<Duration>, retries: u8) -> Option<Duration> {
        let mut failed = AttemptFailure::new(reason);
        failed.retry_after = retry_after;
        pause(&failed, retries, JITTER, PLENTY)
    }

    #[test]
    fn the_table_says_what_is_repeated() {
        assert_eq!(after(Reason::ConnectionReset, None, 0), Some(JITTER));
        assert_eq!(after(Reason::ConnectionReset, None, 1), None);
        assert_eq!(after(Reason::ObjectNotFound, None, 0), None);
        assert_eq!(after(Reason::WrongRegion, None, 0), None);
    }

    #[test]
    fn only_a_short_retry_after_is_waited_for() {
        let limited = |seconds| {
            after(
                Reason::OriginRateLimited,
                Some(Duration::from_secs(seconds)),
                0,
            )
        };
        assert_eq!(limited(1), Some(Duration::from_secs(1) + JITTER));
        assert_eq!(limited(2), None);
        assert_eq!(after(Reason::OriginRateLimited, None, 0), None);
    }

    #[test]
    fn nothing_is_repeated_shortly_before_the_deadline() {
        let failed = AttemptFailure::new(Reason::OriginServerError);
        assert_eq!(pause(&failed, 0, JITTER, Duration::from_millis(550)), None);
    }
}
