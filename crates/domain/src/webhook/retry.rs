//! When a delivery that failed is tried again.

use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::WebhookDeliveryId;

/// Pauses after the first, second … attempt. Units: seconds. Source: the Standard Webhooks specification, "Delivery retries", and what its
/// authors' service does: over a day, so that a receiver may be down for a night.
const PAUSES: [i64; 7] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];

/// Attempts of one delivery, the first one included.
pub const MAX_ATTEMPTS: i16 = 8;

/// A webhook whose deliveries have all failed for this long is disabled. Source: as [`PAUSES`].
pub const FAILING_UNTIL_DISABLED: TimeDelta = TimeDelta::days(5);

/// The moment of the next attempt after `attempts` of them, the last at `at`; `None` when it is given up.
///
/// Up to a tenth of the pause is added, by the delivery's id: deliveries that failed together do not come back together.
pub fn next_attempt(
    id: WebhookDeliveryId,
    attempts: i16,
    at: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let index = usize::try_from(attempts).ok()?.checked_sub(1)?;
    let pause = TimeDelta::seconds(*PAUSES.get(index)?);
    // The id's last bytes are random.
    let (_, random) = id.0.as_u64_pair();
    let thousandths = i64::try_from(random % 100).unwrap_or(0);
    at.checked_add_signed(pause + pause * i32::try_from(thousandths).unwrap_or(0) / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_after_eight_attempts() {
        let id = WebhookDeliveryId::mint();
        let start: DateTime<Utc> = "2026-11-27T00:00:00Z".parse().unwrap();
        let mut at = start;
        let mut attempts = 1;
        while let Some(next) = next_attempt(id, attempts, at) {
            let index = usize::try_from(attempts - 1).unwrap();
            let pause = TimeDelta::seconds(PAUSES[index]);
            assert!(
                next - at >= pause && next - at <= pause * 11 / 10,
                "{attempts}"
            );
            at = next;
            attempts += 1;
        }
        assert_eq!(attempts, MAX_ATTEMPTS);
        assert!(at - start > TimeDelta::hours(27) && at - start < TimeDelta::hours(31));
    }
}
