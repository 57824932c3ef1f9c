//! One serving node: set up in order, run, and taken down so that nothing recorded is lost.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderMap;
use limpid_domain::diagnosis::Explanation;
use limpid_domain::ids::{NodeId, TenantId};
use limpid_event_store::drainer::FailureDrainer;
use limpid_event_store::spool::{self, FsyncPolicy};
use limpid_event_store::vault::Vault;
use limpid_event_store::{Database, DatabaseOptions};
use limpid_origins::{FetchConfig, OriginFetcher};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bulkhead::Bulkhead;
use crate::config::ServingConfig;
use crate::config_snapshot::ConfigSnapshot;
use crate::config_snapshot::reconciler::{ConfigStatus, Reconciler};
use crate::delivery::Delivery;
use crate::diagnosis::Diagnosis;
use crate::explain::{Explainer, Purpose};
use crate::failure_pace::FailurePace;
use crate::failure_recorder::{FailureRecorder, RecorderThread};
use crate::health::Health;
use crate::http_service::HttpService;
use crate::listener::Listener;
use crate::metrics;
use crate::negative_cache::NegativeCache;
use crate::origin_observations::{
    self, GatheredObservations, NodeView, OriginFlusher, OriginObservations,
};
use crate::production::Production;
use crate::production::originals::Originals;
use crate::single_flight::SingleFlight;
use crate::transform_pool::TransformPool;
use crate::usage::{GatheredUsage, UsageCounter, UsageFlusher, open_journal};
use crate::variant::VariantCache;

/// What a request's work may take beyond its own time-outs before those who wait for it give up. Those end first.
const WAIT_SLACK: Duration = Duration::from_secs(5);

