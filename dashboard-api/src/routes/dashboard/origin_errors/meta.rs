//! What an answer covers and how far it can be trusted.

use chrono::{DateTime, Utc};
use limpid_read_models::filter::Window;
use limpid_read_models::freshness::Freshness;
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
    /// Whether nothing of the period is missing, apart from the last seconds.
    complete: bool,
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
        }
    }
}
