//! Usage: every answered request counted in memory, and added to the database every few seconds.
//!
//! | module | holds |
//! |---|---|
//! | `hour_counts` | the counts of one tenant's hour, bounded |
//! | `held` | the counts of all tenants between two flushes |
//! | `ranking` | what was counted as rows: the most used by name, the rest together |
//! | `user_agent` | browser and device by the user agent |
//! | `flusher` | the way to the database, through its outages |
//!
//! Counting takes one short lock that a sixteenth of all tenants share, and allocates only for a key that is new since the last flush.
//! Nothing here waits for the database, and nothing here can fail a request.

mod flusher;
mod held;
mod hour_counts;
mod ranking;
mod user_agent;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use limpid_domain::ids::{TenantId, UrlEndpointNo};
use limpid_domain::usage::{CacheResult, DeliveredFormat};

use crate::config_snapshot::Endpoint;
use crate::failure_recorder::event::EventContext;
use hour_counts::{HourCounts, Room};

pub(crate) use flusher::{GatheredUsage, UsageFlusher, open_journal};

/// Locks; a tenant's counts are behind one of them.
const SHARDS: usize = 16;
/// Keys of all tenants together. Past it a tenant has [`hour_counts::GUARANTEED_KEYS`] of each kind. Units: bytes.
const MAX_KEY_BYTES: usize = 32 << 20;
/// Tenants times hours held at once. It grows past the number of tenants only while the database is away; then a tenant's newer hours are
/// counted in its last one here.
const MAX_TENANT_HOURS: usize = 20_000;
const SECONDS_PER_HOUR: i64 = 3_600;

/// What is counted of a request beside its answer.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) tenant_id: TenantId,
    pub(crate) endpoint_no: UrlEndpointNo,
    pub(crate) cache: CacheResult,
    /// Where one was found: its prefix is part of the path that is shown.
    pub(crate) endpoint: Option<Arc<Endpoint>>,
    /// After the endpoint's prefix, as received.
    pub(crate) path: String,
    pub(crate) transformation: Option<String>,
    pub(crate) referrer: Option<String>,
    pub(crate) user_agent: Option<String>,
}

impl Delivered {
    /// Of a request that got as far as `context`.
    pub(crate) fn new(
        context: EventContext,
        endpoint: Option<Arc<Endpoint>>,
        cache: CacheResult,
    ) -> Self {
        Self {
            tenant_id: context.tenant_id,
            endpoint_no: context.endpoint.0,
            cache,
            endpoint,
            path: context.path,
            transformation: context.transformation,
            referrer: context.referrer,
            user_agent: context.user_agent,
        }
    }
}

/// What is counted of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) at: DateTime<Utc>,
    pub(crate) status: u16,
    /// Of the body.
    pub(crate) bytes: u64,
    pub(crate) format: DeliveredFormat,
}

/// Tenant, and the hour as a number since 1970.
type TenantHour = (TenantId, i64);

/// What was counted since the last time it was taken.
#[derive(Debug, Default)]
pub(crate) struct UsageCounter {
    shards: [Mutex<BTreeMap<TenantHour, HourCounts>>; SHARDS],
    /// Of keys held beyond the guaranteed ones.
    key_bytes: AtomicUsize,
}

impl UsageCounter {
    /// Counts one answer.
    pub(crate) fn count(&self, answered: Answered, delivered: &Delivered) {
        let tenant_id = delivered.tenant_id;
        let Some(shard) = self.shards.get(shard_of(tenant_id)) else {
            return;
        };
        let hour = answered.at.timestamp().div_euclid(SECONDS_PER_HOUR);
        let mut hours = locked(shard);
        let room = Room {
            taken: &self.key_bytes,
            limit: MAX_KEY_BYTES,
        };
        if let Some(counts) = hours.get_mut(&(tenant_id, hour)) {
            counts.count(answered, delivered, room);
            return;
        }
        let is_full = hours.len() >= MAX_TENANT_HOURS / SHARDS;
        let latest = hours
            .range_mut((tenant_id, i64::MIN)..=(tenant_id, i64::MAX))
            .next_back();
        match latest {
            Some((_, counts)) if is_full => counts.count(answered, delivered, room),
            _ => hours
                .entry((tenant_id, hour))
                .or_default()
                .count(answered, delivered, room),
        }
    }

    /// Takes everything that was counted; counting begins anew.
    fn take(&self) -> Vec<(TenantHour, HourCounts)> {
        let mut taken = Vec::new();
        for shard in &self.shards {
            let hours = std::mem::take(&mut *locked(shard));
            taken.extend(hours);
        }
        let bytes = taken.iter().map(|(_, counts)| counts.key_bytes()).sum();
        self.key_bytes.fetch_sub(bytes, Ordering::Relaxed);
        taken
    }
}

fn shard_of(tenant_id: TenantId) -> usize {
    usize::try_from(tenant_id.0).unwrap_or_default() % SHARDS
}

/// Counts stay sums whatever happened to another thread.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
