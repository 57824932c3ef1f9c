//! Originals from origins: each file asked for once at a time, and not again while its failure may be repeated.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use limpid_delivery_url::FilePath;
use limpid_domain::caching::Caching;
use limpid_domain::clock::Clock;
use limpid_domain::failure::{AttemptFailure, FailureCode, Reason};
use limpid_domain::ids::{OriginNo, RequestId, StreamVersion, TenantId, TenantSeq};
use limpid_domain::origin::{OriginKind, OriginLocation};
use limpid_origins::{FetchRequest, FetchTrace, OriginFetcher, Original};
use opentelemetry::KeyValue;
use tokio_util::task::TaskTracker;

use super::Order;
use super::kept_originals::{KeptOriginal, KeptOriginals};
use super::notes::{count_failure, record_fetch_duration};
use crate::config::{CacheConfig, RequestLimits};
use crate::config_snapshot::Origin;
use crate::metrics;
use crate::negative_cache::{HeapBytes, NegativeCache, Owner};
use crate::origin_observations::{EndedFetch, OriginObservations};
use crate::single_flight::SingleFlight;

/// Asks origins, and remembers for a moment what they failed with.
#[derive(Debug)]
pub(crate) struct Originals {
    fetcher: OriginFetcher,
    flights: SingleFlight<OriginalKey, Fetched>,
    failures: Arc<NegativeCache<OriginalKey, Arc<FailedFetch>>>,
    kept: Arc<KeptOriginals>,
    observations: Arc<OriginObservations>,
    limits: RequestLimits,
    clock: Clock,
}

/// Everything that decides over what an origin is asked for, but the time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct OriginalKey {
    tenant: TenantId,
    origin: (OriginNo, StreamVersion),
    /// The newest purge that means the file: what was kept before it is not given any more.
    purged: TenantSeq,
    /// How long its failure may be repeated depends on the endpoint asked.
    caching: Caching,
    /// As received.
    path: String,
    /// Where the origin gets it.
    query: Option<String>,
    /// Where the origin gets it.
    forwarded_host: Option<String>,
    /// Where the origin gets it: object stores that keep versions.
    object_version: Option<String>,
}

/// An original, or why there is none.
pub(super) type Fetched = Result<Arc<Original>, Arc<FailedFetch>>;

/// A fetch that failed.
#[derive(Debug, Clone)]
pub(super) struct FailedFetch {
    pub(super) failure: AttemptFailure,
    pub(super) repeatable_until: DateTime<Utc>,
    /// The origin was not asked this time.
    pub(super) is_repeat: bool,
}

/// One fetch, with all it needs in hand, so that it outlives the request that began it.
struct Fetch {
    key: OriginalKey,
    owner: Owner,
    origin: Arc<Origin>,
    /// What the client says about which version of the file it wants.
    object_version: Option<String>,
    host_field: String,
    request_id: RequestId,
    deadline: Instant,
    /// The account's. Units: bytes.
    max_bytes: u64,
}

impl Originals {
    pub(crate) fn new(
        fetcher: OriginFetcher,
        (tracker, observations): (TaskTracker, Arc<OriginObservations>),
        (limits, cache): (RequestLimits, &CacheConfig),
        clock: Clock,
    ) -> Self {
        Self {
            fetcher,
            flights: SingleFlight::new(tracker),
            failures: Arc::new(NegativeCache::new(cache.negative_bytes)),
            kept: Arc::new(KeptOriginals::new(cache.kept_bytes, cache.kept_for)),
            observations,
            limits,
            clock,
        }
    }

    /// The original, from whoever is fetching it already or from the origin; or its failure, where that may be repeated.
    pub(super) async fn get(
        &self,
        order: &Order,
        origin: &Arc<Origin>,
        (file, deadline): (&FilePath, Instant),
    ) -> Fetched {
        let fetch = Fetch::new(order, origin, (file, deadline), &self.limits);
        if let Some(known) = self.failures.get(fetch.owner, &fetch.key, self.clock.now()) {
            count("hit");
            return Err(Arc::new(known.repeated()));
        }
        let worker = self.worker();
        let key = fetch.key.clone();
        let work = self.flights.work(key, || worker.fetch_and_remember(fetch));
        let rest = deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout(rest + FLIGHT_SLACK, work).await {
            Ok((Some(fetched), _)) => fetched,
            Ok((None, _)) => Err(self.failed(Reason::Internal, "the fetch panicked")),
            Err(_) => Err(self.failed(
                Reason::ResponseTimeout,
                "another request's fetch of the same file did not end in time",
            )),
        }
    }

