//! Adds what serving nodes observed of origins to PostgreSQL: each batch once, however often it is sent.

use chrono::{DateTime, Utc};
use limpid_domain::failure::Reason;
use limpid_domain::ids::{NodeId, OriginId, OriginNo, RunId, StreamVersion, TenantId};
use limpid_domain::origin_health::{LatencyHistogram, OriginBreaker};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::error::StoreError;
use crate::flusher::{BatchHead, BatchRows, middle};

/// Slots of an hour that successes of a path template are counted in: five minutes each.
pub const SLOTS_PER_HOUR: usize = 12;

/// What a serving node observed since its last batch. No origin, hour and template is in it twice.
#[derive(Debug, Clone, PartialEq)]
pub struct OriginBatch {
    /// The node.
    pub node: NodeId,
    /// Its present run.
    pub run: RunId,
    /// Position among the run's batches, dense from 1. A run sends them in order.
    pub seq: i64,
    /// Everything the run observed before this moment is in this batch or an earlier one.
    pub counted_to: DateTime<Utc>,
    /// Whether it is the run's last.
    pub stopped: bool,
    /// How origins fare.
    pub origins: Vec<OriginSeen>,
    /// Fetches by the hour.
    pub hours: Vec<OriginHour>,
    /// Pictures made, by path template.
    pub served: Vec<TemplateServed>,
}

/// How one origin fares, as far as the node learnt something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginSeen {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub origin_id: OriginId,
    /// The newest version of it that was observed.
    pub version: StreamVersion,
    /// Failed fetches since the last answer or, without any, since the last batch.
    pub consecutive_failures: i32,
    /// The last fetch that gave a file.
    pub last_success_at: Option<DateTime<Utc>>,
    /// The last fetch that was answered, with a file or with the news that it is missing or unusable.
    pub last_answer_at: Option<DateTime<Utc>>,
    /// The last failed fetch and its reason.
    pub last_failure: Option<(DateTime<Utc>, Reason)>,
    /// The end of a certificate that was new to the node, and when that learnt of it.
    pub certificate: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// When the credentials of this version end.
    pub credential: CredentialEnd,
    /// What its breaker did, and when.
    pub breaker: Option<(OriginBreaker, DateTime<Utc>)>,
}

/// When credentials end by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialEnd {
    /// Nobody looked.
    NotLooked,
    /// Never, as far as they say.
    Never,
    /// At this moment.
    At(DateTime<Utc>),
}

impl CredentialEnd {
    fn moment(self) -> Option<DateTime<Utc>> {
        match self {
            Self::At(end) => Some(end),
            Self::NotLooked | Self::Never => None,
        }
    }
}

impl From<Option<DateTime<Utc>>> for CredentialEnd {
    /// What credentials themselves say.
    fn from(end: Option<DateTime<Utc>>) -> Self {
        end.map_or(Self::Never, Self::At)
    }
}

/// Fetches of one origin in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginHour {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub origin_id: OriginId,
    /// When it began.
    pub hour: DateTime<Utc>,
    /// Fetches that gave a file.
    pub successes: i64,
    /// Fetches that were answered without a usable file.
    pub file_faults: i64,
    /// Fetches that failed.
    pub failures: i64,
    /// How long the successful ones took.
    pub latency: LatencyHistogram,
}

/// Pictures made of files of one path template at one origin, in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateServed {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which origin.
    pub origin_no: OriginNo,
    /// Of the path template.
    pub template_hash: i64,
    /// When it began.
    pub hour: DateTime<Utc>,
    /// By five minutes.
    pub slots: [i32; SLOTS_PER_HOUR],
    /// The last one.
    pub last_success_at: DateTime<Utc>,
}

impl OriginSeen {
    /// Nothing seen yet.
    pub fn new(tenant_id: TenantId, origin_id: OriginId, version: StreamVersion) -> Self {
        Self {
            tenant_id,
            origin_id,
            version,
            consecutive_failures: 0,
            last_success_at: None,
            last_answer_at: None,
            last_failure: None,
            certificate: None,
            credential: CredentialEnd::NotLooked,
            breaker: None,
        }
    }
}

/// Rows of a batch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OriginRows {
    /// How origins fare.
    pub origins: Vec<OriginSeen>,
    /// Fetches by the hour.
    pub hours: Vec<OriginHour>,
    /// Pictures made, by path template.
    pub served: Vec<TemplateServed>,
}

impl BatchRows for OriginRows {
    async fn append(
        &self,
        connection: &mut PgConnection,
        head: BatchHead,
    ) -> Result<(), StoreError> {
        let batch = OriginBatch {
            node: head.node,
            run: head.run,
            seq: head.seq,
            counted_to: head.counted_to,
            stopped: head.stopped,
            origins: self.origins.clone(),
            hours: self.hours.clone(),
            served: self.served.clone(),
        };
        append_origin_batch(connection, &batch).await.map(drop)
    }

