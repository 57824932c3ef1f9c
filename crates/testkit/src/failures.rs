//! Failure events by the thousand: varied, and the same ones every time.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::reason::TABLE;
use limpid_domain::failure::{
    DetailLevel, FailureDetail, FailureEvent, Outcome, PhaseTimings, Reason,
};
use limpid_domain::ids::{
    EventId, OriginNo, RequestId, StreamVersion, TenantId, TenantSeq, UrlEndpointNo,
};
use limpid_domain::origin::OriginKind;
use uuid::Builder;

/// How many rows of the failure table failures are drawn from.
const REASONS: usize = 56;

/// Draws events from a seed, evenly over a stretch of time.
#[derive(Debug, Clone)]
pub struct FailureGenerator {
    state: u64,
    start: DateTime<Utc>,
    span: TimeDelta,
    /// Events are of tenants 1 to this.
    pub tenants: i64,
}

impl FailureGenerator {
    /// Events of two tenants between `start` and `start + span`.
    pub fn new(seed: u64, start: DateTime<Utc>, span: TimeDelta) -> Self {
        Self {
            state: seed,
            start,
            span,
            tenants: 2,
        }
    }

    /// The next events.
    pub fn take(&mut self, count: usize) -> Vec<FailureEvent> {
        (0..count).map(|_| self.event()).collect()
    }

    /// The next event.
    pub fn event(&mut self) -> FailureEvent {
        let span_us = self.span.num_microseconds().unwrap_or(i64::MAX).max(1);
        let occurred_at = self.start + TimeDelta::microseconds(self.below(span_us));
        // of the reasons there were when golden frames were written; a new one must not change what a seed gives
        let reason = self
            .pick(TABLE.get(..REASONS).unwrap_or(TABLE))
            .map_or(Reason::ObjectNotFound, |row| row.reason);
        let outcome = *self.pick(&Outcome::ALL).unwrap_or(&Outcome::Failed);
        let detail = (self.below(4) == 0).then(|| Box::new(self.detail()));
        FailureEvent {
            event_id: EventId(self.time_ordered_id(occurred_at)),
            tenant_id: TenantId(1 + self.below(self.tenants)),
            occurred_at,
            request_id: RequestId(self.time_ordered_id(occurred_at)),
            attempt: 1,
            headline: outcome == Outcome::Failed && self.below(3) > 0,
            outcome,
            occurrences: if self.below(10) == 0 { 7 } else { 1 },
            reason,
            endpoint_no: UrlEndpointNo(self.small(3)),
            origin_no: OriginNo(self.small(4)),
            origin_kind: self.pick(&OriginKind::ALL).copied(),
            config_version: TenantSeq(self.below(40)),
            endpoint_version: StreamVersion(self.small(5)),
            origin_version: StreamVersion(self.small(9)),
            upstream_status: 404,
            duration_ms: self.small(30_000),
            path: format!(
                "media/catalog/{:02x}/image-{}.jpg",
                self.below(256),
                self.below(1_000)
            ),
            detail,
        }
    }

    fn detail(&mut self) -> FailureDetail {
        FailureDetail {
            detail_level: DetailLevel::Reason,
            method: "GET".to_owned(),
            url: format!("/demo/tr:w-300/image-{}.jpg", self.below(1_000)),
            transformation: Some("w-300".to_owned()),
            location: Some("https://origin.example/media/image.jpg".to_owned()),
            provider_code: Some("NoSuchKey".to_owned()),
            provider_request_id: None,
            timings: PhaseTimings {
                first_byte_us: Some(12_345),
                total_us: 15_000,
                ..PhaseTimings::default()
            },
            response_headers: vec![("server".to_owned(), "nginx".to_owned())],
            body_excerpt: Some("<h1>Not Found</h1>".to_owned()),
            looks_like: None,
            limit: None,
            layer_input: None,
            note: None,
            retries: 0,
            referrer: None,
            user_agent: Some("Mozilla/5.0".to_owned()),
            trace_id: None,
        }
    }

    /// A version 7 UUID of that moment.
    fn time_ordered_id(&mut self, at: DateTime<Utc>) -> uuid::Uuid {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        let mut random = [0; 10];
        for (target, byte) in random.iter_mut().zip(
            [self.next(), self.next()]
                .iter()
                .flat_map(|n| n.to_le_bytes()),
        ) {
            *target = byte;
        }
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let index = self.below(i64::try_from(items.len()).ok()?);
        items.get(usize::try_from(index).ok()?)
    }

    fn small(&mut self, bound: i64) -> i32 {
        i32::try_from(self.below(bound)).unwrap_or(0)
    }

    fn below(&mut self, bound: i64) -> i64 {
        let random = i64::try_from(self.next() >> 1).unwrap_or(0);
        random % bound.max(1)
    }

    /// `SplitMix64`. Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