    /// Asks the origin whatever is known, and remembers nothing: for explanations.
    pub(super) async fn explain(
        &self,
        order: &Order,
        origin: &Arc<Origin>,
        (file, deadline): (&FilePath, Instant),
        trace: &mut FetchTrace,
    ) -> Fetched {
        let fetch = Fetch::new(order, origin, (file, deadline), &self.limits);
        self.worker().fetch(&fetch, trace).await
    }

    /// The file as it last was at this origin, in the version the order names.
    pub(super) fn kept(
        &self,
        order: &Order,
        origin: &Arc<Origin>,
        file: &FilePath,
    ) -> Option<KeptOriginal> {
        let fetch = Fetch::new(order, origin, (file, Instant::now()), &self.limits);
        self.kept.get(&fetch.key, fetch.object_version.as_deref())
    }

    /// Forgets every failure of a file of this tenant, at whichever origin: it is there.
    pub(crate) fn forget_failures(&self, tenant: TenantId, path: &str) {
        self.failures.forget(tenant, |key| key.path == path);
    }

    /// What asks the origins, for who wants no memory.
    pub(crate) fn fetcher(&self) -> &OriginFetcher {
        &self.fetcher
    }

    /// Until when this file's failure is repeated without asking, if it is.
    pub(super) fn repeated_until(
        &self,
        order: &Order,
        origin: &Arc<Origin>,
        file: &FilePath,
    ) -> Option<(Reason, DateTime<Utc>)> {
        let fetch = Fetch::new(order, origin, (file, Instant::now()), &self.limits);
        let known = self
            .failures
            .get(fetch.owner, &fetch.key, self.clock.now())?;
        Some((known.failure.reason, known.repeatable_until))
    }

    fn worker(&self) -> Worker {
        Worker {
            fetcher: self.fetcher.clone(),
            failures: Arc::clone(&self.failures),
            kept: Arc::clone(&self.kept),
            observations: Arc::clone(&self.observations),
            clock: self.clock.clone(),
        }
    }

    fn failed(&self, reason: Reason, note: &str) -> Arc<FailedFetch> {
        let failure = AttemptFailure::new(reason).with_note(note);
        Arc::new(FailedFetch {
            failure,
            repeatable_until: self.clock.now(),
            is_repeat: false,
        })
    }
}

/// A fetch ends at its deadline by itself; this is for those who wait for one that began a little later.
const FLIGHT_SLACK: Duration = Duration::from_secs(1);

/// The part of [`Originals`] a running fetch holds.
struct Worker {
    fetcher: OriginFetcher,
    failures: Arc<NegativeCache<OriginalKey, Arc<FailedFetch>>>,
    kept: Arc<KeptOriginals>,
    observations: Arc<OriginObservations>,
    clock: Clock,
}

impl Worker {
    async fn fetch_and_remember(self, fetch: Fetch) -> Fetched {
        // Another flight may have landed between this request's look-up and its take-off.
        let known = self.failures.get(fetch.owner, &fetch.key, self.clock.now());
        if let Some(known) = known {
            count("hit");
            return Err(Arc::new(known.repeated()));
        }
        count("miss");
        let started = Instant::now();
        let fetched = self.fetch(&fetch, &mut FetchTrace::off()).await;
        let ended = EndedFetch {
            at: self.clock.now(),
            took: started.elapsed(),
            failure: fetched.as_ref().err().map(|failed| &failed.failure),
        };
        self.observations
            .fetched(fetch.key.tenant, &fetch.origin, ended);
        self.keep_or_forget(&fetch, &fetched);
        if let Err(failed) = &fetched {
            let time = (self.clock.now(), failed.repeatable_until);
            self.failures
                .insert(fetch.owner, fetch.key, Arc::clone(failed), time);
        }
        fetched
    }

