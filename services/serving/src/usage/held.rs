//! The counts of all tenants between two flushes, off the counter that requests count in.
//!
//! They are taken from the counter every second, so that they can be put on disk without a request waiting for it, and become rows every few
//! seconds. The bounds are those of the counter.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use limpid_event_store::usage_append::UsageRows;

use super::hour_counts::{CellKey, HourCounts, Room};
use super::{MAX_KEY_BYTES, MAX_TENANT_HOURS, SECONDS_PER_HOUR, TenantHour};

#[derive(Debug, Default)]
pub(super) struct HeldCounts {
    hours: BTreeMap<TenantHour, HourCounts>,
    /// Of keys beyond the guaranteed ones.
    key_bytes: AtomicUsize,
}

impl HeldCounts {
    /// Adds what a counter counted.
    pub(super) fn add(&mut self, counted: &[(TenantHour, HourCounts)]) {
        for (key, counts) in counted {
            self.change(*key, |held, room| held.add(counts, room));
        }
    }

    /// Adds what was counted before as rows of every name.
    pub(super) fn add_rows(&mut self, rows: &UsageRows) {
        let hour_of =
            |at: chrono::DateTime<chrono::Utc>| at.timestamp().div_euclid(SECONDS_PER_HOUR);
        for cell in &rows.cells {
            let key = CellKey {
                endpoint_no: cell.endpoint_no,
                status: u16::try_from(cell.status).unwrap_or_default(),
                cache: cell.cache,
                format: cell.format,
            };
            let place = (cell.tenant_id, hour_of(cell.hour));
            self.change(place, |held, _| held.add_cell(key, cell.counts));
        }
        for top in &rows.tops {
            let key = (top.dimension, top.key.as_str());
            let place = (top.tenant_id, hour_of(top.hour));
            self.change(place, |held, room| held.add_key(key, top.counts, room));
        }
    }

    /// Takes everything; holding begins anew.
    pub(super) fn take(&mut self) -> Vec<(TenantHour, HourCounts)> {
        self.key_bytes.store(0, Ordering::Relaxed);
        std::mem::take(&mut self.hours).into_iter().collect()
    }

    pub(super) fn hours(&self) -> impl Iterator<Item = (&TenantHour, &HourCounts)> {
        self.hours.iter()
    }

    /// Changes the counts of a tenant's hour or, where no room is left for hours, of the tenant's last one.
    fn change(&mut self, key: TenantHour, change: impl FnOnce(&mut HourCounts, Room<'_>)) {
        let room = Room {
            taken: &self.key_bytes,
            limit: MAX_KEY_BYTES,
        };
        let (tenant_id, _) = key;
        let is_full = self.hours.len() >= MAX_TENANT_HOURS && !self.hours.contains_key(&key);
        if is_full {
            let mut of_tenant = self
                .hours
                .range_mut((tenant_id, i64::MIN)..=(tenant_id, i64::MAX));
            if let Some((_, held)) = of_tenant.next_back() {
                return change(held, room);
            }
        }
        change(self.hours.entry(key).or_default(), room);
    }
}
