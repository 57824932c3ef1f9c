//! A row of `origin_failure` and the failure it means.

use chrono::{DateTime, Utc};
use limpid_domain::failure::{FailureDetail, FailureEvent, Outcome, Reason};
use limpid_domain::ids::{
    BatchSeq, EventId, NodeId, OriginNo, RequestId, StreamVersion, TenantId, TenantSeq,
    UrlEndpointNo,
};
use limpid_domain::origin::OriginKind;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use super::StoredFailure;

/// The columns that [`EventRow`] reads.
pub(super) const COLUMNS: &str = "tenant_id, occurred_at, event_id, request_id, node_id, batch_seq, config_version, \
    endpoint_no, origin_no, endpoint_version, origin_version, duration_ms, occurrences, reason, outcome, attempt, \
    upstream_status, origin_kind, headline, path, detail";

#[derive(Debug, FromRow)]
pub(super) struct EventRow {
    tenant_id: i64,
    occurred_at: DateTime<Utc>,
    event_id: Uuid,
    request_id: Uuid,
    node_id: i64,
    batch_seq: i64,
    config_version: i64,
    endpoint_no: i32,
    origin_no: i32,
    endpoint_version: i32,
    origin_version: i32,
    duration_ms: i32,
    occurrences: i32,
    reason: i16,
    outcome: i16,
    attempt: i16,
    upstream_status: i16,
    origin_kind: i16,
    headline: bool,
    path: String,
    detail: Option<Value>,
}

impl EventRow {
    pub(super) fn occurred_at(&self) -> DateTime<Utc> {
        self.occurred_at
    }

    pub(super) fn event_id(&self) -> EventId {
        EventId(self.event_id)
    }

    /// The failure, or `None` for one that only a newer version can name; it is counted all the same.
    pub(super) fn into_failure(self) -> Option<StoredFailure> {
        let (Some(reason), Some(outcome)) = (
            Reason::from_number(self.reason),
            Outcome::from_number(self.outcome),
        ) else {
            tracing::warn!(event_id = %self.event_id, reason = self.reason, outcome = self.outcome, "a failure of a newer version is left out");
            return None;
        };
        let detail: Option<FailureDetail> = self
            .detail
            .and_then(|detail| serde_json::from_value(detail).ok());
        Some(StoredFailure {
            node: NodeId(self.node_id),
            batch: BatchSeq(self.batch_seq),
            event: FailureEvent {
                event_id: EventId(self.event_id),
                tenant_id: TenantId(self.tenant_id),
                occurred_at: self.occurred_at,
                request_id: RequestId(self.request_id),
                attempt: self.attempt,
                headline: self.headline,
                outcome,
                occurrences: self.occurrences,
                reason,
                endpoint_no: UrlEndpointNo(self.endpoint_no),
                origin_no: OriginNo(self.origin_no),
                origin_kind: OriginKind::from_number(self.origin_kind),
                config_version: TenantSeq(self.config_version),
                endpoint_version: StreamVersion(self.endpoint_version),
                origin_version: StreamVersion(self.origin_version),
                upstream_status: self.upstream_status,
                duration_ms: self.duration_ms,
                path: self.path,
                detail: detail.map(Box::new),
            },
        })
    }
}
