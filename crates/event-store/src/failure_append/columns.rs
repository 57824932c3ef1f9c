//! The arrays that `append.sql` unnests, in the order of its parameters.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use limpid_domain::failure::FailureEvent;
use limpid_domain::origin::OriginKind;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryScalar;
use sqlx::{Postgres, types::Uuid};

use super::Batch;
use super::text::{detail_text, path_text};

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// Answers whether the batches were new.
pub(super) type Query<'q> = QueryScalar<'q, Postgres, bool, PgArguments>;

/// One element per batch.
#[derive(Debug, Default)]
pub(super) struct LedgerColumns {
    batch_seq: Vec<i64>,
    events: Vec<i32>,
    occurrences: Vec<i64>,
    refused: Vec<i32>,
    min_at: Vec<Option<DateTime<Utc>>>,
    max_at: Vec<Option<DateTime<Utc>>>,
}

impl LedgerColumns {
    pub(super) fn of(batches: &[Batch]) -> Self {
        let mut columns = Self::default();
        for batch in batches {
            let times = || batch.events.iter().map(|event| event.occurred_at);
            let occurrences = batch
                .events
                .iter()
                .map(|event| i64::from(event.occurrences));
            columns.batch_seq.push(batch.seq.0);
            columns
                .events
                .push(i32::try_from(batch.events.len()).unwrap_or(i32::MAX));
            columns.occurrences.push(occurrences.sum());
            columns.refused.push(batch.refused);
            columns.min_at.push(times().min());
            columns.max_at.push(times().max());
        }
        columns
    }

    pub(super) fn bind(self, query: Query<'_>) -> Query<'_> {
        query
            .bind(self.batch_seq)
            .bind(self.events)
            .bind(self.occurrences)
            .bind(self.refused)
            .bind(self.min_at)
            .bind(self.max_at)
    }
}

/// One element per event.
#[derive(Debug, Default)]
pub(super) struct FactColumns {
    batch_seq: Vec<i64>,
    tenant_id: Vec<i64>,
    occurred_at: Vec<DateTime<Utc>>,
    event_id: Vec<Uuid>,
    request_id: Vec<Uuid>,
    path_hash: Vec<i64>,
    fingerprint: Vec<i64>,
    config_version: Vec<i64>,
    endpoint_no: Vec<i32>,
    origin_no: Vec<i32>,
    endpoint_version: Vec<i32>,
    origin_version: Vec<i32>,
    duration_ms: Vec<i32>,
    occurrences: Vec<i32>,
    reason: Vec<i16>,
    outcome: Vec<i16>,
    attempt: Vec<i16>,
    upstream_status: Vec<i16>,
    origin_kind: Vec<i16>,
    headline: Vec<bool>,
    path: Vec<String>,
    detail: Vec<Option<String>>,
}

impl FactColumns {
    pub(super) fn of(batches: &[Batch]) -> Self {
        let mut columns = Self::default();
        for batch in batches {
            for event in &batch.events {
                columns.batch_seq.push(batch.seq.0);
                columns.push(event);
            }
        }
        columns
    }

    fn push(&mut self, event: &FailureEvent) {
        self.tenant_id.push(event.tenant_id.0);
        self.occurred_at.push(event.occurred_at);
        self.event_id.push(event.event_id.0);
        self.request_id.push(event.request_id.0);
        self.path_hash.push(event.path_hash());
        self.fingerprint.push(event.fingerprint());
        self.config_version.push(event.config_version.0);
        self.endpoint_no.push(event.endpoint_no.0);
        self.origin_no.push(event.origin_no.0);
        self.endpoint_version.push(event.endpoint_version.0);
        self.origin_version.push(event.origin_version.0);
        self.duration_ms.push(event.duration_ms);
        self.occurrences.push(event.occurrences);
        self.reason.push(event.reason.number());
        self.outcome.push(event.outcome.number());
        self.attempt.push(event.attempt);
        self.upstream_status.push(event.upstream_status);
        self.origin_kind
            .push(event.origin_kind.map_or(0, OriginKind::number));
        self.headline.push(event.headline);
        self.path.push(path_text(&event.path));
        self.detail.push(event.detail.as_deref().map(detail_text));
    }

