//! How far a group reaches, in an answer.

use limpid_read_models::failure_groups::{BlastRadius, Spread};
use serde::Serialize;
use utoipa::ToSchema;

/// How far a group reaches in the period: everything, or one thing only.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorBlastRadius)]
pub(super) struct BlastRadiusAnswer {
    /// File paths.
    paths: SpreadAnswer,
    /// Transformations, of the events that kept their details: a sample.
    transformations: SpreadAnswer,
    /// Pages that show the images, of the same sample.
    referrers: SpreadAnswer,
}

/// How many different values there are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorSpread)]
struct SpreadAnswer {
    /// `one`, `several`, or `none` where no event has a value.
    #[schema(example = "several")]
    extent: &'static str,
    /// Different values.
    distinct: i64,
    /// The only value, where there is one.
    only: Option<String>,
    /// Events without a value: no transformation, no referrer.
    without: i64,
    /// Stored events that were looked at, the latest.
    of_events: i64,
    /// Whether those are all events of the period, so that `distinct` is exact.
    complete: bool,
}

impl From<BlastRadius> for BlastRadiusAnswer {
    fn from(radius: BlastRadius) -> Self {
        let is_complete = radius.paths_are_complete;
        // Details are a sample wherever fewer events kept them than there are.
        let all = radius.paths.of_events;
        let is_whole = |spread: &Spread| is_complete && spread.of_events == all;
        Self {
            transformations: SpreadAnswer::new(
                &radius.transformations,
                is_whole(&radius.transformations),
            ),
            referrers: SpreadAnswer::new(&radius.referrers, is_whole(&radius.referrers)),
            paths: SpreadAnswer::new(&radius.paths, is_complete),
        }
    }
}

impl SpreadAnswer {
    fn new(spread: &Spread, complete: bool) -> Self {
        let extent = match (spread.distinct, spread.without) {
            (0, _) => "none",
            (1, 0) => "one",
            _ => "several",
        };
        Self {
            extent,
            distinct: spread.distinct,
            only: spread.only.clone().filter(|_| spread.distinct == 1),
            without: spread.without,
            of_events: spread.of_events,
            complete,
        }
    }
}
