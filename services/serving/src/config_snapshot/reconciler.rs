//! Keeps the snapshot up to date: a hint, a timer or a new connection makes it compare versions and load what changed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use limpid_domain::ids::{NodeId, TenantId, TenantSeq};
use limpid_event_store::config_listener::ConfigListener;
use limpid_event_store::vault::Vault;
use limpid_event_store::{Database, StoreError};
use limpid_read_models::delivery_config::{load_all, load_tenant};
use limpid_read_models::purges;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::build::AccountParts;
use super::{Account, ConfigSnapshot, disk};

/// A lost hint is noticed after this long. Source: `architecture.md`, a configuration change.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// The file on disk follows the memory at this distance, so that a burst of changes is one write.
const PERSIST_DELAY: Duration = Duration::from_secs(2);
/// How often the database is asked for a sign of life.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// Loads and swaps the snapshot.
#[derive(Debug)]
pub(crate) struct Reconciler {
    pub(crate) database: Database,
    pub(crate) vault: Vault,
    /// Where the snapshot is kept on disk.
    pub(crate) path: PathBuf,
    pub(crate) snapshots: Arc<ArcSwap<ConfigSnapshot>>,
    pub(crate) status: Arc<ConfigStatus>,
    /// Which node's; a process that only explains is none and tells nobody how far it has come.
    pub(crate) node: Option<NodeId>,
}

/// Why there is no configuration to start with.
#[derive(Debug, thiserror::Error)]
#[error("the database gave no configuration ({disk})")]
pub(crate) struct NoConfiguration {
    #[source]
    database: StoreError,
    /// What the disk said.
    disk: String,
}

impl Reconciler {
    /// Loads every account from the database, else from the snapshot on disk.
    ///
    /// # Errors
    /// [`NoConfiguration`]: neither has one.
    pub(crate) async fn load(&self) -> Result<(), NoConfiguration> {
        let database = match load_all(&self.database, &self.vault).await {
            Ok(configs) => {
                self.swap(configs.into_iter().map(AccountParts::from));
                self.status.note_confirmed();
                return Ok(());
            }
            Err(error) => error,
        };
        match disk::read(&self.path, &self.vault) {
            Ok(accounts) => {
                tracing::warn!(
                    error = &database as &dyn std::error::Error,
                    accounts = accounts.len(),
                    "the database does not answer; starting with the configuration on disk"
                );
                self.swap(accounts.into_iter());
                self.status.note_loaded();
                Ok(())
            }
            Err(error) => Err(NoConfiguration {
                database,
                disk: error.to_string(),
            }),
        }
    }