    fn keep_or_forget(&self, fetch: &Fetch, fetched: &Fetched) {
        match fetched {
            Ok(original) => self.kept.keep(
                fetch.key.clone(),
                KeptOriginal {
                    original: Arc::new(original.without_loan()),
                    fetched_at: self.clock.now(),
                    object_version: fetch.object_version.clone(),
                },
            ),
            // Gone, or no longer for us: the origin has spoken.
            Err(failed) => {
                let code = failed.failure.reason.code();
                if matches!(code, FailureCode::Enoent | FailureCode::Eacces) {
                    self.kept.forget(&fetch.key);
                }
            }
        }
    }

    async fn fetch(&self, fetch: &Fetch, trace: &mut FetchTrace) -> Fetched {
        let origin = &fetch.origin;
        let access = origin.access(fetch.key.tenant);
        let request = FetchRequest {
            path: &fetch.key.path,
            query: fetch.key.query.as_deref(),
            object_version: fetch.key.object_version.as_deref(),
            forwarded_host: Some(&fetch.host_field),
            request_id: fetch.request_id,
            deadline: fetch.deadline,
            max_bytes: fetch.max_bytes,
        };
        let started = Instant::now();
        let fetched = self.fetcher.fetch(&access, &request, trace).await;
        let error = fetched.as_ref().err().map(|failure| failure.reason);
        let kind = origin.settings.location.kind().as_str();
        record_fetch_duration(kind, started.elapsed(), error.map(Reason::code));
        match fetched {
            Ok(original) => {
                metrics::get().image_bytes.record(
                    original.bytes.len() as u64,
                    &[KeyValue::new("direction", "in")],
                );
                Ok(Arc::new(original))
            }
            Err(failure) => {
                count_failure(origin, failure.reason);
                Err(Arc::new(FailedFetch {
                    repeatable_until: self.clock.now() + fetch.key.caching.negative_ttl(&failure),
                    failure: *failure,
                    is_repeat: false,
                }))
            }
        }
    }
}

impl Fetch {
    fn new(
        order: &Order,
        origin: &Arc<Origin>,
        (file, deadline): (&FilePath, Instant),
        limits: &RequestLimits,
    ) -> Self {
        let (gets_query, gets_host) = match origin.settings.location {
            OriginLocation::WebFolder {
                forward_host_header_to_origin,
                ..
            } => (true, forward_host_header_to_origin),
            OriginLocation::WebProxy => (true, false),
            _ => (false, false),
        };
        // the client's query and version are about the file it asked for
        let is_original = *file == order.file;
        let gets_query = gets_query && is_original;
        let object_version = order.object_version.clone().filter(|_| is_original);
        let caching = order.endpoint.caching;
        let keeps_versions = matches!(
            origin.settings.location.kind(),
            OriginKind::S3 | OriginKind::S3Compatible | OriginKind::CloudinaryBackup
        );
        Self {
            key: OriginalKey {
                tenant: order.account.tenant_id,
                origin: (origin.no, origin.version),
                purged: order.account.purges.of_file(file.as_raw()),
                caching,
                path: file.as_raw().to_owned(),
                query: order.forwarded_query.clone().filter(|_| gets_query),
                forwarded_host: gets_host.then(|| order.host_field.to_ascii_lowercase()),
                object_version: object_version.clone().filter(|_| keeps_versions),
            },
            owner: Owner {
                tenant: order.account.tenant_id,
                config_version: order.account.config_version,
            },
            origin: Arc::clone(origin),
            object_version,
            host_field: order.host_field.clone(),
            request_id: order.request_id,
            deadline,
            max_bytes: order.account.limits_within(limits).max_source_bytes,
        }
    }
}

impl FailedFetch {
    fn repeated(&self) -> Self {
        Self {
            is_repeat: true,
            ..self.clone()
        }
    }
}

impl HeapBytes for OriginalKey {
    fn heap_bytes(&self) -> usize {
        let optional = [&self.query, &self.forwarded_host, &self.object_version];
        let optional = optional.into_iter().flatten().map(String::len);
        size_of::<Self>() + self.path.len() + optional.sum::<usize>()
    }
}

impl HeapBytes for Arc<FailedFetch> {
    fn heap_bytes(&self) -> usize {
        self.failure.heap_bytes()
    }
}

fn count(result: &'static str) {
    metrics::get().cache_requests.add(
        1,
        &[
            KeyValue::new("cache.name", "failed_original"),
            KeyValue::new("cache.result", result),
        ],
    );
}
