//! Failures that are answered again for a while without asking anybody: short-lived, bounded, and fair to tenants.
//!
//! How long is a column of the failure table. A tenant's entries hold for one version of its configuration: the first look
//! from another version drops them all. When room is short, the tenant that takes most of it loses its oldest entries, so a flood
//! of missing files of one tenant costs no other tenant anything.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use limpid_domain::failure::AttemptFailure;
use limpid_domain::ids::{TenantId, TenantSeq};

use crate::gates::Admitted;

/// What an entry costs beside what its key and value hold: three allocations, two places in tables. Units: bytes.
const ENTRY_OVERHEAD: usize = 512;
/// One tenant may take this part of the whole.
const TENANT_SHARE: usize = 4;

/// Whose entries, and for which version of its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) tenant: TenantId,
    pub(crate) config_version: TenantSeq,
}

impl Owner {
    /// Of the answer to an admitted request.
    pub(crate) fn of(admitted: &Admitted) -> Self {
        let account = &admitted.order.account;
        Self {
            tenant: account.tenant_id,
            config_version: account.config_version,
        }
    }
}

/// What a key or value holds on the heap. Units: bytes.
pub(crate) trait HeapBytes {
    fn heap_bytes(&self) -> usize;
}

/// Failures by what was asked for.
pub(crate) struct NegativeCache<K, V> {
    /// Held for a look-up, or an insertion with what it evicts; never across an await.
    tenants: Mutex<Tenants<K, V>>,
    max_bytes: usize,
}

struct Tenants<K, V> {
    by_id: HashMap<TenantId, Failures<K, V>>,
    bytes: usize,
}

/// The entries of one tenant.
struct Failures<K, V> {
    config_version: TenantSeq,
    entries: HashMap<Arc<K>, Entry<V>>,
    /// Every insertion, oldest first.
    inserted: VecDeque<Insertion<K>>,
    bytes: usize,
}

struct Entry<V> {
    value: V,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

struct Insertion<K> {
    key: Arc<K>,
    until: DateTime<Utc>,
    bytes: usize,
}

impl<K: Hash + Eq + HeapBytes, V: Clone + HeapBytes> NegativeCache<K, V> {
    /// A cache for `max_bytes` of keys and values; 0 keeps nothing.
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self {
            tenants: Mutex::new(Tenants {
                by_id: HashMap::new(),
                bytes: 0,
            }),
            max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
        }
    }

    /// What failed under `key`, while it may be repeated.
    pub(crate) fn get(&self, owner: Owner, key: &K, now: DateTime<Utc>) -> Option<V> {
        let tenants = self.lock();
        let failures = tenants.by_id.get(&owner.tenant)?;
        if failures.config_version != owner.config_version {
            return None;
        }
        let entry = failures.entries.get(key)?;
        // a clock that was set back must not stretch it
        (entry.since <= now && now < entry.until).then(|| entry.value.clone())
    }

    /// Keeps `value` until a moment; not at all where that has passed or the value is larger than a tenant's share.
    pub(crate) fn insert(
        &self,
        owner: Owner,
        key: K,
        value: V,
        (now, until): (DateTime<Utc>, DateTime<Utc>),
    ) {
        let bytes = ENTRY_OVERHEAD + key.heap_bytes() + value.heap_bytes();
        let share = self.max_bytes / TENANT_SHARE;
        if until <= now || bytes > share {
            return;
        }
        let mut guard = self.lock();
        let tenants = &mut *guard;
        let failures = tenants
            .by_id
            .entry(owner.tenant)
            .or_insert_with(|| Failures::new(owner.config_version));
        let before = failures.bytes;
        if failures.config_version != owner.config_version {
            *failures = Failures::new(owner.config_version);
        }
        failures.push(key, value, bytes, (now, until));
        failures.drop_expired(now);
        while failures.bytes > share {
            failures.drop_oldest();
        }
        tenants.bytes = tenants.bytes - before + failures.bytes;
        if tenants.bytes > self.max_bytes {
            tenants.make_room(self.max_bytes, now);
        }
    }

