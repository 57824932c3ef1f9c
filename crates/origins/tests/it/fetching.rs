//! A fetch with short time-outs and everything about it changeable.

use std::time::{Duration, Instant};

use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::ids::{OriginId, RequestId, StreamVersion, TenantId};
use limpid_domain::origin::{OriginCredentials, OriginLocation, OriginSettings};
use limpid_origins::{
    BreakerLimits, FetchConfig, FetchRequest, FetchTrace, OriginAccess, OriginFetcher, Original,
    TraceStep,
};

/// Time-outs short enough for tests and long enough for a busy machine.
pub(crate) fn config() -> FetchConfig {
    FetchConfig {
        connect_timeout: Duration::from_millis(700),
        first_byte_timeout: Duration::from_millis(700),
        idle_timeout: Duration::from_millis(700),
        total_timeout: Duration::from_secs(10),
        concurrency_wait: Duration::from_millis(100),
        // Nearly every fetch here fails on purpose; the breaker has tests of its own.
        breaker: BreakerLimits {
            min_failures: u32::MAX,
            ..BreakerLimits::default()
        },
        allow_addresses: vec!["127.0.0.0/8".parse().unwrap()],
        ..FetchConfig::default()
    }
}

/// One origin, and the fetcher that asks it.
#[derive(Debug)]
pub(crate) struct Fetching {
    pub(crate) fetcher: OriginFetcher,
    pub(crate) settings: OriginSettings,
    pub(crate) credentials: OriginCredentials,
    pub(crate) query: Option<String>,
    pub(crate) object_version: Option<String>,
    pub(crate) forwarded_host: Option<String>,
    pub(crate) max_bytes: u64,
    pub(crate) patience: Duration,
    pub(crate) origin_id: OriginId,
    pub(crate) request_id: RequestId,
}

/// How a fetch ended, and what it recorded.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) result: Result<Original, Box<AttemptFailure>>,
    pub(crate) took: Duration,
    pub(crate) steps: Vec<TraceStep>,
}

#[expect(clippy::panic, reason = "a test fails by panicking")]
impl Fetching {
    pub(crate) fn from(location: OriginLocation) -> Self {
        Self::with_config(location, config())
    }

    pub(crate) fn with_config(location: OriginLocation, config: FetchConfig) -> Self {
        Self {
            fetcher: OriginFetcher::new(config).unwrap(),
            settings: OriginSettings {
                name: "zoo".to_owned(),
                location,
                include_canonical_header: false,
                base_url_for_canonical_header: None,
            },
            credentials: OriginCredentials::None,
            query: None,
            object_version: None,
            forwarded_host: None,
            max_bytes: 1 << 20,
            patience: Duration::from_secs(20),
            origin_id: OriginId::mint(),
            request_id: RequestId::mint(),
        }
    }

    pub(crate) fn folder(base_url: &str) -> Self {
        Self::from(folder(base_url))
    }

    pub(crate) async fn get(&self, path: &str) -> Ended {
        let access = OriginAccess {
            tenant_id: TenantId(1),
            origin_id: self.origin_id,
            version: StreamVersion(1),
            settings: &self.settings,
            credentials: &self.credentials,
        };
        let started = Instant::now();
        let request = FetchRequest {
            path,
            query: self.query.as_deref(),
            object_version: self.object_version.as_deref(),
            forwarded_host: self.forwarded_host.as_deref(),
            request_id: self.request_id,
            deadline: started + self.patience,
            max_bytes: self.max_bytes,
        };
        let mut trace = FetchTrace::recording();
        let result = self.fetcher.fetch(&access, &request, &mut trace).await;
        Ended {
            result,
            took: started.elapsed(),
            steps: trace.steps().to_vec(),
        }
    }

    pub(crate) async fn original(&self, path: &str) -> Original {
        let ended = self.get(path).await;
        ended
            .result
            .unwrap_or_else(|failed| panic!("{path}: {failed:?}"))
    }

    pub(crate) async fn failure(&self, path: &str) -> Box<AttemptFailure> {
        let ended = self.get(path).await;
        match ended.result {
            Ok(original) => panic!("{path} was fetched: {} bytes", original.bytes.len()),
            Err(failed) => failed,
        }
    }

    pub(crate) async fn reason(&self, path: &str) -> Reason {
        self.failure(path).await.reason
    }
}

pub(crate) fn folder(base_url: &str) -> OriginLocation {
    OriginLocation::WebFolder {
        base_url: base_url.parse().unwrap(),
        forward_host_header_to_origin: false,
    }
}

impl Ended {
    pub(crate) fn step_names(&self) -> Vec<&'static str> {
        self.steps.iter().map(|step| step.name).collect()
    }
}
