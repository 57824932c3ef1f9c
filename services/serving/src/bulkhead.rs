//! Room for work in progress, shared out so that no tenant takes all of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use limpid_domain::ids::TenantId;

/// One tenant gets at most this part of the room.
const TENANT_SHARE: usize = 4;

/// Places for work, of all tenants together and of each.
#[derive(Debug, Clone)]
pub(crate) struct Bulkhead {
    /// Held to count, never over an await.
    taken: Arc<Mutex<Taken>>,
    places: usize,
    places_per_tenant: usize,
}

#[derive(Debug, Default)]
struct Taken {
    by_all: usize,
    by_tenant: HashMap<TenantId, usize>,
}

/// A place; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Arc<Mutex<Taken>>,
    tenant: TenantId,
}

impl Bulkhead {
    /// This many places, a quarter of them for any one tenant.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            taken: Arc::default(),
            places,
            places_per_tenant: (places / TENANT_SHARE).max(1),
        }
    }

    /// A place for `tenant`, unless all are taken or it has its share.
    pub(crate) fn enter(&self, tenant: TenantId) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_tenant.get(&tenant).copied().unwrap_or_default();
        if taken.by_all >= self.places || own >= self.places_per_tenant {
            return None;
        }
        taken.by_all += 1;
        taken.by_tenant.insert(tenant, own + 1);
        Some(Place {
            taken: Arc::clone(&self.taken),
            tenant,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.by_all = taken.by_all.saturating_sub(1);
        if let Some(own) = taken.by_tenant.get_mut(&self.tenant) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.by_tenant.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_cannot_take_all_places() {
        let bulkhead = Bulkhead::new(8);
        let taken: Vec<Place> = std::iter::from_fn(|| bulkhead.enter(TenantId(1))).collect();
        assert_eq!(taken.len(), 2);
        assert!(bulkhead.enter(TenantId(2)).is_some());
        drop(taken);
        assert!(bulkhead.enter(TenantId(1)).is_some());
    }

    #[test]
    fn all_tenants_together_are_bounded_and_nothing_is_remembered_of_them() {
        let bulkhead = Bulkhead::new(8);
        let taken: Vec<Place> = (0..20)
            .filter_map(|tenant| bulkhead.enter(TenantId(tenant)))
            .collect();
        assert_eq!(taken.len(), 8);
        drop(taken);
        let left = bulkhead.taken.lock().unwrap();
        assert_eq!((left.by_all, left.by_tenant.len()), (0, 0));
    }
}
