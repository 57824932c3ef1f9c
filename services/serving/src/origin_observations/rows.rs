//! What was observed as rows, in a fixed order.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use limpid_domain::ids::{OriginId, OriginNo, TenantId};
use limpid_event_store::origin_observation_append::{
    OriginHour, OriginRows, OriginSeen, SLOTS_PER_HOUR, TemplateServed,
};

use super::counts::OriginCounts;
use super::{SLOT_SECONDS, Shard, Successes, TemplateSlot};

const SECONDS_PER_HOUR: i64 = 3_600;

/// Rows of one flush; no key is there twice.
#[derive(Debug, Default)]
pub(super) struct ObservedRows {
    /// By tenant and origin.
    pub(super) origins: BTreeMap<(TenantId, OriginId), OriginSeen>,
    pub(super) hours: Vec<OriginHour>,
    pub(super) served: Vec<TemplateServed>,
}

impl ObservedRows {
    /// The rows of what the counters have, or had until it was taken.
    pub(super) fn of(taken: Vec<Shard>) -> Self {
        let mut rows = Self::default();
        let mut served: BTreeMap<(TenantId, OriginNo, i64, i64), TemplateServed> = BTreeMap::new();
        for shard in taken {
            for (key, counts) in shard.origins {
                rows.push_origin(key, &counts);
            }
            for (tenant_id, slots) in shard.templates {
                for (slot, successes) in slots {
                    add_slot(&mut served, tenant_id, (slot, successes));
                }
            }
        }
        rows.hours
            .sort_by_key(|hour| (hour.tenant_id, hour.origin_id, hour.hour));
        rows.served = served.into_values().collect();
        rows
    }

    fn push_origin(&mut self, (tenant_id, origin_id): (TenantId, OriginId), counts: &OriginCounts) {
        let seen = OriginSeen {
            consecutive_failures: counts.consecutive_failures,
            last_success_at: counts.last_success_at,
            last_answer_at: counts.last_answer_at,
            last_failure: counts.last_failure,
            credential: counts.credential_ends_at.into(),
            ..OriginSeen::new(tenant_id, origin_id, counts.version)
        };
        self.origins.insert((tenant_id, origin_id), seen);
        self.hours
            .extend(counts.hours.iter().map(|(hour, counts)| OriginHour {
                tenant_id,
                origin_id,
                hour: moment(hour.saturating_mul(SECONDS_PER_HOUR)),
                successes: counts.successes,
                file_faults: counts.file_faults,
                failures: counts.failures,
                latency: counts.latency,
            }));
    }
}

impl From<ObservedRows> for OriginRows {
    fn from(rows: ObservedRows) -> Self {
        Self {
            origins: rows.origins.into_values().collect(),
            hours: rows.hours,
            served: rows.served,
        }
    }
}

fn add_slot(
    served: &mut BTreeMap<(TenantId, OriginNo, i64, i64), TemplateServed>,
    tenant_id: TenantId,
    (slot, successes): (TemplateSlot, Successes),
) {
    let seconds = slot.slot.saturating_mul(SLOT_SECONDS);
    let hour = seconds.div_euclid(SECONDS_PER_HOUR);
    let key = (tenant_id, slot.origin_no, slot.template_hash, hour);
    let row = served.entry(key).or_insert_with(|| TemplateServed {
        tenant_id,
        origin_no: slot.origin_no,
        template_hash: slot.template_hash,
        hour: moment(hour.saturating_mul(SECONDS_PER_HOUR)),
        slots: [0; SLOTS_PER_HOUR],
        last_success_at: successes.last_at,
    });
    let place = seconds
        .rem_euclid(SECONDS_PER_HOUR)
        .div_euclid(SLOT_SECONDS);
    let place = usize::try_from(place).unwrap_or_default();
    if let Some(count) = row.slots.get_mut(place) {
        *count = count.saturating_add(successes.count);
    }
    row.last_success_at = row.last_success_at.max(successes.last_at);
}

fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}
