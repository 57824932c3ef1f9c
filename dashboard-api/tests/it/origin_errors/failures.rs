//! Failures to ask about.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::{
    DetailLevel, FailureDetail, FailureEvent, Outcome, PhaseTimings, Reason,
};
use limpid_domain::ids::{
    BatchSeq, EventId, NodeId, OriginNo, RequestId, StreamVersion, TenantId, TenantSeq,
    UrlEndpointNo,
};
use limpid_domain::origin::OriginKind;
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_read_models::failure_groups::project;

use crate::dashboard::Dashboard;

/// The default endpoint's number: the tenant's second event creates it.
pub(crate) const DEFAULT_ENDPOINT: UrlEndpointNo = UrlEndpointNo(2);

/// The first origin's number: its event is the tenant's fourth.
pub(crate) const FIRST_ORIGIN: OriginNo = OriginNo(4);

/// One request that failed a minute ago at the first origin.
pub(crate) fn failure(tenant_id: TenantId, reason: Reason) -> FailureEvent {
    FailureEvent {
        event_id: EventId::mint(),
        tenant_id,
        occurred_at: a_minute_ago(),
        request_id: RequestId::mint(),
        attempt: 1,
        headline: true,
        outcome: Outcome::Failed,
        occurrences: 1,
        reason,
        endpoint_no: DEFAULT_ENDPOINT,
        origin_no: FIRST_ORIGIN,
        origin_kind: Some(OriginKind::S3),
        config_version: TenantSeq(5),
        endpoint_version: StreamVersion(2),
        origin_version: StreamVersion(1),
        upstream_status: 404,
        duration_ms: 12,
        path: "/shoes/red.jpg".to_owned(),
        detail: None,
    }
}

/// Everything that may be known about a failure.
pub(crate) fn detail() -> FailureDetail {
    FailureDetail {
        detail_level: DetailLevel::Reason,
        method: "GET".to_owned(),
        url: "/acme/tr:w-300/shoes/red.jpg".to_owned(),
        transformation: Some("w-300".to_owned()),
        location: Some("raw/shoes/red.jpg".to_owned()),
        provider_code: Some("AccessDenied".to_owned()),
        provider_request_id: Some("4442587FB7D0A2F9".to_owned()),
        timings: PhaseTimings::default(),
        response_headers: vec![("server".to_owned(), "AmazonS3".to_owned())],
        body_excerpt: None,
        looks_like: None,
        limit: None,
        layer_input: None,
        note: None,
        retries: 0,
        referrer: None,
        user_agent: None,
        trace_id: None,
    }
}

pub(crate) fn a_minute_ago() -> DateTime<Utc> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the API's default period ends now"
    )]
    let now = Utc::now();
    // PostgreSQL keeps microseconds.
    DateTime::from_timestamp_micros((now - TimeDelta::minutes(1)).timestamp_micros()).unwrap()
}

/// Stores the failures as one batch of a node.
pub(crate) async fn store(dashboard: &Dashboard, seq: i64, events: Vec<FailureEvent>) {
    let batch = Batch {
        seq: BatchSeq(seq),
        events,
        refused: 0,
    };
    let mut conn = dashboard.failures.service().await.unwrap();
    append_batches(&mut conn, NodeId(77), &[batch])
        .await
        .unwrap();
    drop(conn);
    project(&dashboard.failures).await.unwrap();
}
