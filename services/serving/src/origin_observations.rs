//! Observations of origins: how every fetch ended, counted in memory and added to the database every few seconds.
//!
//! | module | holds |
//! |---|---|
//! | `counts` | the counts of one origin, bounded |
//! | `rows` | what was counted as rows |
//! | `node_view` | what the node knows of origins beside fetches: breakers, certificates, credentials |
//! | `flusher` | the way to the database, through its outages |
//!
//! Only requests that ask an origin come here; an observation takes one short lock that a sixteenth of all tenants share and one look-up.
//! Nothing here waits for the database, and nothing here can fail a request.

mod counts;
mod flusher;
mod node_view;
mod rows;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use limpid_delivery_url::FilePath;
use limpid_domain::failure::path_template::{path_template, stable_hash};
use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::ids::{OriginId, OriginNo, TenantId};
use limpid_domain::origin_health::FetchVerdict;

use crate::config_snapshot::Origin;
use crate::failure_recorder::event::stored_path;
use counts::OriginCounts;

pub(crate) use flusher::{GatheredObservations, OriginFlusher, open_journal};
pub(crate) use node_view::NodeView;

/// Locks; a tenant's counts are behind one of them.
const SHARDS: usize = 16;
/// Path templates, each for five minutes, that one tenant may have between two flushes. Successes of further ones are not counted, so that
/// their groups of failures are resolved later, or by silence.
const MAX_TEMPLATES: usize = 1_000;
/// Those that every tenant may have, however many others have.
const GUARANTEED_TEMPLATES: usize = 32;
/// Those of all tenants together, beyond the guaranteed ones.
const MAX_ALL_TEMPLATES: usize = 50_000;
/// Width of the slots that successes of templates are counted in. Units: s.
const SLOT_SECONDS: i64 = 300;

/// How a fetch ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndedFetch<'a> {
    pub(crate) at: DateTime<Utc>,
    pub(crate) took: Duration,
    pub(crate) failure: Option<&'a AttemptFailure>,
}

/// A path template at an origin, in one slot of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct TemplateSlot {
    origin_no: OriginNo,
    template_hash: i64,
    /// Number of the slot since 1970.
    slot: i64,
}

#[derive(Debug, Clone, Copy)]
struct Successes {
    count: i32,
    last_at: DateTime<Utc>,
}

/// What was observed since the last time it was taken.
#[derive(Debug, Default)]
pub(crate) struct OriginObservations {
    shards: [Mutex<Shard>; SHARDS],
    /// Templates beyond the guaranteed ones.
    templates: AtomicUsize,
}

#[derive(Debug, Clone, Default)]
struct Shard {
    origins: HashMap<(TenantId, OriginId), OriginCounts>,
    templates: HashMap<TenantId, HashMap<TemplateSlot, Successes>>,
}

impl OriginObservations {
    /// Observes the end of one fetch from `origin`.
    pub(crate) fn fetched(&self, tenant_id: TenantId, origin: &Origin, ended: EndedFetch<'_>) {
        let verdict = match ended.failure {
            None => FetchVerdict::Served,
            Some(failure) if failure.is_overload => FetchVerdict::NotAsked,
            Some(failure) => FetchVerdict::of_failure(failure.reason),
        };
        if verdict == FetchVerdict::NotAsked {
            return;
        }
        let Some(mut shard) = self.shard(tenant_id) else {
            return;
        };
        let counts = shard.origins.entry((tenant_id, origin.id));
        let counts = counts.or_insert_with(|| OriginCounts::new(origin));
        if origin.version > counts.version {
            counts.change_version(origin);
        }
        let reason = ended
            .failure
            .map_or(Reason::Internal, |failed| failed.reason);
        counts.count(verdict, ended, reason);
    }

    /// Observes that a file of `origin` became a picture.
    pub(crate) fn served(
        &self,
        tenant_id: TenantId,
        origin_no: OriginNo,
        served: (&FilePath, DateTime<Utc>),
    ) {
        let (file, at) = served;
        let template = path_template(&stored_path(&format!("/{}", file.as_raw())));
        let slot = TemplateSlot {
            origin_no,
            template_hash: stable_hash(&template),
            slot: at.timestamp().div_euclid(SLOT_SECONDS),
        };
        let Some(mut shard) = self.shard(tenant_id) else {
            return;
        };
        let slots = shard.templates.entry(tenant_id).or_default();
        if let Some(successes) = slots.get_mut(&slot) {
            successes.count = successes.count.saturating_add(1);
            successes.last_at = successes.last_at.max(at);
            return;
        }
        if slots.len() >= MAX_TEMPLATES {
            return;
        }
        if slots.len() >= GUARANTEED_TEMPLATES {
            if self.templates.load(Ordering::Relaxed) >= MAX_ALL_TEMPLATES {
                return;
            }
            // Threads that look at the same moment may go past the limit by one each.
            self.templates.fetch_add(1, Ordering::Relaxed);
        }
        slots.insert(
            slot,
            Successes {
                count: 1,
                last_at: at,
            },
        );
    }

    /// Takes everything that was observed; counting begins anew.
    fn take(&self) -> Vec<Shard> {
        let taken: Vec<Shard> = self
            .shards
            .iter()
            .map(|shard| std::mem::take(&mut *locked(shard)))
            .collect();
        let slots = taken.iter().flat_map(|shard| shard.templates.values());
        let beyond: usize = slots
            .map(|slots| slots.len().saturating_sub(GUARANTEED_TEMPLATES))
            .sum();
        self.templates.fetch_sub(beyond, Ordering::Relaxed);
        taken
    }

    /// Everything that was observed since the last time it was taken; it stays.
    fn observed(&self) -> Vec<Shard> {
        let shards = self.shards.iter();
        shards.map(|shard| locked(shard).clone()).collect()
    }

    fn shard(&self, tenant_id: TenantId) -> Option<MutexGuard<'_, Shard>> {
        let place = usize::try_from(tenant_id.0).unwrap_or_default() % SHARDS;
        self.shards.get(place).map(locked)
    }
}

/// Counts stay sums whatever happened to another thread.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