    fn halves(mut self) -> Result<[Self; 2], Self> {
        let lengths = [self.origins.len(), self.hours.len(), self.served.len()];
        let Some([origins, hours, served]) = middle(lengths) else {
            return Err(self);
        };
        let rest = Self {
            origins: self.origins.split_off(origins),
            hours: self.hours.split_off(hours),
            served: self.served.split_off(served),
        };
        Ok([self, rest])
    }

    fn count(&self) -> usize {
        self.origins.len() + self.hours.len() + self.served.len()
    }

    fn joined(mut self, others: Self) -> Self {
        self.origins.extend(others.origins);
        self.hours.extend(others.hours);
        self.served.extend(others.served);
        self
    }
}

/// Adds the batch unless it has been added already; whether it was new.
///
/// # Errors
/// [`StoreError::Unavailable`]: try again with the same batch. Other errors: the database refuses some value; nothing was stored.
pub async fn append_origin_batch(
    connection: &mut PgConnection,
    batch: &OriginBatch,
) -> Result<bool, StoreError> {
    let (origins, hours, served) = (&batch.origins, &batch.hours, &batch.served);
    let query = sqlx::query_scalar::<_, i64>(include_str!("origin_observation_append/append.sql"))
        .bind(batch.node.0)
        .bind(batch.run.0)
        .bind(batch.seq)
        .bind(batch.counted_to)
        .bind(batch.stopped)
        .bind(column(origins, |o| o.tenant_id.0))
        .bind(column(origins, |o| o.origin_id.0))
        .bind(column(origins, |o| o.version.0))
        .bind(column(origins, |o| o.consecutive_failures))
        .bind(column(origins, |o| o.last_success_at))
        .bind(column(origins, |o| o.last_answer_at))
        .bind(column(origins, |o| o.last_failure.map(|(at, _)| at)))
        .bind(column(origins, |o| {
            o.last_failure.map(|(_, reason)| reason.number())
        }))
        .bind(column(origins, |o| o.certificate.map(|(end, _)| end)))
        .bind(column(origins, |o| o.certificate.map(|(_, at)| at)))
        .bind(column(origins, |o| o.credential.moment()))
        .bind(column(origins, |o| {
            (o.credential != CredentialEnd::NotLooked).then_some(o.version.0)
        }))
        .bind(column(origins, |o| {
            o.breaker.map_or(0, |(state, _)| state.number())
        }))
        .bind(column(origins, |o| o.breaker.map(|(_, at)| at)))
        .bind(column(hours, |h| h.tenant_id.0))
        .bind(column(hours, |h| h.origin_id.0))
        .bind(column(hours, |h| h.hour))
        .bind(column(hours, |h| h.successes))
        .bind(column(hours, |h| h.file_faults))
        .bind(column(hours, |h| h.failures))
        .bind(column(hours, |h| array_text(h.latency.counts())))
        .bind(column(served, |s| s.tenant_id.0))
        .bind(column(served, |s| s.origin_no.0))
        .bind(column(served, |s| s.template_hash))
        .bind(column(served, |s| s.hour))
        .bind(column(served, |s| array_text(&s.slots)))
        .bind(column(served, |s| s.last_success_at));
    Ok(query.fetch_one(connection).await? > 0)
}

fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

/// An array as PostgreSQL writes it: arrays of arrays cannot be unnested by one level. Trailing zeros are left out.
fn array_text<N: Copy + Default + PartialEq + ToString>(numbers: &[N]) -> String {
    let used = numbers
        .iter()
        .rposition(|number| *number != N::default())
        .map_or(0, |last| last + 1);
    let texts: Vec<String> = numbers.iter().take(used).map(ToString::to_string).collect();
    format!("{{{}}}", texts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_from_local_disk_as_they_were_written() {
        let at = DateTime::from_timestamp(1_795_824_000, 250_000_000).unwrap();
        let (tenant_id, origin_id) = (TenantId(3), OriginId::mint());
        let mut latency = LatencyHistogram::default();
        latency.count(std::time::Duration::from_millis(40));
        let rows = OriginRows {
            origins: vec![OriginSeen {
                consecutive_failures: 2,
                last_success_at: Some(at),
                last_failure: Some((at, Reason::ConnectionRefused)),
                certificate: Some((at, at)),
                credential: CredentialEnd::At(at),
                breaker: Some((OriginBreaker::Open, at)),
                ..OriginSeen::new(tenant_id, origin_id, StreamVersion(4))
            }],
            hours: vec![OriginHour {
                tenant_id,
                origin_id,
                hour: at,
                successes: 1,
                file_faults: 0,
                failures: 2,
                latency,
            }],
            served: vec![TemplateServed {
                tenant_id,
                origin_no: OriginNo(7),
                template_hash: -1,
                hour: at,
                slots: [1; SLOTS_PER_HOUR],
                last_success_at: at,
            }],
        };
        let written = postcard::to_allocvec(&rows).unwrap();
        assert_eq!(postcard::from_bytes::<OriginRows>(&written).unwrap(), rows);
    }

    #[test]
    fn arrays_are_written_without_trailing_zeros() {
        assert_eq!(array_text(&[0_u32, 3, 0, 12, 0]), "{0,3,0,12}");
        assert_eq!(array_text(&[0_i32; 4]), "{}");
    }
}
