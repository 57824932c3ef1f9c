//! What an answer covers and how far it can be trusted.

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderName;
use limpid_read_models::failure_log::Position;
use limpid_read_models::filter::Window;
use limpid_read_models::freshness::Freshness;
use limpid_read_models::retention::Kept;
use serde::Serialize;
use utoipa::ToSchema;

/// The header that says of a file what `meta` says of other answers, as JSON.
pub(in crate::routes::dashboard) const META: HeaderName = HeaderName::from_static("x-limpid-meta");

/// What an answer covers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AnswerMeta)]
pub(in crate::routes::dashboard) struct MetaAnswer {
    /// First moment covered.
    from: DateTime<Utc>,
    /// First moment no longer covered.
    to: DateTime<Utc>,
    /// Every failure before this moment is in the answer.
    as_of: DateTime<Utc>,
    /// How long ago that is. Units: ms.
    lag_ms: i64,
    /// Whether nothing of the period is missing, apart from the last seconds: all nodes have delivered, and nothing that the answer is
    /// made of is so old that it is no longer kept.
    complete: bool,
    /// Width of a bucket, where the answer counts by buckets; else null. Units: ms.
    interval_ms: Option<i64>,
    /// After which arrivals the answer was made: as `Last-Event-ID` of `stream` it continues here without a gap. Null where the answer is not
    /// made of failures.
    position: Option<String>,
    /// Where rows of the answer stand for several failures each, how many; null where each failure is a row, and of counts, which are never
    /// sampled.
    sampled: Option<Sampled>,
    /// Single failures before this moment are no longer kept; null where none were dropped. Counts are kept for longer.
    events_from: Option<DateTime<Utc>>,
}

/// Rows that stand for more than themselves: of a storm of failures alike, one row is kept for many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AnswerSampling)]
pub(in crate::routes::dashboard) struct Sampled {
    /// Rows of the answer.
    rows: i64,
    /// Failures they stand for.
    occurrences: i64,
}

impl MetaAnswer {
    /// The window that was read and the freshness at that moment.
    pub(in crate::routes::dashboard) fn new(window: Window, freshness: Freshness) -> Self {
        Self {
            from: window.from,
            to: window.to,
            as_of: freshness.as_of,
            lag_ms: freshness.lag.num_milliseconds(),
            complete: freshness.complete,
            interval_ms: None,
            position: None,
            sampled: None,
            events_from: None,
        }
    }

    /// The same of an answer in buckets.
    pub(in crate::routes::dashboard) fn in_buckets(self, interval: TimeDelta) -> Self {
        Self {
            interval_ms: Some(interval.num_milliseconds()),
            ..self
        }
    }

    /// The same of an answer made after these arrivals.
    pub(in crate::routes::dashboard) fn after(self, position: &Position) -> Self {
        Self {
            position: Some(position.to_string()),
            ..self
        }
    }

    /// The same of rows that stand for so many failures each.
    pub(in crate::routes::dashboard) fn of_rows(
        self,
        occurrences: impl IntoIterator<Item = i64>,
    ) -> Self {
        let mut sampled = Sampled {
            rows: 0,
            occurrences: 0,
        };
        for count in occurrences {
            sampled.rows += 1;
            sampled.occurrences += count;
        }
        Self {
            sampled: (sampled.occurrences > sampled.rows).then_some(sampled),
            ..self
        }
    }

    /// The same with what is still there; `is_kept` where that is all the answer is made of.
    pub(in crate::routes::dashboard) fn kept(self, kept: Kept, is_kept: bool) -> Self {
        let events_from = kept.events_from;
        Self {
            complete: self.complete && is_kept,
            events_from: (events_from > DateTime::UNIX_EPOCH).then_some(events_from),
            ..self
        }
    }
}
