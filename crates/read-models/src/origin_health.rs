//! How origins fare, as serving nodes observed it: the last fetches, fetches by the hour, what ends soon.

mod rebuild;

use chrono::{DateTime, Utc};
use limpid_domain::failure::Reason;
use limpid_domain::ids::{OriginId, StreamVersion};
use limpid_domain::origin_health::{LatencyHistogram, OriginBreaker};
use limpid_event_store::{Database, StoreError, TenantTx};
use sqlx::FromRow;
use uuid::Uuid;

use crate::filter::Window;
pub use rebuild::{rebuild, verify};

/// How one origin fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginHealth {
    /// Which.
    pub origin_id: OriginId,
    /// The newest version of it that was observed.
    pub version: StreamVersion,
    /// Failed fetches since the last that the origin answered.
    pub consecutive_failures: i32,
    /// The last fetch that gave a file.
    pub last_success_at: Option<DateTime<Utc>>,
    /// The last failed fetch.
    pub last_failure_at: Option<DateTime<Utc>>,
    /// Its reason; `None` also for one that only a newer version can name.
    pub last_failure_reason: Option<Reason>,
    /// When the certificate that was seen last ends, and when it was seen first.
    pub certificate: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// When the credentials end, and of which version of the origin they are.
    pub credential: Option<(DateTime<Utc>, StreamVersion)>,
    /// What a breaker did that was told of last, and when.
    pub breaker: Option<(OriginBreaker, DateTime<Utc>)>,
}

/// Fetches of one origin in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginHour {
    /// Which.
    pub origin_id: OriginId,
    /// When it began.
    pub hour: DateTime<Utc>,
    /// How they ended.
    pub fetches: Fetches,
}

/// Fetches, by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fetches {
    /// Gave a file.
    pub successes: i64,
    /// Were answered without a usable file.
    pub file_faults: i64,
    /// Failed.
    pub failures: i64,
    /// How long the successful ones took.
    pub latency: LatencyHistogram,
}

impl OriginHealth {
    /// The end of the certificate and when it was seen first, if that was since the origin became this version.
    pub fn certificate_of(&self, version: StreamVersion) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        self.certificate.filter(|_| self.version >= version)
    }

    /// When the credentials of this version end, if they do and a node has said so.
    pub fn credential_end_of(&self, version: StreamVersion) -> Option<DateTime<Utc>> {
        let (end, _) = self.credential.filter(|(_, of)| *of >= version)?;
        Some(end)
    }
}

impl Fetches {
    /// All of them.
    pub fn total(&self) -> i64 {
        self.successes + self.file_faults + self.failures
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.successes += other.successes;
        self.file_faults += other.file_faults;
        self.failures += other.failures;
        self.latency.add(&other.latency);
    }
}

#[derive(Debug, FromRow)]
struct HealthRow {
    origin_id: Uuid,
    origin_version: i32,
    consecutive_failures: i32,
    last_success_at: Option<DateTime<Utc>>,
    last_failure_at: Option<DateTime<Utc>>,
    last_failure_reason: Option<i16>,
    certificate_ends_at: Option<DateTime<Utc>>,
    certificate_seen_at: Option<DateTime<Utc>>,
    credential_ends_at: Option<DateTime<Utc>>,
    credential_version: Option<i32>,
    breaker: i16,
    breaker_at: Option<DateTime<Utc>>,
}

/// How each origin fares that was ever observed, deleted ones included.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn origins_health(tx: &mut TenantTx) -> Result<Vec<OriginHealth>, StoreError> {
    let rows: Vec<HealthRow> = sqlx::query_as(
        "select origin_id, origin_version, consecutive_failures, last_success_at, last_failure_at, last_failure_reason,
           certificate_ends_at, certificate_seen_at, credential_ends_at, credential_version, breaker, breaker_at
         from origin_health where tenant_id = $1 order by origin_id",
    )
    .bind(tx.tenant_id().0)
    .fetch_all(tx.as_conn())
    .await?;
    Ok(rows.into_iter().map(HealthRow::into_health).collect())
}

impl HealthRow {
    fn into_health(self) -> OriginHealth {
        let credential_version = self.credential_version.map(StreamVersion);
        OriginHealth {
            origin_id: OriginId(self.origin_id),
            version: StreamVersion(self.origin_version),
            consecutive_failures: self.consecutive_failures,
            last_success_at: self.last_success_at,
            last_failure_at: self.last_failure_at,
            last_failure_reason: self.last_failure_reason.and_then(Reason::from_number),
            certificate: self.certificate_ends_at.zip(self.certificate_seen_at),
            credential: self.credential_ends_at.zip(credential_version),
            breaker: OriginBreaker::from_number(self.breaker).zip(self.breaker_at),
        }
    }
}

/// The fetches of the hours that begin in a window, by origin and hour; hours without any are left out.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn origin_hours(
    tx: &mut TenantTx,
    window: Window,
) -> Result<Vec<OriginHour>, StoreError> {
    type Row = (Uuid, DateTime<Utc>, i64, i64, i64, Vec<i32>);
    let rows: Vec<Row> = sqlx::query_as(
        "select origin_id, hour, successes, file_faults, failures, latency from origin_health_hour
         where tenant_id = $1 and hour >= $2 and hour < $3 order by origin_id, hour",
    )
    .bind(tx.tenant_id().0)
    .bind(window.from)
    .bind(window.to)
    .fetch_all(tx.as_conn())
    .await?;
    let hours =
        rows.into_iter().map(
            |(id, hour, successes, file_faults, failures, latency)| OriginHour {
                origin_id: OriginId(id),
                hour,
                fetches: Fetches {
                    successes,
                    file_faults,
                    failures,
                    latency: LatencyHistogram::from_stored(&latency),
                },
            },
        );
    Ok(hours.collect())
}

/// Everything observed before this moment is counted; as [`crate::delivery_usage::counted_to`], of observations.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn observed_to(tx: &mut TenantTx) -> Result<DateTime<Utc>, StoreError> {
    Ok(sqlx::query_scalar(
        "select coalesce(min(run.counted_to) filter (where not run.stopped), now())
         from (select distinct on (node_id) counted_to, stopped from origin_health_ledger order by node_id, started_at desc) run
         where run.counted_to > now() - interval '1 day'",
    )
    .fetch_one(tx.as_conn())
    .await?)
}

/// Removes successes of path templates from before a moment: nothing asks for them any more. How many rows that were.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn forget_successes(
    database: &Database,
    before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let mut connection = database.service().await?;
    Ok(sqlx::query("delete from template_success where hour < $1")
        .bind(before)
        .execute(&mut *connection)
        .await?
        .rows_affected())
}
