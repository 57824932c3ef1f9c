//! What an answer covers and how far it can be trusted.

use chrono::{DateTime, Utc};
use limpid_read_models::filter::Window;
use limpid_read_models::freshness::Freshness;
use limpid_read_models::retention::Kept;
use serde::Serialize;
use utoipa::ToSchema;

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
    /// Single failures before this moment are no longer kept; null where none were dropped. Counts are kept for longer.
    events_from: Option<DateTime<Utc>>,
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
            events_from: None,
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