    /// Forgets the entries of a tenant that this holds for.
    pub(crate) fn forget(&self, tenant: TenantId, is_over: impl Fn(&K) -> bool) {
        // Their insertions stay in the queue, as those of entries that were inserted again do, until their time is over.
        if let Some(failures) = self.lock().by_id.get_mut(&tenant) {
            failures.entries.retain(|key, _| !is_over(key));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tenants<K, V>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V> Tenants<K, V> {
    /// Drops what has expired, then the oldest entries of whoever has most, down to seven eighths: not at every insertion.
    fn make_room(&mut self, max_bytes: usize, now: DateTime<Utc>) {
        for failures in self.by_id.values_mut() {
            failures.drop_expired(now);
        }
        self.by_id
            .retain(|_, failures| !failures.inserted.is_empty());
        self.bytes = self.by_id.values().map(|failures| failures.bytes).sum();
        let enough = max_bytes - max_bytes / 8;
        while self.bytes > enough {
            let largest = self
                .by_id
                .values_mut()
                .max_by_key(|failures| failures.bytes);
            let Some(largest) = largest else { return };
            let before = largest.bytes;
            // half of it at a time: a look at every tenant is dear
            while largest.bytes > before / 2 && self.bytes - (before - largest.bytes) > enough {
                largest.drop_oldest();
            }
            self.bytes -= before - largest.bytes;
        }
    }
}

impl<K: Hash + Eq, V> Failures<K, V> {
    fn new(config_version: TenantSeq) -> Self {
        Self {
            config_version,
            entries: HashMap::new(),
            inserted: VecDeque::new(),
            bytes: 0,
        }
    }

    fn push(
        &mut self,
        key: K,
        value: V,
        bytes: usize,
        (since, until): (DateTime<Utc>, DateTime<Utc>),
    ) {
        let key = Arc::new(key);
        let entry = Entry {
            value,
            since,
            until,
        };
        self.entries.insert(Arc::clone(&key), entry);
        self.inserted.push_back(Insertion { key, until, bytes });
        self.bytes += bytes;
    }

    fn drop_expired(&mut self, now: DateTime<Utc>) {
        while self
            .inserted
            .front()
            .is_some_and(|oldest| oldest.until <= now)
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.inserted.pop_front() else {
            self.bytes = 0;
            return;
        };
        self.bytes = self.bytes.saturating_sub(oldest.bytes);
        // inserted again meanwhile: that insertion has a place in the queue of its own
        let is_current = |entry: &Entry<V>| entry.until == oldest.until;
        if self.entries.get(&oldest.key).is_some_and(is_current) {
            self.entries.remove(&oldest.key);
        }
    }
}

impl<K, V> fmt::Debug for NegativeCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NegativeCache")
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

impl HeapBytes for AttemptFailure {
    fn heap_bytes(&self) -> usize {
        let texts = [
            &self.provider_code,
            &self.provider_request_id,
            &self.location,
            &self.body_excerpt,
            &self.note,
        ];
        let headers = self.response_headers.iter();
        size_of::<Self>()
            + texts.into_iter().flatten().map(String::len).sum::<usize>()
            + headers
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    impl HeapBytes for u32 {
        fn heap_bytes(&self) -> usize {
            0
        }
    }

    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn at(seconds: u64) -> DateTime<Utc> {
        START + Duration::from_secs(seconds)
    }

    fn owner(tenant: i64, config_version: i64) -> Owner {
        Owner {
            tenant: TenantId(tenant),
            config_version: TenantSeq(config_version),
        }
    }

    #[test]
    fn an_entry_is_there_until_its_time_and_not_before_it_was_made() {
        let cache = NegativeCache::<u32, u32>::new(1 << 20);
        cache.insert(owner(1, 1), 7, 70, (at(10), at(15)));
        let seen = [9, 10, 14, 15].map(|second| cache.get(owner(1, 1), &7, at(second)));
        assert_eq!(seen, [None, Some(70), Some(70), None]);
        assert_eq!(cache.get(owner(2, 1), &7, at(10)), None);
        cache.insert(owner(1, 1), 8, 80, (at(10), at(10)));
        assert_eq!(cache.get(owner(1, 1), &8, at(10)), None);
    }

    #[test]
    fn a_later_failure_under_the_same_key_outlives_the_earlier_ones_place() {
        let cache = NegativeCache::<u32, u32>::new(1 << 20);
        cache.insert(owner(1, 1), 7, 70, (at(0), at(5)));
        cache.insert(owner(1, 1), 7, 71, (at(5), at(10)));
        cache.insert(owner(1, 1), 8, 80, (at(6), at(10)));
        assert_eq!(cache.get(owner(1, 1), &7, at(6)), Some(71));
    }

    #[test]
    fn another_version_of_the_configuration_begins_empty() {
        let cache = NegativeCache::<u32, u32>::new(1 << 20);
        cache.insert(owner(1, 1), 7, 70, (at(0), at(5)));
        assert_eq!(cache.get(owner(1, 2), &7, at(1)), None);
        cache.insert(owner(1, 2), 8, 80, (at(1), at(5)));
        assert_eq!(cache.get(owner(1, 1), &7, at(1)), None);
        assert_eq!(cache.get(owner(1, 2), &8, at(1)), Some(80));
        assert_eq!(cache.lock().bytes, ENTRY_OVERHEAD);
    }

    #[test]
    fn a_flood_of_one_tenant_evicts_nobody_elses_entries() {
        let room = 64;
        let cache = NegativeCache::<u32, u32>::new(room * ENTRY_OVERHEAD as u64);
        for tenant in 2..20 {
            cache.insert(owner(tenant, 1), 1, 1, (at(0), at(60)));
        }
        for key in 0..100_000 {
            cache.insert(owner(1, 1), key, key, (at(1), at(60)));
        }
        for tenant in 2..20 {
            assert_eq!(cache.get(owner(tenant, 1), &1, at(2)), Some(1), "{tenant}");
        }
        assert_eq!(cache.get(owner(1, 1), &99_999, at(2)), Some(99_999));
        assert_eq!(cache.get(owner(1, 1), &0, at(2)), None);
        let tenants = cache.lock();
        assert_eq!(tenants.by_id[&TenantId(1)].inserted.len(), 16);
    }

    #[test]
    fn floods_of_many_tenants_stay_within_the_whole_and_spare_the_small() {
        let cache = NegativeCache::<u32, u32>::new(64 * ENTRY_OVERHEAD as u64);
        cache.insert(owner(99, 1), 1, 1, (at(0), at(60)));
        for key in 0..1000 {
            for tenant in 1..10 {
                cache.insert(owner(tenant, 1), key, key, (at(1), at(60)));
                assert!(cache.lock().bytes <= 64 * ENTRY_OVERHEAD);
            }
        }
        assert_eq!(cache.get(owner(99, 1), &1, at(2)), Some(1));
        let tenants = cache.lock();
        let sum: usize = tenants.by_id.values().map(|failures| failures.bytes).sum();
        assert_eq!(sum, tenants.bytes);
    }

    #[test]
    fn what_has_expired_makes_room_first() {
        let cache = NegativeCache::<u32, u32>::new(8 * ENTRY_OVERHEAD as u64);
        for tenant in 1..=8 {
            cache.insert(owner(tenant, 1), 1, 1, (at(0), at(5)));
        }
        for tenant in 11..=18 {
            cache.insert(owner(tenant, 1), 1, 1, (at(5), at(10)));
        }
        for tenant in 11..=18 {
            assert_eq!(cache.get(owner(tenant, 1), &1, at(6)), Some(1), "{tenant}");
        }
    }

    #[test]
    fn nothing_is_kept_without_room() {
        let cache = NegativeCache::<u32, u32>::new(0);
        cache.insert(owner(1, 1), 7, 70, (at(0), at(5)));
        assert_eq!(cache.get(owner(1, 1), &7, at(1)), None);
    }
}
