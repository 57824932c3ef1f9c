//! `GET /dashboard/v1/usage`: what was delivered, in totals, over time and by the most used.

mod breakdowns;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::{HeaderValue, header};
use limpid_domain::usage::CacheResult;
use limpid_read_models::delivery_config;
use limpid_read_models::delivery_usage::{
    UsageBucket, UsageCell, counted_to, hours_around, tops, uncounted, usage, usage_over_time,
};
use limpid_read_models::failure_summary::summary;
use limpid_read_models::failure_timeseries::{MAX_BUCKETS, bucket_count};
use limpid_read_models::filter::{FailureFilter, Window};
use limpid_read_models::freshness::Freshness;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::csv::push_line;
use super::origin_errors::{META, MetaAnswer, read_period};
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::Parameters;
use crate::router::ApiState;
use breakdowns::Breakdowns;

/// Widths of a bucket, by name: usage is counted by the hour.
const INTERVALS: [(&str, i64); 6] = [
    ("1h", 3_600),
    ("3h", 10_800),
    ("6h", 21_600),
    ("12h", 43_200),
    ("1d", 86_400),
    ("7d", 604_800),
];

/// Serving nodes tell what they counted every ten seconds.
const TOLERANCE: TimeDelta = TimeDelta::seconds(30);

/// What an answer is: JSON, or a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

const FORMATS: [(&str, Format); 2] = [("json", Format::Json), ("csv", Format::Csv)];

/// Entries of a list of the most used.
const LIST_LENGTH: i64 = 20;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_usage))
}

/// What was delivered. The period is widened to whole hours, which `meta` names.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeliveryUsage)]
struct UsageAnswer {
    /// Requests answered, errors included.
    requests: i64,
    /// Bytes of answers' bodies.
    bytes: i64,
    /// Share of the requests that came to the cache which it answered; null where there were none.
    cache_hit_ratio: Option<f64>,
    /// Requests whose client saw the error of an origin; refused ones are not among them.
    client_visible: i64,
    /// Their share of all requests; null where there were none.
    failing_share: Option<f64>,
    series: SeriesAnswer,
    by: Breakdowns,
    /// Stretches of the period in which a serving node ended without a chance to count what it answered last; `complete` is false where there
    /// are any.
    uncounted: Vec<StretchAnswer>,
    meta: MetaAnswer,
}

/// A stretch of time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeliveryUsageStretch)]
struct StretchAnswer {
    /// First moment.
    from: DateTime<Utc>,
    /// First moment after it.
    to: DateTime<Utc>,
}

/// Usage over time in columns, zeros included.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeliveryUsageSeries)]
struct SeriesAnswer {
    /// Start of the first bucket.
    start: DateTime<Utc>,
    /// Width of a bucket. Units: ms.
    interval_ms: i64,
    /// Requests answered.
    requests: Vec<i64>,
    /// Bytes of answers' bodies.
    bytes: Vec<i64>,
    /// Requests that the cache answered.
    cache_hits: Vec<i64>,
    /// Requests answered with a status of 400 or more, refused ones included.
    errors: Vec<i64>,
}

/// Counts what was delivered.
#[utoipa::path(get, path = "/dashboard/v1/usage", tag = "usage", operation_id = "getDeliveryUsage",
    security(("privateKey" = [])),
    params(("from" = Option<String>, Query, description = "First moment: RFC 3339, now, or now-6h; 24 hours before `to` where it is not given."),
        ("to" = Option<String>, Query, description = "First moment after the period; now where it is not given."),
        ("interval" = Option<String>, Query, description = "Width of a bucket: 1h, 3h, 6h, 12h, 1d or 7d; chosen for at most 120 buckets where it is not given."),
        ("format" = Option<String>, Query, description = "json (default), or csv: a table of `by`, `value`, `label`, `requests` and `bytes` with everything that is in `series` (`by` is `time`) and `by`; `meta` is in the header `x-limpid-meta`.")),
    responses((status = 200, description = "The usage.", content((UsageAnswer = "application/json"), (String = "text/csv"))),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn get_usage(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let now = state.config().clock.now();
    let known = ["from", "to", "interval", "format"];
    let mut parameters = Parameters::parse(query.as_deref(), &known);
    let (from, to) = read_period(&mut parameters, now);
    let window = hours_around(Window { from, to });
    let interval = read_interval(&mut parameters, window);
    let format = parameters.choice("format", &FORMATS);
    parameters.finish()?;
    let mut tx = state.question(tenant.id).await?;
    // Read before the counts: what it promises must be in them.
    let as_of = counted_to(&mut tx).await?;
    let uncounted = uncounted(&mut tx, window).await?;
    let cells = usage(&mut tx, window).await?;
    let buckets = usage_over_time(&mut tx, window, interval).await?;
    let tops = tops(&mut tx, window, LIST_LENGTH).await?;
    let endpoints = delivery_config::url_endpoints(&mut tx).await?;
    let failures = summary(&mut tx, &FailureFilter::all(window)).await?;
    let requests = cells.iter().map(|cell| cell.counts.requests).sum();
    let fresh = freshness(as_of, now, to);
    let fresh = Freshness {
        complete: fresh.complete && uncounted.is_empty(),
        ..fresh
    };
    let stretches = uncounted.into_iter();
    let answer = UsageAnswer {
        requests,
        bytes: cells.iter().map(|cell| cell.counts.bytes).sum(),
        cache_hit_ratio: cache_hit_ratio(&cells),
        client_visible: failures.client_visible,
        failing_share: share(failures.client_visible, requests),
        series: SeriesAnswer::new(&buckets, window, interval),
        by: Breakdowns::new(&cells, &tops, &endpoints),
        uncounted: stretches
            .map(|Window { from, to }| StretchAnswer { from, to })
            .collect(),
        meta: MetaAnswer::new(window, fresh).in_buckets(interval),
    };
    match format {
        Some((_, Format::Csv)) => answer.into_table(window),
        Some((_, Format::Json)) | None => Ok(Json(answer).into_response()),
    }
}

impl UsageAnswer {
    fn into_table(self, window: Window) -> Result<Response, ApiError> {
        let mut text = String::new();
        let head = ["by", "value", "label", "requests", "bytes"];
        push_line(&mut text, head.map(str::to_owned));
        self.series.push_to(&mut text);
        self.by.push_to(&mut text);
        let mut response =
            ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response();
        let headers = response.headers_mut();
        let (from, to) = (window.from.timestamp(), window.to.timestamp());
        let disposition = format!("attachment; filename=\"usage-{from}-{to}.csv\"");
        if let Ok(value) = HeaderValue::try_from(disposition) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
        let meta =
            serde_json::to_string(&self.meta).map_err(|error| ApiError::Internal(error.into()))?;
        if let Ok(value) = HeaderValue::try_from(meta) {
            headers.insert(META, value);
        }
        Ok(response)
    }
}

/// A part of a whole; nothing where there is no whole. Counted apart, the part may lag or lead by moments: never more than all.
pub(super) fn share(part: i64, whole: i64) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of counts below 2^53; more have never been counted"
    )]
    let ratio = |part: i64, whole: i64| part as f64 / whole as f64;
    (whole > 0).then(|| ratio(part.min(whole), whole))
}