    pub(super) fn bind(self, query: Query<'_>) -> Query<'_> {
        query
            .bind(self.batch_seq)
            .bind(self.tenant_id)
            .bind(self.occurred_at)
            .bind(self.event_id)
            .bind(self.request_id)
            .bind(self.path_hash)
            .bind(self.fingerprint)
            .bind(self.config_version)
            .bind(self.endpoint_no)
            .bind(self.origin_no)
            .bind(self.endpoint_version)
            .bind(self.origin_version)
            .bind(self.duration_ms)
            .bind(self.occurrences)
            .bind(self.reason)
            .bind(self.outcome)
            .bind(self.attempt)
            .bind(self.upstream_status)
            .bind(self.origin_kind)
            .bind(self.headline)
            .bind(self.path)
            .bind(self.detail)
    }
}

/// One element per key of the hourly counts, sorted by it.
#[derive(Debug, Default)]
pub(super) struct CountColumns {
    tenant_id: Vec<i64>,
    hour: Vec<DateTime<Utc>>,
    endpoint_no: Vec<i32>,
    origin_no: Vec<i32>,
    reason: Vec<i16>,
    outcome: Vec<i16>,
    headline: Vec<bool>,
    events: Vec<i64>,
    occurrences: Vec<i64>,
    first_at: Vec<DateTime<Utc>>,
    last_at: Vec<DateTime<Utc>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CountKey {
    tenant_id: i64,
    hour: DateTime<Utc>,
    endpoint_no: i32,
    origin_no: i32,
    reason: i16,
    outcome: i16,
    headline: bool,
}

#[derive(Debug)]
struct Count {
    events: i64,
    occurrences: i64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
}

impl CountColumns {
    pub(super) fn of(batches: &[Batch]) -> Self {
        let mut counts: BTreeMap<CountKey, Count> = BTreeMap::new();
        for batch in batches {
            for event in &batch.events {
                let count = counts.entry(CountKey::of(event)).or_insert_with(|| Count {
                    events: 0,
                    occurrences: 0,
                    first_at: event.occurred_at,
                    last_at: event.occurred_at,
                });
                count.events += 1;
                count.occurrences += i64::from(event.occurrences);
                count.first_at = count.first_at.min(event.occurred_at);
                count.last_at = count.last_at.max(event.occurred_at);
            }
        }
        let mut columns = Self::default();
        for (key, count) in counts {
            columns.push(&key, &count);
        }
        columns
    }

    fn push(&mut self, key: &CountKey, count: &Count) {
        self.tenant_id.push(key.tenant_id);
        self.hour.push(key.hour);
        self.endpoint_no.push(key.endpoint_no);
        self.origin_no.push(key.origin_no);
        self.reason.push(key.reason);
        self.outcome.push(key.outcome);
        self.headline.push(key.headline);
        self.events.push(count.events);
        self.occurrences.push(count.occurrences);
        self.first_at.push(count.first_at);
        self.last_at.push(count.last_at);
    }

    pub(super) fn bind(self, query: Query<'_>) -> Query<'_> {
        query
            .bind(self.tenant_id)
            .bind(self.hour)
            .bind(self.endpoint_no)
            .bind(self.origin_no)
            .bind(self.reason)
            .bind(self.outcome)
            .bind(self.headline)
            .bind(self.events)
            .bind(self.occurrences)
            .bind(self.first_at)
            .bind(self.last_at)
    }
}

impl CountKey {
    fn of(event: &FailureEvent) -> Self {
        Self {
            tenant_id: event.tenant_id.0,
            hour: hour_of(event.occurred_at),
            endpoint_no: event.endpoint_no.0,
            origin_no: event.origin_no.0,
            reason: event.reason.number(),
            outcome: event.outcome.number(),
            headline: event.headline,
        }
    }
}

/// The UTC hour a moment lies in.
fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    let micros = at.timestamp_micros();
    DateTime::from_timestamp_micros(micros - micros.rem_euclid(MICROS_PER_HOUR)).unwrap_or(at)
}
