//! The pace of a tenant's error answers: a burst of them leaves one after the other, not all at once.
//!
//! An answer that failed costs nobody a picture, so thousands of clients may get theirs in the same instant: when an origin's circuit
//! opens, or when many failures share one frame of the spool. Clients that ask again at once then take the processors from everybody
//! else for as long as it lasts. Past a burst, a tenant's error answers are therefore spread over the milliseconds that follow.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use limpid_domain::ids::TenantId;

/// Repeats that a tenant is told without any wait after a pause.
const BURST: u32 = 12;
/// Repeats that one tenant is told in a second, for each processor. About a third of what one can tell: `docs/PERFORMANCE.md`, "Isolation".
const REPEATS_PER_SECOND_AND_CORE: u32 = 3_000;
/// Longest wait. A tenant whose clients outrun the pace for longer is held back no further: the machine is then simply too small.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// Tenants remembered before those that have long been within their pace are forgotten.
const MAX_IDLE_TENANTS: usize = 4_096;

/// What an error answer costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Nobody was asked: a refusal, or a failure told again.
    Repeat,
    /// Work that failed, with an event of its own. Measured at three times a repeat.
    New,
}

impl Effort {
    fn in_repeats(self) -> u32 {
        match self {
            Self::Repeat => 1,
            Self::New => 3,
        }
    }
}

/// Tells each error answer how long to wait.
#[derive(Debug)]
pub(crate) struct FailurePace {
    /// When the next answer of a tenant is due if it keeps to the pace. Held to look up, never over an await.
    due: Mutex<HashMap<TenantId, Instant>>,
    interval: Duration,
}

impl FailurePace {
    /// The pace of a machine with this many processors.
    pub(crate) fn new(cores: usize) -> Self {
        let cores = u32::try_from(cores.max(1)).unwrap_or(u32::MAX);
        Self {
            due: Mutex::default(),
            interval: Duration::from_secs(1) / REPEATS_PER_SECOND_AND_CORE.saturating_mul(cores),
        }
    }

    /// Waits until an error answer of `tenant` may leave.
    pub(crate) async fn keep(&self, tenant: TenantId, effort: Effort) {
        let wait = self.wait(tenant, effort, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes the next place, and gives how far off it is.
    fn wait(&self, tenant: TenantId, effort: Effort, now: Instant) -> Duration {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if due.len() > MAX_IDLE_TENANTS {
            due.retain(|_, at| *at > now);
        }
        let ahead = self.interval * BURST;
        let at = due.entry(tenant).or_insert(now);
        let place = (*at).clamp(now, now + ahead + MAX_WAIT);
        *at = place + self.interval * effort.in_repeats();
        place.saturating_duration_since(now + ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId(1);

    #[test]
    fn a_burst_leaves_at_once_and_what_follows_is_spread_out() {
        let pace = FailurePace::new(1);
        let now = Instant::now();
        let repeat = || pace.wait(TENANT, Effort::Repeat, now);
        let waits: Vec<_> = (0..=BURST).map(|_| repeat()).collect();
        assert!(waits.iter().all(Duration::is_zero));
        assert_eq!(repeat(), pace.interval);
        assert_eq!(repeat(), pace.interval * 2);
        assert_eq!(pace.wait(TenantId(2), Effort::Repeat, now), Duration::ZERO);
        let later = now + Duration::from_secs(1);
        assert_eq!(pace.wait(TENANT, Effort::Repeat, later), Duration::ZERO);
    }

    #[test]
    fn what_is_new_takes_more_of_the_pace() {
        let pace = FailurePace::new(1);
        let now = Instant::now();
        let new = || pace.wait(TENANT, Effort::New, now);
        let waits: Vec<_> = (0..6).map(|_| new()).collect();
        assert!(waits[..5].iter().all(Duration::is_zero));
        assert_eq!(waits[5], pace.interval * 3);
    }

    #[test]
    fn no_answer_waits_longer_than_a_second() {
        let pace = FailurePace::new(1);
        let now = Instant::now();
        let longest = (0..20_000).map(|_| pace.wait(TENANT, Effort::Repeat, now));
        assert_eq!(longest.max(), Some(MAX_WAIT));
    }

    #[test]
    fn tenants_that_keep_the_pace_are_forgotten() {
        let pace = FailurePace::new(1);
        let now = Instant::now();
        for tenant in 0..=4_096 {
            pace.wait(TenantId(tenant), Effort::Repeat, now);
        }
        pace.wait(TENANT, Effort::Repeat, now + Duration::from_secs(1));
        assert_eq!(pace.due.lock().unwrap().len(), 1);
    }
}