fn cache_hit_ratio(cells: &[UsageCell]) -> Option<f64> {
    let sum = |holds: fn(CacheResult) -> bool| {
        let cells = cells.iter().filter(|cell| holds(cell.cache));
        cells.map(|cell| cell.counts.requests).sum::<i64>()
    };
    let asked = sum(|cache| cache != CacheResult::NotAsked);
    share(sum(is_hit), asked)
}

/// Whether the cache answered.
pub(super) fn is_hit(cache: CacheResult) -> bool {
    matches!(
        cache,
        CacheResult::Hit | CacheResult::Negative | CacheResult::Stale
    )
}

/// How far an answer made of what nodes count in memory can be trusted.
pub(super) fn freshness(as_of: DateTime<Utc>, now: DateTime<Utc>, to: DateTime<Utc>) -> Freshness {
    let lag = (now - as_of).max(TimeDelta::zero());
    Freshness {
        as_of,
        lag,
        complete: to <= as_of || lag <= TOLERANCE,
    }
}

/// The width of a bucket that was asked for, or the narrowest that fits.
pub(super) fn read_interval(parameters: &mut Parameters, window: Window) -> TimeDelta {
    let fits = |seconds: i64| bucket_count(window, TimeDelta::seconds(seconds)) <= MAX_BUCKETS;
    let [.., (_, longest)] = INTERVALS;
    let narrowest = INTERVALS.iter().find(|(_, seconds)| fits(*seconds));
    let Some((name, seconds)) = parameters.choice("interval", &INTERVALS) else {
        return TimeDelta::seconds(narrowest.map_or(longest, |(_, seconds)| *seconds));
    };
    if !fits(seconds) {
        parameters.refuse(
            "interval",
            format!("interval {name} makes more than {MAX_BUCKETS} buckets of this period."),
        );
    }
    TimeDelta::seconds(seconds)
}

impl SeriesAnswer {
    fn new(buckets: &[UsageBucket], window: Window, interval: TimeDelta) -> Self {
        let width = interval.num_seconds().max(1);
        let first = window.from.timestamp().div_euclid(width);
        let length = usize::try_from(bucket_count(window, interval)).unwrap_or_default();
        let column = |measure: &dyn Fn(&UsageBucket) -> i64| {
            let mut column = vec![0; length];
            for bucket in buckets {
                let place = usize::try_from(bucket.bucket - first).ok();
                if let Some(cell) = place.and_then(|place| column.get_mut(place)) {
                    *cell += measure(bucket);
                }
            }
            column
        };
        let if_so = |holds: bool, bucket: &UsageBucket| {
            if holds { bucket.counts.requests } else { 0 }
        };
        Self {
            start: DateTime::from_timestamp(first * width, 0).unwrap_or(window.from),
            interval_ms: interval.num_milliseconds(),
            requests: column(&|bucket| bucket.counts.requests),
            bytes: column(&|bucket| bucket.counts.bytes),
            cache_hits: column(&|bucket| if_so(is_hit(bucket.cache), bucket)),
            errors: column(&|bucket| if_so(bucket.status >= 400, bucket)),
        }
    }

    fn push_to(&self, text: &mut String) {
        let width = self.interval_ms / 1_000;
        let mut start = self.start.timestamp();
        for (requests, bytes) in self.requests.iter().zip(&self.bytes) {
            let at = DateTime::from_timestamp(start, 0).unwrap_or(self.start);
            let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
            let cells = [
                "time".to_owned(),
                at,
                String::new(),
                requests.to_string(),
                bytes.to_string(),
            ];
            push_line(text, cells);
            start += width;
        }
    }
}
