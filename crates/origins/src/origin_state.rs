//! What is remembered about an origin between fetches: connections, free slots, health, the region it turned out to be in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use limpid_domain::failure::Reason;
use limpid_domain::ids::{OriginId, StreamVersion, TenantId};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::attempt::{Attempt, AttemptResult, failure};
use crate::bearer::TokenCell;
use crate::breaker::{BreakerLimits, BreakerState, Breakers};
use crate::config::FetchConfig;
use crate::fetch::OriginAccess;
use crate::transport::pool::Pool;

/// An origin nobody asked for this long is forgotten, with its idle connections.
const FORGET_AFTER: Duration = Duration::from_mins(2);

/// One origin in one version: a change of the origin begins anew, with new connections.
#[derive(Debug)]
pub(crate) struct OriginState {
    /// Its idle connections.
    pub(crate) pool: Arc<Pool>,
    /// Its access token, for kinds that have one.
    pub(crate) token: TokenCell,
    /// Whether it may be asked.
    pub(crate) breakers: Breakers,
    slots: Semaphore,
    // Standard mutexes: held to copy a value, never over an await.
    region: Mutex<Option<String>>,
    certificate_ends_at: Mutex<Option<DateTime<Utc>>>,
    last_used: Mutex<Instant>,
}

/// Every origin asked lately.
#[derive(Debug)]
pub(crate) struct OriginStates {
    states: Mutex<Registry>,
    max_concurrency: usize,
    concurrency_wait: Duration,
    breaker: BreakerLimits,
}

/// How one origin fares at present, for people and dashboards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginHealth {
    /// Whose origin it is.
    pub tenant_id: TenantId,
    /// Which origin.
    pub origin_id: OriginId,
    /// Which version of it.
    pub version: StreamVersion,
    /// Fetches under way.
    pub in_flight: usize,
    /// Its breaker by server: one with the empty name, or for a web proxy one for each server (`host:port`) asked lately.
    pub breakers: Vec<(String, BreakerState)>,
    /// Until when the certificate is valid that the last new connection showed; of a web proxy, whose servers are many,
    /// it is that of the server asked last.
    pub certificate_ends_at: Option<DateTime<Utc>>,
}

type Key = (TenantId, OriginId, StreamVersion);

#[derive(Debug)]
struct Registry {
    by_origin: HashMap<Key, Arc<OriginState>>,
    last_sweep: Instant,
}

impl OriginStates {
    /// Nothing remembered yet.
    pub(crate) fn new(config: &FetchConfig) -> Self {
        Self {
            states: Mutex::new(Registry {
                by_origin: HashMap::new(),
                last_sweep: Instant::now(),
            }),
            max_concurrency: config
                .max_concurrency_per_origin
                .clamp(1, Semaphore::MAX_PERMITS),
            concurrency_wait: config.concurrency_wait,
            breaker: config.breaker,
        }
    }

    /// How the origins asked lately fare, in the order of tenant and origin.
    pub(crate) fn health(&self, now: Instant) -> Vec<OriginHealth> {
        let registry = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let states = registry.by_origin.iter();
        let mut health: Vec<OriginHealth> = states
            .map(|(&(tenant_id, origin_id, version), state)| OriginHealth {
                tenant_id,
                origin_id,
                version,
                in_flight: self
                    .max_concurrency
                    .saturating_sub(state.slots.available_permits()),
                breakers: state.breakers.states(now),
                certificate_ends_at: state.certificate_ends_at(),
            })
            .collect();
        drop(registry);
        health.sort_by_key(|origin| (origin.tenant_id, origin.origin_id, origin.version));
        health
    }

    /// What is remembered about an origin.
    pub(crate) fn of(&self, access: &OriginAccess<'_>) -> Arc<OriginState> {
        let key = (access.tenant_id, access.origin_id, access.version);
        let mut registry = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if registry.last_sweep.elapsed() > FORGET_AFTER {
            registry.last_sweep = Instant::now();
            registry.by_origin.retain(|_, state| !state.is_forgotten());
        }
        let state = registry
            .by_origin
            .entry(key)
            .or_insert_with(|| Arc::new(OriginState::new(self.max_concurrency, self.breaker)));
        state.touch();
        Arc::clone(state)
    }

    /// Waits for a free slot at an origin.
    ///
    /// Errors: `origin_concurrency_limit`.
    pub(crate) async fn slot<'s>(
        &self,
        state: &'s OriginState,
        attempt: &Attempt<'_>,
    ) -> AttemptResult<SemaphorePermit<'s>> {
        if let Ok(slot) = state.slots.try_acquire() {
            return Ok(slot);
        }
        let queued = attempt.within(self.concurrency_wait, state.slots.acquire());
        if let Ok(Ok(slot)) = queued.await {
            return Ok(slot);
        }
        let running = self.max_concurrency;
        Err(failure(
            Reason::OriginConcurrencyLimit,
            format!("{running} fetches were running at this origin already"),
        ))
    }
}

impl OriginState {
    fn new(max_concurrency: usize, breaker: BreakerLimits) -> Self {
        Self {
            pool: Arc::new(Pool::default()),
            token: TokenCell::default(),
            breakers: Breakers::new(breaker),
            slots: Semaphore::new(max_concurrency),
            region: Mutex::new(None),
            certificate_ends_at: Mutex::new(None),
            last_used: Mutex::new(Instant::now()),
        }
    }

    /// The region the provider named, if it had to.
    pub(crate) fn region(&self) -> Option<String> {
        self.region
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Remembers the region the provider named.
    pub(crate) fn learn_region(&self, region: String) {
        *self.region.lock().unwrap_or_else(PoisonError::into_inner) = Some(region);
    }

    /// Remembers until when the certificate of a new connection is valid.
    pub(crate) fn learn_certificate_end(&self, end: DateTime<Utc>) {
        *self
            .certificate_ends_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    fn certificate_ends_at(&self) -> Option<DateTime<Utc>> {
        *self
            .certificate_ends_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        *self
            .last_used
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_forgotten(self: &Arc<Self>) -> bool {
        let last_used = *self
            .last_used
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::strong_count(self) == 1 && last_used.elapsed() > FORGET_AFTER
    }
}
