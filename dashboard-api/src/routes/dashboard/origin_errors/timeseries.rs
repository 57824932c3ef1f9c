//! `GET /dashboard/v1/origin-errors/timeseries`: how many, over time.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, TimeDelta, Utc};
use limpid_read_models::failure_timeseries::{
    GroupBy, MAX_BUCKETS, bucket_count, interval_for, narrowest_interval, timeseries,
};
use limpid_read_models::filter::Window;
use serde::Serialize;
use utoipa::ToSchema;

use super::Question;
use super::filter::{FILTER_NAMES, FilterParameters, FilterRequest};
use super::meta::MetaAnswer;
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::Parameters;
use crate::router::ApiState;
use crate::routes::dashboard::annotations::{Annotation, annotations};

/// Widths of a bucket, by name. The read model answers each.
const INTERVALS: [(&str, i64); 13] = [
    ("10s", 10),
    ("30s", 30),
    ("1m", 60),
    ("5m", 300),
    ("10m", 600),
    ("15m", 900),
    ("30m", 1_800),
    ("1h", 3_600),
    ("3h", 10_800),
    ("6h", 21_600),
    ("12h", 43_200),
    ("1d", 86_400),
    ("7d", 604_800),
];

/// What makes a line, by name.
const GROUPINGS: [(&str, GroupBy); 10] = [
    ("code", GroupBy::Code),
    ("reason", GroupBy::Reason),
    ("stage", GroupBy::Stage),
    ("origin", GroupBy::Origin),
    ("endpoint", GroupBy::Endpoint),
    ("outcome", GroupBy::Outcome),
    ("status", GroupBy::UpstreamStatus),
    ("version", GroupBy::ConfigVersion),
    ("node", GroupBy::Node),
    ("group", GroupBy::Group),
];

/// Failed attempts over time, in columns: `counts[line][bucket]`, zeros included.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorTimeseries)]
pub(super) struct TimeseriesAnswer {
    /// Start of the first bucket.
    start: DateTime<Utc>,
    /// Width of a bucket. Units: ms.
    interval_ms: i64,
    /// What makes a line.
    #[schema(example = "code")]
    group_by: &'static str,
    /// The lines: codes, reasons, outcomes or ids; `none` where there was no origin, endpoint or answer; `other` for what is beyond
    /// the 20 largest.
    keys: Vec<String>,
    /// One list of counts per line.
    counts: Vec<Vec<i64>>,
    /// Configuration changes and notes of the period.
    annotations: Vec<Annotation>,
    meta: MetaAnswer,
}

/// Counts failures per bucket of time.
#[utoipa::path(get, path = "/dashboard/v1/origin-errors/timeseries", tag = "origin errors",
    operation_id = "getOriginErrorTimeseries", security(("privateKey" = [])),
    params(FilterParameters,
        ("groupBy" = Option<String>, Query, description = "What makes a line: code (default), reason, stage, origin, endpoint, outcome, status, version, node or group."),
        ("interval" = Option<String>, Query, description = "Width of a bucket, 10s to 7d; chosen for at most 120 buckets where it is not given.")),
    responses((status = 200, description = "The counts.", body = TimeseriesAnswer),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
pub(super) async fn get_timeseries(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<TimeseriesAnswer>, ApiError> {
    let known = [FILTER_NAMES.as_slice(), &["groupBy", "interval"]].concat();
    let mut parameters = Parameters::parse(query.as_deref(), &known);
    let request = FilterRequest::read(&mut parameters, state.config().clock.now());
    let (grouping, group_by) = read_grouping(&mut parameters);
    let window = Window {
        from: request.from,
        to: request.to,
    };
    let interval = read_interval(&mut parameters, window);
    parameters.finish()?;
    let mut question = Question::open(&state, &tenant, request).await?;
    let window = question.filter.window;
    let meta = question.meta(Some(interval)).await?;
    let series = timeseries(&mut question.tx, &question.filter, group_by, interval).await?;
    let annotations = annotations(&mut question.tx, window, None).await?;
    let keys = series.keys.iter();
    Ok(Json(TimeseriesAnswer {
        start: series.start,
        interval_ms: series.interval.num_milliseconds(),
        group_by: grouping,
        keys: keys.map(|key| question.names.public_key(*key)).collect(),
        counts: series.counts,
        annotations,
        meta,
    }))
}

fn read_grouping(parameters: &mut Parameters) -> (&'static str, GroupBy) {
    let chosen = parameters.choice("groupBy", &GROUPINGS);
    chosen.unwrap_or(("code", GroupBy::Code))
}

fn read_interval(parameters: &mut Parameters, window: Window) -> TimeDelta {
    let Some((name, seconds)) = parameters.choice("interval", &INTERVALS) else {
        return interval_for(window);
    };
    let interval = TimeDelta::seconds(seconds);
    let buckets = bucket_count(window, interval);
    if buckets > MAX_BUCKETS {
        let shortest = narrowest_interval(window).num_seconds();
        let known = INTERVALS.iter().find(|(_, seconds)| *seconds == shortest);
        let advice = known.map_or_else(String::new, |(name, _)| format!("; use {name} or longer"));
        parameters.refuse(
            "interval",
            format!("interval {name} makes {buckets} buckets of this period, and {MAX_BUCKETS} are the most{advice}."),
        );
    }
    interval
}

#[cfg(test)]
mod tests {
    use limpid_read_models::failure_timeseries::INTERVALS_SECONDS;

    use super::*;

    #[test]
    fn every_interval_of_the_read_model_has_a_name() {
        assert_eq!(INTERVALS.map(|(_, seconds)| seconds), INTERVALS_SECONDS);
    }
}
