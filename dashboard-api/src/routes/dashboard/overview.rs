//! `GET /dashboard/v1/overview`: the numbers that stand above everything else, each with what it was before and how it went. Source:
//! `dashboard.md`, P1.

mod tiles;

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::TenantTx;
use limpid_read_models::delivery_usage::{counted_to, hours_around, usage_over_time};
use limpid_read_models::filter::Window;
use limpid_read_models::origin_health::{observed_to, origin_hours};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::origin_errors::{MetaAnswer, read_period};
use super::usage::{freshness, read_interval};
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::Parameters;
use crate::router::ApiState;
use tiles::{Buckets, CountTile, ShareTile, Sums, TimeTile};

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_overview))
}

/// Numbers of a period with those of the period of the same length before it. The period is widened to whole hours, which `meta` names.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Overview {
    /// Start of the first bucket of every `series`; they are `meta.intervalMs` wide.
    start: DateTime<Utc>,
    /// Requests answered, errors included.
    requests: CountTile,
    /// Files asked of origins, repetitions included.
    origin_fetches: CountTile,
    /// The share of them that failed.
    failing_share: ShareTile,
    /// How long half of the successful fetches took at most.
    p50_ms: TimeTile,
    /// How long 95 % of the successful fetches took at most.
    p95_ms: TimeTile,
    /// The share of the requests that came to the cache which it answered.
    cache_hit_ratio: ShareTile,
    /// Bytes of answers' bodies.
    bytes: CountTile,
    meta: MetaAnswer,
}

/// Answers the numbers of the overview.
#[utoipa::path(get, path = "/dashboard/v1/overview", tag = "usage", operation_id = "getOverview",
    security(("privateKey" = [])),
    params(("from" = Option<String>, Query, description = "First moment: RFC 3339, now, or now-6h; 24 hours before `to` where it is not given."),
        ("to" = Option<String>, Query, description = "First moment after the period; now where it is not given."),
        ("interval" = Option<String>, Query, description = "Width of a bucket: 1h, 3h, 6h, 12h, 1d or 7d; chosen for at most 120 buckets where it is not given.")),
    responses((status = 200, description = "The numbers.", body = Overview),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn get_overview(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Overview>, ApiError> {
    let now = state.config().clock.now();
    let mut parameters = Parameters::parse(query.as_deref(), &["from", "to", "interval"]);
    let (from, to) = read_period(&mut parameters, now);
    let window = hours_around(Window { from, to });
    let interval = read_interval(&mut parameters, window);
    parameters.finish()?;
    let mut tx = state.question(tenant.id).await?;
    // Read before the counts: what it promises must be in them.
    let as_of = counted_to(&mut tx).await?.min(observed_to(&mut tx).await?);
    let (before, buckets) = read(&mut tx, window, interval).await?;
    let meta = MetaAnswer::new(window, freshness(as_of, now, to)).in_buckets(interval);
    Ok(Json(Overview::new(&buckets, &before, meta)))
}

/// The sums of the period before, and the buckets of the period.
async fn read(
    tx: &mut TenantTx,
    window: Window,
    interval: TimeDelta,
) -> Result<(Sums, Buckets), ApiError> {
    let previous = window.previous();
    let hour = TimeDelta::hours(1);
    let span = Window {
        from: previous.from,
        to: window.to,
    };
    let mut before = Sums::default();
    let mut buckets = Buckets::new(window, interval);
    for cell in usage_over_time(tx, span, hour).await? {
        let at = DateTime::from_timestamp(cell.bucket * hour.num_seconds(), 0);
        let at = at.unwrap_or(DateTime::UNIX_EPOCH);
        if at < window.from {
            before.add_usage(&cell);
        } else if let Some(bucket) = buckets.at(at) {
            bucket.add_usage(&cell);
        }
    }
    for observed in origin_hours(tx, span).await? {
        if observed.hour < window.from {
            before.add_fetches(&observed.fetches);
        } else if let Some(bucket) = buckets.at(observed.hour) {
            bucket.add_fetches(&observed.fetches);
        }
    }
    Ok((before, buckets))
}

impl Overview {
    fn new(buckets: &Buckets, before: &Sums, meta: MetaAnswer) -> Self {
        let count = |measure: fn(&Sums) -> i64| CountTile::new(buckets, before, measure);
        let share = |measure: fn(&Sums) -> Option<f64>| ShareTile::new(buckets, before, measure);
        let time = |measure: fn(&Sums) -> Option<u64>| TimeTile::new(buckets, before, measure);
        Self {
            start: buckets.start(),
            requests: count(Sums::requests),
            origin_fetches: count(Sums::fetches),
            failing_share: share(Sums::failing_share),
            p50_ms: time(|sums| sums.milliseconds(50)),
            p95_ms: time(|sums| sums.milliseconds(95)),
            cache_hit_ratio: share(Sums::cache_hit_ratio),
            bytes: count(Sums::bytes),
            meta,
        }
    }
}