/// Why the service could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// The listener could not be opened: the address is taken or not ours.
    #[error("listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The spool directory is unusable: without it no failure can be recorded, so nothing is served.
    #[error("open the failure spool")]
    Spool(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Neither the database nor a snapshot on disk gave a configuration.
    #[error("load the configuration")]
    Configuration(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The fetcher or a thread could not be set up: the operator's configuration or machine.
    #[error("set up {what}")]
    SetUp {
        /// What was being set up.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A serving node whose listener is open. [`Serving::run`] answers requests.
#[derive(Debug)]
pub struct Serving {
    local_addr: SocketAddr,
    listener: Listener,
    service: HttpService,
    reconciler: Reconciler,
    drainer: FailureDrainer,
    recorder_thread: RecorderThread,
    usage: UsageFlusher,
    origins: OriginFlusher,
    usage_interval: Duration,
    /// Requests being worked on, also those whose client has hung up.
    requests: TaskTracker,
    drain_timeout: Duration,
}

impl Serving {
    /// Opens the listener and the spool and loads the configuration, from the database or else from the snapshot on disk.
    ///
    /// # Errors
    /// See [`ServingError`].
    pub async fn bind(config: ServingConfig) -> Result<Self, ServingError> {
        let listen = |source| ServingError::Listen {
            address: config.listen,
            source,
        };
        let listener = Listener::open(config.listen, config.http.clone())
            .await
            .map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        let (writer, reader) =
            spool::open(config.spool.clone()).map_err(|error| ServingError::Spool(error.into()))?;
        let reconciler = reconciler(&config, Some(reader.node()))?;
        // First, so that no purge is called completed without this node.
        reconciler.announce(false).await;
        reconciler.load().await.map_err(configuration)?;
        reconciler.persist();
        let (recorder, recorder_thread) = FailureRecorder::start(writer, sync_interval(&config))
            .map_err(|error| set_up("the recorder", error))?;
        let database = failures_database(&config, &reconciler)?;
        let letters = reader.dead_letter().clone();
        let drainer = FailureDrainer::new(reader, database.clone());
        metrics::observe_drain(drainer.status(), config.clock.clone());
        let counter = Arc::new(UsageCounter::default());
        let node = drainer.node();
        let usage =
            usage_flusher(&config, &counter, (&database, node)).with_dead_letter(letters.clone());
        let requests = TaskTracker::new();
        let production = production(&config, requests.clone())?;
        let observed = GatheredObservations::of(observed(&production, &reconciler));
        let origins = origin_flusher(&config, observed, (database, node)).with_dead_letter(letters);
        let delivery = Arc::new(Delivery {
            snapshots: Arc::clone(&reconciler.snapshots),
            cache: VariantCache::new(config.cache.variant_bytes),
            flights: SingleFlight::new(requests.clone()),
            outcomes: NegativeCache::new(config.cache.negative_bytes),
            production: Arc::new(production),
            recorder: recorder.clone(),
            misses: Bulkhead::new(config.http.max_misses),
            pace: FailurePace::new(cores().get()),
            longest_wait: longest_wait(&config),
            clock: config.clock.clone(),
            tracker: requests.clone(),
        });
        let health = Health {
            recorder,
            config: Arc::clone(&reconciler.status),
            drain: drainer.status(),
            draining: AtomicBool::new(false),
        };
        Ok(Self {
            local_addr,
            listener,
            service: HttpService {
                diagnosis: diagnosis(&config, &delivery),
                delivery,
                health: Arc::new(health),
                usage: counter,
                trust_traceparent: config.trust_traceparent,
                loop_token: loop_token(&config.vault),
            },
            drainer,
            reconciler,
            recorder_thread,
            usage,
            origins,
            usage_interval: config.usage_interval,
            requests,
            drain_timeout: config.http.drain_timeout,
        })
    }

    /// The address the listener got, with its port where port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers requests until `shutdown`; then drains: readiness off, requests in flight finish, the spool is flushed and,
    /// as far as the database answers, emptied.
    ///
    /// # Errors
    /// None today; the signature leaves room for a listener that breaks.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ServingError> {
        let background = TaskTracker::new();
        let (stop_reconciler, stop_drainer) = (CancellationToken::new(), CancellationToken::new());
        background.spawn(self.reconciler.run(stop_reconciler.clone()));
        background.spawn(self.drainer.run(stop_drainer.clone()));
        let usage = self.usage.run(self.usage_interval, stop_drainer.clone());
        background.spawn(usage);
        let origins = self.origins.run(self.usage_interval, stop_drainer.clone());
        background.spawn(origins);
        let health = Arc::clone(&self.service.health);
        let not_ready = shutdown.clone();
        background.spawn(async move {
            not_ready.cancelled().await;
            health.draining.store(true, Ordering::Relaxed);
        });
        tracing::info!(address = %self.local_addr, "serving images");
        self.listener.serve(self.service, shutdown).await;
        // Work goes on for clients that have hung up: their failures are still to be recorded.
        self.requests.close();
        let drained = tokio::time::timeout(self.drain_timeout, self.requests.wait()).await;
        if drained.is_err() {
            tracing::warn!(
                requests = self.requests.len(),
                "stopping with work unfinished"
            );
        }
        // Blocks for one write and one sync at most; nothing else runs on this node any more.
        self.recorder_thread.finish();
        stop_drainer.cancel();
        stop_reconciler.cancel();
        background.close();
        background.wait().await;
        Ok(())
    }
}

/// [`Serving::bind`], then [`Serving::run`].
///
/// # Errors
/// See [`ServingError`].
pub async fn run(config: ServingConfig, shutdown: CancellationToken) -> Result<(), ServingError> {
    Serving::bind(config).await?.run(shutdown).await
}

/// Walks `url` (an absolute delivery URL, or a path and query) the way a request would go. Records no event.
///
/// # Errors
/// Only when no configuration can be loaded or the fetcher cannot be set up; everything else is a step of the explanation.
pub async fn explain(config: &ServingConfig, url: &str) -> Result<Explanation, ServingError> {
    let reconciler = reconciler(config, None)?;
    reconciler.load().await.map_err(configuration)?;
    let explainer = Explainer {
        snapshot: &reconciler.snapshots.load_full(),
        production: &production(config, TaskTracker::new())?,
        clock: &config.clock,
        // another process has them
        memory: None,
        purpose: Purpose::Explain,
    };
    Ok(explainer.explain(url, HeaderMap::new()).await)
}

fn reconciler(config: &ServingConfig, node: Option<NodeId>) -> Result<Reconciler, ServingError> {
    Ok(Reconciler {
        database: database(config, &config.database_url)?,
        vault: config.vault.clone(),
        path: config.snapshot_path.clone(),
        snapshots: Arc::new(ArcSwap::from_pointee(ConfigSnapshot::default())),
        status: Arc::new(ConfigStatus::default()),
        node,
    })
}

fn database(config: &ServingConfig, url: &SecretString) -> Result<Database, ServingError> {
    let options = DatabaseOptions {
        max_connections: config.database_connections,
        application_name: "limpid-serving".to_owned(),
        ..DatabaseOptions::default()
    };
    Database::lazy(url.expose_secret(), &options).map_err(configuration)
}

fn failures_database(
    config: &ServingConfig,
    reconciler: &Reconciler,
) -> Result<Database, ServingError> {
    match &config.failures_database_url {
        Some(url) => database(config, url),
        None => Ok(reconciler.database.clone()),
    }
}

fn diagnosis(config: &ServingConfig, delivery: &Arc<Delivery>) -> Arc<Diagnosis> {
    let (vault, clock) = (config.vault.clone(), config.clock.clone());
    Arc::new(Diagnosis::new(vault, clock, Arc::clone(delivery)))
}

fn production(config: &ServingConfig, tracker: TaskTracker) -> Result<Production, ServingError> {
    let threads = config.transform_threads.unwrap_or_else(cores);
    let origins = FetchConfig {
        loop_token: Some(loop_token(&config.vault)),
        ..config.origins.clone()
    };
    let fetcher =
        OriginFetcher::new(origins).map_err(|error| set_up("the origin fetcher", error))?;
    let pool =
        TransformPool::start(threads).map_err(|error| set_up("the transform pool", error))?;
    let limits = (config.limits.clone(), &config.cache);
    let observations = Arc::new(OriginObservations::default());
    let told = (tracker, Arc::clone(&observations));
    Ok(Production {
        originals: Originals::new(fetcher, told, limits, config.clock.clone()),
        pool,
        observations,
        limits: config.limits.clone(),
        clock: config.clock.clone(),
    })
}

fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// What was observed of origins, on its way into the database by local disk.
fn origin_flusher(
    config: &ServingConfig,
    observed: GatheredObservations,
    (database, node): (Database, NodeId),
) -> OriginFlusher {
    OriginFlusher::new(observed, database, config.clock.clone(), node)
        .with_journal(origin_observations::open_journal(&config.spool.dir))
}

fn usage_flusher(
    config: &ServingConfig,
    counter: &Arc<UsageCounter>,
    (database, node): (&Database, NodeId),
) -> UsageFlusher {
    let gathered = GatheredUsage::of(Arc::clone(counter));
    UsageFlusher::new(gathered, database.clone(), config.clock.clone(), node)
        .with_journal(open_journal(&config.spool.dir))
}

/// What is to be told of origins.
fn observed(
    production: &Production,
    reconciler: &Reconciler,
) -> (Arc<OriginObservations>, NodeView) {
    let fetcher = production.originals.fetcher().clone();
    let view = NodeView::new(fetcher, Arc::clone(&reconciler.snapshots));
    (Arc::clone(&production.observations), view)
}

fn sync_interval(config: &ServingConfig) -> Option<Duration> {
    match config.spool.fsync {
        FsyncPolicy::Always => None,
        FsyncPolicy::Every(interval) => Some(interval),
    }
}

/// The same for all nodes of an installation, and of no other one: they share the key ring.
fn loop_token(vault: &Vault) -> String {
    let fingerprint = vault.fingerprint(TenantId(0), b"cdn-loop");
    format!("limpid-{}", fingerprint.0)
}

fn longest_wait(config: &ServingConfig) -> Duration {
    config.limits.request_timeout + config.limits.transform_timeout + WAIT_SLACK
}

fn configuration(error: impl std::error::Error + Send + Sync + 'static) -> ServingError {
    ServingError::Configuration(error.into())
}

fn set_up(
    what: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> ServingError {
    ServingError::SetUp {
        what,
        source: error.into(),
    }
}
