//! One origin of the answer.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::expiry::{ExpirySeverity, days_left};
use limpid_domain::failure::Reason;
use limpid_domain::origin::OriginLocation;
use limpid_domain::origin_health::OriginBreaker;
use limpid_read_models::delivery_config::{OriginView, UrlEndpointConfig};
use limpid_read_models::origin_health::{Fetches, OriginHealth};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{BAR_HOURS, HealthState, Observed, endpoints_of};
use crate::routes::dashboard::usage::share;

/// A node says every ten seconds that a breaker is not closed; what it last said is old news after this.
const BREAKER_NEWS: TimeDelta = TimeDelta::seconds(60);

/// How one origin fares.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginHealth)]
pub(super) struct OriginHealthAnswer {
    /// Its id.
    id: Uuid,
    /// Its name.
    name: String,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "S3")]
    kind: &'static str,
    /// Where its files are; null for a web proxy, whose paths say it.
    address: Option<String>,
    /// Its version.
    version: i32,
    /// When it was last changed.
    last_changed: DateTime<Utc>,
    /// The URL endpoints that ask it.
    used_by: Vec<UsedBy>,
    /// That of the latest hour of the bar with fetches; failing also while its breaker is not closed.
    state: HealthState,
    /// The 24 hours before the end of the period, oldest first.
    bar: Vec<BarHour>,
    /// Fetches in the period. Answers of caches are none, nor are those that an open breaker refused.
    fetches: i64,
    /// Those that gave a file.
    successes: i64,
    /// Those that the origin answered without a usable file: missing, archived, empty, too large.
    file_faults: i64,
    /// Those that failed.
    failures: i64,
    /// The share that failed; null without fetches.
    failing_share: Option<f64>,
    /// How long half of the successful fetches took at most. Units: ms.
    p50_ms: Option<u64>,
    /// How long 95 % of the successful fetches took at most. Units: ms.
    p95_ms: Option<u64>,
    /// The last fetch that gave a file, ever.
    last_success_at: Option<DateTime<Utc>>,
    /// The last fetch that failed, ever.
    last_failure: Option<LastFailure>,
    /// Failed fetches since the last that the origin answered.
    consecutive_failures: i32,
    /// `closed`, `half_open` or `open`, on whichever node it is furthest from closed; null where nothing was ever fetched.
    breaker: Option<&'static str>,
    /// The TLS certificate of its server, as last seen; null where none was seen since the origin changed.
    certificate: Option<CertificateEnd>,
    /// The end of its credentials, where they have one: a shared access signature.
    credential: Option<CredentialEnd>,
}

/// A URL endpoint that asks an origin.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginUsedBy)]
struct UsedBy {
    /// Its id.
    id: String,
    /// What people call it.
    description: String,
    /// Its prefix in URLs.
    url_prefix: String,
}

/// One hour of the bar.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginHealthHour)]
struct BarHour {
    start: DateTime<Utc>,
    state: HealthState,
    successes: i64,
    file_faults: i64,
    failures: i64,
}

/// The last failed fetch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OriginLastFailure)]
struct LastFailure {
    at: DateTime<Utc>,
    /// Null for one that only a newer version can name.
    #[schema(example = "connection_refused")]
    reason: Option<&'static str>,
    #[schema(example = "ECONNREFUSED")]
    code: Option<&'static str>,
    title: Option<&'static str>,
}

/// When a certificate ends.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginCertificateEnd)]
struct CertificateEnd {
    ends_at: DateTime<Utc>,
    /// Whole days, rounded down; negative once it has ended.
    days_left: i64,
    /// `fine`, `notice` (30 days), `warning` (7), `critical` (1) or `expired`.
    severity: &'static str,
    /// When a node saw it first.
    seen_at: DateTime<Utc>,
}

/// When credentials end.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginCredentialEnd)]
struct CredentialEnd {
    ends_at: DateTime<Utc>,
    /// Whole days, rounded down; negative once they have ended.
    days_left: i64,
    /// As of a certificate.
    severity: &'static str,
}

