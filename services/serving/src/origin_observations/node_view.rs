//! What the node knows of origins beside how fetches end: breakers and certificates from the fetcher, ends of credentials from the
//! configuration, so that an origin nobody asks is forecast, too. Only what changed since the last flush is told; a breaker that is not closed is
//! told every time, so that one that is no longer told of is known to be old news.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use limpid_domain::ids::{OriginId, StreamVersion, TenantId};
use limpid_domain::origin_health::OriginBreaker;
use limpid_event_store::origin_observation_append::{CredentialEnd, OriginSeen};
use limpid_origins::{BreakerState, OriginFetcher, OriginHealth, credentials_end};

use super::rows::ObservedRows;
use crate::config_snapshot::ConfigSnapshot;

type OriginKey = (TenantId, OriginId);

/// The node's own knowledge and what of it has been told.
#[derive(Debug)]
pub(crate) struct NodeView {
    fetcher: OriginFetcher,
    snapshots: Arc<ArcSwap<ConfigSnapshot>>,
    /// The configuration that was looked through last.
    looked_through: Option<Arc<ConfigSnapshot>>,
    /// Ends of credentials that were told, of origins in their present version.
    credentials: HashMap<OriginKey, StreamVersion>,
    /// Ends of certificates that were told, of origins that the fetcher remembers.
    certificates: HashMap<OriginKey, (StreamVersion, DateTime<Utc>)>,
    /// Breakers that were not closed.
    tripped: HashMap<OriginKey, StreamVersion>,
}

impl NodeView {
    /// Has told nothing yet.
    pub(crate) fn new(fetcher: OriginFetcher, snapshots: Arc<ArcSwap<ConfigSnapshot>>) -> Self {
        Self {
            fetcher,
            snapshots,
            looked_through: None,
            credentials: HashMap::new(),
            certificates: HashMap::new(),
            tripped: HashMap::new(),
        }
    }

    /// Adds what is new.
    pub(super) fn add_to(&mut self, rows: &mut ObservedRows, now: DateTime<Utc>) {
        let mut newest: HashMap<OriginKey, OriginHealth> = HashMap::new();
        // In the order of versions.
        for health in self.fetcher.health() {
            newest.insert((health.tenant_id, health.origin_id), health);
        }
        self.add_certificates(rows, &newest, now);
        self.add_breakers(rows, &newest, now);
        self.add_credentials(rows);
    }

    fn add_certificates(
        &mut self,
        rows: &mut ObservedRows,
        newest: &HashMap<OriginKey, OriginHealth>,
        now: DateTime<Utc>,
    ) {
        self.certificates.retain(|key, _| newest.contains_key(key));
        for (key, health) in newest {
            let Some(end) = health.certificate_ends_at else {
                continue;
            };
            let told = self.certificates.insert(*key, (health.version, end));
            if told != Some((health.version, end)) {
                seen(rows, *key, health.version).certificate = Some((end, now));
            }
        }
    }

    fn add_breakers(
        &mut self,
        rows: &mut ObservedRows,
        newest: &HashMap<OriginKey, OriginHealth>,
        now: DateTime<Utc>,
    ) {
        let before = std::mem::take(&mut self.tripped);
        for (key, health) in newest {
            let state = worst(health);
            if state != OriginBreaker::Closed {
                self.tripped.insert(*key, health.version);
                seen(rows, *key, health.version).breaker = Some((state, now));
            }
        }
        for (key, version) in before {
            if !self.tripped.contains_key(&key) {
                seen(rows, key, version).breaker = Some((OriginBreaker::Closed, now));
            }
        }
    }

    fn add_credentials(&mut self, rows: &mut ObservedRows) {
        let snapshot = self.snapshots.load_full();
        let is_known = |known: &Arc<ConfigSnapshot>| Arc::ptr_eq(known, &snapshot);
        if self.looked_through.as_ref().is_some_and(is_known) {
            return;
        }
        let mut present = HashMap::new();
        for account in snapshot.accounts() {
            let endpoints = account.endpoints.values();
            for origin in endpoints.flat_map(|endpoint| &endpoint.origins) {
                let Some(end) = credentials_end(&origin.credentials) else {
                    continue;
                };
                let key = (account.tenant_id, origin.id);
                present.insert(key, origin.version);
                if self.credentials.get(&key) != Some(&origin.version) {
                    seen(rows, key, origin.version).credential = CredentialEnd::At(end);
                }
            }
        }
        self.credentials = present;
        self.looked_through = Some(snapshot);
    }
}

/// The row of an origin, which it has already if it was fetched from.
fn seen(rows: &mut ObservedRows, key: OriginKey, version: StreamVersion) -> &mut OriginSeen {
    let row = rows.origins.entry(key);
    let row = row.or_insert_with(|| OriginSeen::new(key.0, key.1, version));
    row.version = row.version.max(version);
    row
}

/// Of a web proxy, which has a breaker for every server, the one that is furthest from closed.
fn worst(health: &OriginHealth) -> OriginBreaker {
    let states = health.breakers.iter().map(|(_, state)| match state {
        BreakerState::Closed => OriginBreaker::Closed,
        BreakerState::HalfOpen => OriginBreaker::HalfOpen,
        BreakerState::Open { .. } => OriginBreaker::Open,
    });
    states.max().unwrap_or(OriginBreaker::Closed)
}
