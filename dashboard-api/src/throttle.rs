//! How often one account may ask for what costs more than a query.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use limpid_domain::ids::TenantId;

const WINDOW: Duration = Duration::from_mins(1);

/// Counts per account and minute. Accounts that have not asked for a minute are forgotten.
#[derive(Debug)]
pub(crate) struct Throttle {
    per_minute: u32,
    windows: Mutex<HashMap<TenantId, (Instant, u32)>>,
}

/// Asked too often; the time after which to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooOften(pub(crate) Duration);

impl Throttle {
    /// So many per account and minute.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            windows: Mutex::default(),
        }
    }

    /// Counts one.
    ///
    /// Errors: [`TooOften`]; refused ones are not counted.
    pub(crate) fn count(&self, tenant_id: TenantId, now: Instant) -> Result<(), TooOften> {
        let mut windows = self
            .windows
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        windows.retain(|_, (began, _)| now.saturating_duration_since(*began) < WINDOW);
        let (began, count) = windows.entry(tenant_id).or_insert((now, 0));
        if *count >= self.per_minute {
            return Err(TooOften(
                WINDOW.saturating_sub(now.saturating_duration_since(*began)),
            ));
        }
        *count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_waits_for_its_minute_and_others_do_not() {
        let throttle = Throttle::new(2);
        let now = Instant::now();
        let later = now + Duration::from_secs(20);
        assert_eq!(throttle.count(TenantId(1), now), Ok(()));
        assert_eq!(throttle.count(TenantId(1), now), Ok(()));
        let wait = TooOften(Duration::from_secs(40));
        assert_eq!(throttle.count(TenantId(1), later), Err(wait));
        assert_eq!(throttle.count(TenantId(2), later), Ok(()));
        assert_eq!(throttle.count(TenantId(1), now + WINDOW), Ok(()));
    }
}
