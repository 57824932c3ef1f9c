//! `GET /dashboard/v1/origin-errors/paths`: the paths that fail most.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, Utc};
use limpid_read_models::failure_paths::{FailingPath, MAX_PATHS, failing_paths};
use serde::Serialize;
use utoipa::ToSchema;

use super::Question;
use super::filter::{FILTER_NAMES, FilterParameters, FilterRequest};
use super::meta::MetaAnswer;
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::Parameters;
use crate::router::ApiState;

/// Paths of an answer where the request does not say.
const DEFAULT_PATHS: u16 = 20;

/// The paths that fail most.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorPaths)]
pub(super) struct PathsAnswer {
    data: Vec<PathAnswer>,
    /// 0: all counts are exact. Else a path may have so many more attempts than it is given, at most.
    max_undercount: i64,
    /// At least so many different paths failed; exact where `maxUndercount` is 0 and the period has no closed busy day.
    distinct_paths: i64,
    meta: MetaAnswer,
}

/// A path and its failures.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorPath)]
struct PathAnswer {
    #[schema(example = "/products/1234/red-shoe.jpg")]
    path: String,
    /// Failed attempts.
    attempts: i64,
    /// The first failure in the period.
    first_seen: DateTime<Utc>,
    /// The last failure in the period.
    last_seen: DateTime<Utc>,
    /// The code of the last failure.
    last_code: &'static str,
    /// The reason of the last failure.
    last_reason: &'static str,
}

/// Lists the paths with most failed attempts. Hours and days that have closed and have at least 200 failures keep their 200 worst paths;
/// the bound says what that can make of a sum. Filters other than `code`, `reason`, `stage` and `origin` count every event.
#[utoipa::path(get, path = "/dashboard/v1/origin-errors/paths", tag = "origin errors",
    operation_id = "listOriginErrorPaths", security(("privateKey" = [])),
    params(FilterParameters,
        ("limit" = Option<u16>, Query, description = "Paths of the answer, 1 to 200; 20 where it is not given.")),
    responses((status = 200, description = "The paths.", body = PathsAnswer),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
pub(super) async fn list_paths(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<PathsAnswer>, ApiError> {
    let known = [FILTER_NAMES.as_slice(), &["limit"]].concat();
    let mut parameters = Parameters::parse(query.as_deref(), &known);
    let request = FilterRequest::read(&mut parameters, state.config().clock.now());
    let limit = parameters.number("limit", (1, MAX_PATHS), DEFAULT_PATHS);
    parameters.finish()?;
    let mut question = Question::open(&state, &tenant, request).await?;
    let window = question.filter.window;
    let meta = question.meta_of_events(window).await?;
    let found = failing_paths(&mut question.tx, &question.filter, limit).await?;
    Ok(Json(PathsAnswer {
        data: found.paths.into_iter().map(PathAnswer::from).collect(),
        max_undercount: found.max_undercount,
        distinct_paths: found.distinct_paths,
        meta,
    }))
}

impl From<FailingPath> for PathAnswer {
    fn from(path: FailingPath) -> Self {
        Self {
            path: path.path,
            attempts: path.attempts,
            first_seen: path.first_at,
            last_seen: path.last_at,
            last_code: path.last_reason.code().as_str(),
            last_reason: path.last_reason.name(),
        }
    }
}