impl OriginHealthAnswer {
    pub(super) fn new(
        origin: &OriginView,
        endpoints: &[UrlEndpointConfig],
        (observed, health): (&Observed, Option<&OriginHealth>),
        (now, to): (DateTime<Utc>, DateTime<Utc>),
    ) -> Self {
        let bar = bar(observed, to);
        let latest = bar
            .iter()
            .rev()
            .map(|hour| hour.state)
            .find(|state| *state != HealthState::NoTraffic);
        let breaker = health.map(|health| breaker_of(health, now));
        let is_tripped = breaker.is_some_and(|state| state != OriginBreaker::Closed);
        let fetches = &observed.in_window;
        let ms = |percent| {
            let us = fetches.latency.quantile_us(percent);
            us.map(|us| us.div_ceil(1_000))
        };
        Self {
            id: origin.id.0,
            name: origin.settings.name.clone(),
            kind: origin.settings.location.kind().as_str(),
            address: address_of(&origin.settings.location),
            version: origin.version.0,
            last_changed: origin.updated_at,
            used_by: endpoints_of(origin, endpoints).map(UsedBy::new).collect(),
            state: match latest {
                _ if is_tripped => HealthState::Failing,
                latest => latest.unwrap_or(HealthState::NoTraffic),
            },
            bar,
            fetches: fetches.total(),
            successes: fetches.successes,
            file_faults: fetches.file_faults,
            failures: fetches.failures,
            failing_share: share(fetches.failures, fetches.total()),
            p50_ms: ms(50),
            p95_ms: ms(95),
            last_success_at: health.and_then(|health| health.last_success_at),
            last_failure: health.and_then(LastFailure::of),
            consecutive_failures: health.map_or(0, |health| health.consecutive_failures),
            breaker: breaker.map(OriginBreaker::as_str),
            certificate: health.and_then(|health| CertificateEnd::of(origin, health, now)),
            credential: health.and_then(|health| CredentialEnd::of(origin, health, now)),
        }
    }

    /// Its state.
    pub(super) fn state(&self) -> HealthState {
        self.state
    }

    /// By what origins are sorted.
    pub(super) fn order(&self) -> (&str, Uuid) {
        (&self.name, self.id)
    }
}

fn bar(observed: &Observed, to: DateTime<Utc>) -> Vec<BarHour> {
    let starts = (1..=BAR_HOURS)
        .rev()
        .map(|back| to - TimeDelta::hours(back));
    starts
        .map(|start| {
            let nothing = Fetches::default();
            let fetches = observed.hours.get(&start).unwrap_or(&nothing);
            BarHour {
                start,
                state: HealthState::of(fetches),
                successes: fetches.successes,
                file_faults: fetches.file_faults,
                failures: fetches.failures,
            }
        })
        .collect()
}

fn breaker_of(health: &OriginHealth, now: DateTime<Utc>) -> OriginBreaker {
    match health.breaker {
        Some((state, at)) if now - at <= BREAKER_NEWS => state,
        _ => OriginBreaker::Closed,
    }
}

/// The address of an origin as people know it.
pub(in crate::routes::dashboard) fn address_of(location: &OriginLocation) -> Option<String> {
    let with_folder = |place: &str| {
        let folder = location.prefix().unwrap_or_default().trim_matches('/');
        if folder.is_empty() {
            place.to_owned()
        } else {
            format!("{place}/{folder}")
        }
    };
    Some(match location {
        OriginLocation::S3 { bucket, .. } | OriginLocation::CloudinaryBackup { bucket, .. } => {
            with_folder(&format!("s3://{bucket}"))
        }
        OriginLocation::S3Compatible {
            bucket, endpoint, ..
        } => {
            let endpoint = endpoint.as_str().trim_end_matches('/');
            with_folder(&format!("{endpoint}/{bucket}"))
        }
        OriginLocation::Gcs { bucket, .. } => with_folder(&format!("gs://{bucket}")),
        OriginLocation::AzureBlob {
            account_name,
            container,
            ..
        } => with_folder(&format!("{account_name}/{container}")),
        OriginLocation::WebFolder { base_url, .. } | OriginLocation::AkeneoPim { base_url } => {
            base_url.as_str().to_owned()
        }
        OriginLocation::WebProxy => return None,
    })
}

impl UsedBy {
    fn new(endpoint: &UrlEndpointConfig) -> Self {
        Self {
            id: endpoint.api_id(),
            description: endpoint.settings.description.clone(),
            url_prefix: endpoint.settings.url_prefix.clone(),
        }
    }
}

impl LastFailure {
    fn of(health: &OriginHealth) -> Option<Self> {
        let reason = health.last_failure_reason;
        Some(Self {
            at: health.last_failure_at?,
            reason: reason.map(Reason::name),
            code: reason.map(|reason| reason.code().as_str()),
            title: reason.map(|reason| reason.row().title),
        })
    }
}

impl CertificateEnd {
    fn of(origin: &OriginView, health: &OriginHealth, now: DateTime<Utc>) -> Option<Self> {
        let (ends_at, seen_at) = health.certificate_of(origin.version)?;
        Some(Self {
            ends_at,
            days_left: days_left(ends_at, now),
            severity: ExpirySeverity::of(ends_at, now).as_str(),
            seen_at,
        })
    }
}

impl CredentialEnd {
    fn of(origin: &OriginView, health: &OriginHealth, now: DateTime<Utc>) -> Option<Self> {
        let ends_at = health.credential_end_of(origin.version)?;
        Some(Self {
            ends_at,
            days_left: days_left(ends_at, now),
            severity: ExpirySeverity::of(ends_at, now).as_str(),
        })
    }
}
