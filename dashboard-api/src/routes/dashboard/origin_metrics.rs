//! `GET /dashboard/v1/origins/{id}/metrics`: how one origin fared over time. Source: `dashboard.md`, P7.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::ids::OriginId;
use limpid_domain::origin_health::LatencyHistogram;
use limpid_read_models::delivery_config;
use limpid_read_models::delivery_usage::hours_around;
use limpid_read_models::failure_timeseries::{GroupBy, SeriesKey, bucket_count, timeseries};
use limpid_read_models::filter::{FailureFilter, Window};
use limpid_read_models::origin_health::{Fetches, OriginHour, observed_to, origin_hours};
use limpid_read_models::retention::kept;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::annotations::{Annotation, annotations};
use super::origin_errors::{MetaAnswer, read_period};
use super::usage::{freshness, read_interval};
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::Parameters;
use crate::router::ApiState;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_origin_metrics))
}

/// How an origin fared, in columns, zeros included. The period is widened to whole hours, which `meta` names.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginMetrics)]
struct MetricsAnswer {
    /// Start of the first bucket; they are `meta.intervalMs` wide.
    start: DateTime<Utc>,
    /// Fetches that gave a file.
    successes: Vec<i64>,
    /// Fetches that were answered without a usable file.
    file_faults: Vec<i64>,
    /// Fetches that failed.
    failures: Vec<i64>,
    /// Failures of requests at this origin by code. Unlike the fetches above they count every request, also where one fetch failed for many.
    by_code: CodeSeries,
    /// How long half of the successful fetches took at most; null where there were none. Units: ms.
    p50_ms: Vec<Option<u64>>,
    /// The same of 95 %.
    p95_ms: Vec<Option<u64>>,
    /// The same of 99 %.
    p99_ms: Vec<Option<u64>>,
    /// Successful fetches by how long they took.
    latency: LatencySeries,
    /// Changes of this origin, and notes.
    annotations: Vec<Annotation>,
    meta: MetaAnswer,
}

/// Failures by code: one list of counts per code.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OriginMetricsByCode)]
struct CodeSeries {
    keys: Vec<&'static str>,
    counts: Vec<Vec<i64>>,
}

/// A histogram per bucket of time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginMetricsLatency)]
struct LatencySeries {
    /// Up to how long a fetch of each column took; the last column, which has no bound, takes what took longer. Units: ms.
    up_to_ms: Vec<f64>,
    /// One list of counts per bucket of time.
    counts: Vec<Vec<u32>>,
}

/// Answers how an origin fared over time.
#[utoipa::path(get, path = "/dashboard/v1/origins/{id}/metrics", tag = "origins", operation_id = "getOriginMetrics",
    security(("privateKey" = [])),
    params(("id" = String, Path, description = "The origin's id; also of one that was deleted."),
        ("from" = Option<String>, Query, description = "First moment: RFC 3339, now, or now-6h; 24 hours before `to` where it is not given."),
        ("to" = Option<String>, Query, description = "First moment after the period; now where it is not given."),
        ("interval" = Option<String>, Query, description = "Width of a bucket: 1h, 3h, 6h, 12h, 1d or 7d; chosen for at most 120 buckets where it is not given.")),
    responses((status = 200, description = "The metrics.", body = MetricsAnswer),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 404, description = "The account never had such an origin.", body = ProblemBody)))]
async fn get_origin_metrics(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<MetricsAnswer>, ApiError> {
    let not_found = || ApiError::NotFound("Origin not found.".to_owned());
    let id: OriginId = id.parse().map_err(|_no_uuid| not_found())?;
    let now = state.config().clock.now();
    let mut parameters = Parameters::parse(query.as_deref(), &["from", "to", "interval"]);
    let (from, to) = read_period(&mut parameters, now);
    let window = hours_around(Window { from, to });
    let interval = read_interval(&mut parameters, window);
    parameters.finish()?;
    let mut tx = state.question(tenant.id).await?;
    let origin = delivery_config::origin(&mut tx, id).await?;
    let origin = origin.ok_or_else(not_found)?;
    // Read before the counts: what it promises must be in them.
    let as_of = observed_to(&mut tx).await?;
    let kept = kept(&mut tx).await?;
    let hours = origin_hours(&mut tx, window).await?;
    let mut filter = FailureFilter::all(window).within(kept);
    filter.include.origins = vec![origin.no];
    let failures = timeseries(&mut tx, &filter, GroupBy::Code, interval).await?;
    let marks = annotations(&mut tx, window, Some(id.into())).await?;
    let buckets = in_buckets(&hours, id, (window, interval));
    let keys = failures.keys.iter().map(|key| match key {
        SeriesKey::Code(code) => code.as_str(),
        _ => "other",
    });
    let codes = CodeSeries {
        keys: keys.collect(),
        counts: failures.counts,
    };
    let meta = MetaAnswer::new(window, freshness(as_of, now, to)).in_buckets(interval);
    Ok(Json(MetricsAnswer {
        annotations: marks,
        ..MetricsAnswer::new(failures.start, &buckets, codes, meta)
    }))
}

/// The fetches of one origin in buckets of time.
fn in_buckets(
    hours: &[OriginHour],
    id: OriginId,
    (window, interval): (Window, TimeDelta),
) -> Vec<Fetches> {
    let width = interval.num_seconds().max(1);
    let first = window.from.timestamp().div_euclid(width);
    let length = usize::try_from(bucket_count(window, interval)).unwrap_or_default();
    let mut buckets = vec![Fetches::default(); length];
    for hour in hours.iter().filter(|hour| hour.origin_id == id) {
        let place = hour.hour.timestamp().div_euclid(width) - first;
        let bucket = usize::try_from(place).ok();
        if let Some(bucket) = bucket.and_then(|place| buckets.get_mut(place)) {
            bucket.add(&hour.fetches);
        }
    }
    buckets
}

impl MetricsAnswer {
    fn new(
        start: DateTime<Utc>,
        buckets: &[Fetches],
        by_code: CodeSeries,
        meta: MetaAnswer,
    ) -> Self {
        let count = |measure: fn(&Fetches) -> i64| buckets.iter().map(measure).collect();
        let time = |percent| {
            let us = buckets
                .iter()
                .map(|fetches| fetches.latency.quantile_us(percent));
            us.map(|us| us.map(|us| us.div_ceil(1_000))).collect()
        };
        let counts = buckets
            .iter()
            .map(|fetches| fetches.latency.counts().to_vec());
        Self {
            start,
            successes: count(|fetches| fetches.successes),
            file_faults: count(|fetches| fetches.file_faults),
            failures: count(|fetches| fetches.failures),
            by_code,
            p50_ms: time(50),
            p95_ms: time(95),
            p99_ms: time(99),
            latency: LatencySeries {
                up_to_ms: LatencyHistogram::bounds_ms(),
                counts: counts.collect(),
            },
            annotations: Vec::new(),
            meta,
        }
    }
}