    /// Follows the database until `shutdown`, through its outages.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut listener = ConfigListener::new(self.database.clone(), SWEEP_INTERVAL);
        let mut known = self.versions();
        // What the database has not heard yet of how far this node has come.
        let mut untold = known.clone();
        let mut persist_at: Option<Instant> = None;
        let mut ping = tokio::time::interval(PING_INTERVAL);
        loop {
            let persist = async {
                match persist_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = persist => {
                    persist_at = None;
                    self.persist();
                }
                _ = ping.tick() => {
                    if self.database.ping().await.is_ok() {
                        self.status.note_confirmed();
                        self.announce(false).await;
                        self.tell(&mut untold).await;
                    }
                }
                changed = listener.changed(&known) => {
                    let tenants: Vec<TenantId> = changed.into_keys().collect();
                    if self.refresh(&tenants).await {
                        persist_at.get_or_insert(Instant::now() + PERSIST_DELAY);
                    }
                    known = self.versions();
                    let reached = tenants.iter().filter_map(|id| Some((*id, *known.get(id)?)));
                    untold.extend(reached);
                    self.tell(&mut untold).await;
                }
            }
        }
        if persist_at.is_some() {
            self.persist();
        }
        self.announce(true).await;
    }

    /// Says that this node may hold answers, or that it stops. That it cannot is no reason to serve nothing.
    pub(crate) async fn announce(&self, stopped: bool) {
        let Some(node) = self.node else { return };
        if let Err(error) = purges::note_node(&self.database, node, stopped).await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the database could not be told of this node"
            );
        }
    }

    /// Says how far this node has come; what could not be said is said later.
    async fn tell(&self, untold: &mut HashMap<TenantId, TenantSeq>) {
        let Some(node) = self.node.filter(|_| !untold.is_empty()) else {
            return;
        };
        match purges::note_applied(&self.database, node, untold).await {
            Ok(()) => untold.clear(),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "purges stay pending: the database could not be told that they are applied"
            ),
        }
    }

    /// Loads these tenants again. Gives whether anything was swapped; what could not be loaded is reported again later.
    async fn refresh(&self, tenants: &[TenantId]) -> bool {
        let mut fresh = Vec::new();
        for tenant in tenants {
            match self.load_account(*tenant).await {
                Ok(Some(account)) => fresh.push(Arc::new(account)),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a changed configuration could not be loaded"
                    );
                }
            }
        }
        if fresh.is_empty() {
            return false;
        }
        self.status.note_confirmed();
        for account in &fresh {
            tracing::info!(
                tenant = %account.imagekit_id,
                version = %account.config_version,
                "configuration in force"
            );
        }
        let current = self.snapshots.load_full();
        let unchanged = current
            .accounts()
            .filter(|account| fresh.iter().all(|new| new.tenant_id != account.tenant_id))
            .map(Arc::clone);
        let all: Vec<_> = unchanged.chain(fresh.iter().map(Arc::clone)).collect();
        self.snapshots.store(Arc::new(ConfigSnapshot::new(all)));
        true
    }

    /// The account as it is now, with what it purged since the version in memory.
    async fn load_account(&self, tenant_id: TenantId) -> Result<Option<Account>, StoreError> {
        let Some(config) = load_tenant(&self.database, &self.vault, tenant_id).await? else {
            return Ok(None);
        };
        let account = Account::from(AccountParts::from(config));
        let snapshot = self.snapshots.load();
        let mut known = snapshot.accounts();
        let Some(before) = known.find(|known| known.tenant_id == tenant_id) else {
            // Nothing of it can be in a cache.
            return Ok(Some(account));
        };
        let versions = (before.config_version, account.config_version);
        let newer = purges::purged_between(&self.database, tenant_id, versions).await?;
        Ok(Some(account.purged(&before.purges, &newer)))
    }

    fn swap(&self, accounts: impl Iterator<Item = AccountParts>) {
        let accounts = accounts.map(|parts| Arc::new(Account::from(parts)));
        self.snapshots
            .store(Arc::new(ConfigSnapshot::new(accounts)));
    }

    fn versions(&self) -> HashMap<TenantId, TenantSeq> {
        let snapshot = self.snapshots.load();
        snapshot
            .accounts()
            .map(|account| (account.tenant_id, account.config_version))
            .collect()
    }

    /// Keeps the snapshot on disk; that it cannot is logged, and no reason to stop.
    pub(crate) fn persist(&self) {
        let snapshot = self.snapshots.load();
        if let Err(error) = disk::write(&self.path, &snapshot, &self.vault) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the configuration could not be kept on disk; a start without the database would fail"
            );
        }
    }
}

/// How current the configuration in memory is, for readiness.
#[derive(Debug, Default)]
pub(crate) struct ConfigStatus {
    loaded: AtomicBool,
    /// When the database last confirmed or changed it. Held for copying only.
    confirmed_at: Mutex<Option<Instant>>,
}

impl ConfigStatus {
    /// Whether there is a configuration at all, from the database or from disk.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Relaxed)
    }

    /// How long ago the database last answered; none if it has not since the start.
    pub(crate) fn age(&self) -> Option<Duration> {
        let confirmed_at = *self
            .confirmed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        confirmed_at.map(|at| at.elapsed())
    }

    fn note_loaded(&self) {
        self.loaded.store(true, Ordering::Relaxed);
    }

    fn note_confirmed(&self) {
        self.note_loaded();
        *self
            .confirmed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}
