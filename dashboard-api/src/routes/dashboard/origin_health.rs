//! `GET /dashboard/v1/origins/health`: how every origin fares.

mod answer;

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::ids::OriginId;
use limpid_read_models::delivery_config::{self, OriginView, UrlEndpointConfig};
use limpid_read_models::delivery_usage::hours_around;
use limpid_read_models::filter::Window;
use limpid_read_models::origin_health::{
    Fetches, OriginHealth, observed_to, origin_hours, origins_health,
};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::origin_errors::{MetaAnswer, read_period};
use super::usage::freshness;
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::Parameters;
use crate::router::ApiState;
use answer::OriginHealthAnswer;
pub(super) use answer::address_of;

/// Hours of the bar. Source: `dashboard.md`, P1 and P5.
const BAR_HOURS: i64 = 24;

/// States that may be asked for, by name.
const STATES: [(&str, HealthState); 4] = [
    ("good", HealthState::Good),
    ("failing", HealthState::Failing),
    ("no_usable_file", HealthState::NoUsableFile),
    ("no_traffic", HealthState::NoTraffic),
];

/// How an origin fared in an hour, or fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OriginHealthState)]
enum HealthState {
    /// Fewer than 5 % of the fetches failed.
    Good,
    /// 5 % or more failed; of an origin also: its breaker is not closed.
    Failing,
    /// It answered every fetch, and never with a file that could be used.
    NoUsableFile,
    /// Nothing was fetched.
    NoTraffic,
}

impl HealthState {
    fn of(fetches: &Fetches) -> Self {
        let total = fetches.total();
        if total == 0 {
            Self::NoTraffic
        } else if fetches.failures.saturating_mul(20) >= total {
            Self::Failing
        } else if fetches.successes == 0 {
            Self::NoUsableFile
        } else {
            Self::Good
        }
    }
}

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_origins_health))
}

/// How every origin fares. The period is widened to whole hours, which `meta` names; the bar is of the 24 hours before its end.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginsHealth)]
struct HealthAnswer {
    /// By name.
    origins: Vec<OriginHealthAnswer>,
    /// How far off `p50Ms` and `p95Ms` may be, as a share.
    latency_resolution: f64,
    meta: MetaAnswer,
}

/// What is asked.
#[derive(Debug)]
struct HealthRequest {
    window: Window,
    origins: Vec<OriginId>,
    endpoints: Vec<String>,
    state: Option<HealthState>,
}

/// Fetches of one origin.
#[derive(Debug, Default)]
struct Observed {
    in_window: Fetches,
    /// By hour; also before the window, for the bar.
    hours: BTreeMap<DateTime<Utc>, Fetches>,
}

/// Says how every origin fares.
#[utoipa::path(get, path = "/dashboard/v1/origins/health", tag = "origins", operation_id = "getOriginsHealth",
    security(("privateKey" = [])),
    params(("from" = Option<String>, Query, description = "First moment: RFC 3339, now, or now-6h; 24 hours before `to` where it is not given."),
        ("to" = Option<String>, Query, description = "First moment after the period; now where it is not given."),
        ("origin" = Option<Vec<String>>, Query, description = "Only these origins."),
        ("endpoint" = Option<Vec<String>>, Query, description = "Only origins of these URL endpoints: ids or `default`."),
        ("state" = Option<String>, Query, description = "Only origins in this state: good, failing, no_usable_file or no_traffic.")),
    responses((status = 200, description = "The origins.", body = HealthAnswer),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn get_origins_health(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<HealthAnswer>, ApiError> {
    let now = state.config().clock.now();
    let request = HealthRequest::read(query.as_deref(), now)?;
    let window = request.window;
    let mut tx = state.question(tenant.id).await?;
    // Read before the counts: what it promises must be in them.
    let as_of = observed_to(&mut tx).await?;
    let origins = delivery_config::origins(&mut tx).await?;
    let endpoints = delivery_config::url_endpoints(&mut tx).await?;
    let health = origins_health(&mut tx).await?;
    let bar_from = window.to - TimeDelta::hours(BAR_HOURS);
    let span = Window {
        from: window.from.min(bar_from),
        to: window.to,
    };
    let mut observed: HashMap<OriginId, Observed> = HashMap::new();
    for hour in origin_hours(&mut tx, span).await? {
        let origin = observed.entry(hour.origin_id).or_default();
        origin.hours.insert(hour.hour, hour.fetches);
        if hour.hour >= window.from {
            origin.in_window.add(&hour.fetches);
        }
    }
    let health: HashMap<OriginId, OriginHealth> =
        health.into_iter().map(|row| (row.origin_id, row)).collect();
    let present = origins.iter().filter(|origin| !origin.deleted);
    let mut answers: Vec<OriginHealthAnswer> = present
        .filter(|origin| request.wants(origin, &endpoints))
        .map(|origin| {
            let seen = observed.remove(&origin.id).unwrap_or_default();
            let known = (&seen, health.get(&origin.id));
            OriginHealthAnswer::new(origin, &endpoints, known, (now, window.to))
        })
        .filter(|answer| request.state.is_none_or(|state| state == answer.state()))
        .collect();
    answers.sort_by(|a, b| a.order().cmp(&b.order()));
    Ok(Json(HealthAnswer {
        origins: answers,
        latency_resolution: 0.19,
        meta: MetaAnswer::new(window, freshness(as_of, now, window.to.min(now))),
    }))
}

impl HealthRequest {
    fn read(query: Option<&str>, now: DateTime<Utc>) -> Result<Self, ApiError> {
        let known = ["from", "to", "origin", "endpoint", "state"];
        let mut parameters = Parameters::parse(query, &known);
        let (from, to) = read_period(&mut parameters, now);
        let request = Self {
            window: hours_around(Window { from, to }),
            origins: parameters.many("origin", "an origin's id", |text| text.parse().ok()),
            endpoints: parameters.many("endpoint", "a URL endpoint's id or default", |text| {
                Some(text.to_owned())
            }),
            state: parameters.choice("state", &STATES).map(|(_, state)| state),
        };
        parameters.finish()?;
        Ok(request)
    }

    fn wants(&self, origin: &OriginView, endpoints: &[UrlEndpointConfig]) -> bool {
        let is_chosen = self.origins.is_empty() || self.origins.contains(&origin.id);
        let mut using = endpoints_of(origin, endpoints);
        let is_used = self.endpoints.is_empty()
            || using.any(|endpoint| self.endpoints.contains(&endpoint.api_id()));
        is_chosen && is_used
    }
}

/// The URL endpoints that ask an origin.
fn endpoints_of<'a>(
    origin: &OriginView,
    endpoints: &'a [UrlEndpointConfig],
) -> impl Iterator<Item = &'a UrlEndpointConfig> {
    let id = origin.id;
    endpoints
        .iter()
        .filter(move |endpoint| !endpoint.deleted && endpoint.settings.origins.contains(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fetch_in_twenty_makes_an_hour_a_failing_one() {
        for (successes, file_faults, failures, state) in [
            (0, 0, 0, HealthState::NoTraffic),
            (10, 5, 0, HealthState::Good),
            (0, 5, 0, HealthState::NoUsableFile),
            (20, 0, 1, HealthState::Good),
            (19, 0, 1, HealthState::Failing),
            (0, 19, 1, HealthState::Failing),
            (0, 0, 1, HealthState::Failing),
        ] {
            let fetches = Fetches {
                successes,
                file_faults,
                failures,
                ..Fetches::default()
            };
            assert_eq!(HealthState::of(&fetches), state, "{fetches:?}");
        }
    }
}
