//! `POST /operator/v1/tenants/{imagekitId}/erase` and `/operator/v1/erasures`: accounts that are to vanish, and what is left of them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::{HeaderValue, StatusCode, header};
use limpid_domain::ids::TenantId;
use limpid_domain::tenant::EraseTenant;
use limpid_event_store::tenant_erasure::{self, Erasure};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::tenants::{find, operator_meta};
use crate::auth::Operator;
use crate::commands;
use crate::error::{ApiError, ProblemBody};
use crate::exchange::Exchange;
use crate::json_body::JsonObject;
use crate::query::Parameters;
use crate::router::ApiState;

/// Erasures of an answer where the request does not say, and at most.
const DEFAULT_PAGE: u16 = 50;
const MAX_PAGE: u16 = 200;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(erase_tenant))
        .routes(routes!(list_erasures))
        .routes(routes!(get_erasure))
}

/// The account's id once more.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, never built")]
struct EraseRequest {
    /// Must be the account's id.
    #[schema(example = "acme")]
    confirm: String,
}

/// What is left of an account: no name, no address, no key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Erasure)]
struct ErasureAnswer {
    /// The account's number, under which the log files of the installation may know it.
    #[schema(example = "17")]
    id: String,
    /// `running` or `finished`.
    state: &'static str,
    requested_at: DateTime<Utc>,
    /// Who asked for it.
    #[schema(example = "operator API")]
    requested_by: String,
    /// Rows erased so far, by table.
    erased_rows: BTreeMap<String, i64>,
    /// When the last row was gone; null while it runs.
    finished_at: Option<DateTime<Utc>>,
}

/// Some erasures, the latest first.
#[derive(Debug, Serialize, ToSchema)]
struct ErasureList {
    data: Vec<ErasureAnswer>,
}

/// Erases an account. Its keys, secrets, names and settings are gone with the answer and nothing of it is delivered any more; failures,
/// counts and history go in batches after that. It cannot be brought back.
#[utoipa::path(post, path = "/operator/v1/tenants/{imagekitId}/erase", tag = "tenants", operation_id = "eraseTenant",
    security(("operatorKey" = [])), request_body = EraseRequest,
    params(("imagekitId" = String, Path, description = "The account's id.")),
    responses((status = 202, description = "It is being erased; `Location` names where to see how far that is.", body = ErasureAnswer),
        (status = 400, description = "Not confirmed: nothing was erased.", body = ProblemBody),
        (status = 401, description = "No operator key.", body = ProblemBody),
        (status = 403, description = "A wrong operator key.", body = ProblemBody),
        (status = 404, description = "No such account, or erased already.", body = ProblemBody)))]
async fn erase_tenant(
    _: Operator,
    State(state): State<ApiState>,
    Extension(exchange): Extension<Exchange>,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let command = EraseTenant::parse(body)?;
    let tenant = find(&state, &id).await?;
    let context = state.command_context(operator_meta(exchange));
    let erasure = commands::erase_tenant(&context, tenant.tenant_id, command).await?;
    let answer = ErasureAnswer::from(erasure);
    let location = format!("/operator/v1/erasures/{}", answer.id);
    let mut response = (StatusCode::ACCEPTED, Json(answer)).into_response();
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Lists erasures, the latest first.
#[utoipa::path(get, path = "/operator/v1/erasures", tag = "tenants", operation_id = "listErasures",
    security(("operatorKey" = [])),
    params(("limit" = Option<u16>, Query, description = "Erasures of the answer, 1 to 200; 50 where it is not given.")),
    responses((status = 200, description = "Some erasures.", body = ErasureList),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No operator key.", body = ProblemBody),
        (status = 403, description = "A wrong operator key.", body = ProblemBody)))]
async fn list_erasures(
    _: Operator,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<ErasureList>, ApiError> {
    let mut parameters = Parameters::parse(query.as_deref(), &["limit"]);
    let limit = parameters.number("limit", (1, MAX_PAGE), DEFAULT_PAGE);
    parameters.finish()?;
    let found = tenant_erasure::erasures(state.database(), limit).await?;
    Ok(Json(ErasureList {
        data: found.into_iter().map(ErasureAnswer::from).collect(),
    }))
}

/// Reads how far an erasure has come.
#[utoipa::path(get, path = "/operator/v1/erasures/{id}", tag = "tenants", operation_id = "getErasure",
    security(("operatorKey" = [])), params(("id" = String, Path, description = "The erasure's id.")),
    responses((status = 200, description = "The erasure.", body = ErasureAnswer),
        (status = 401, description = "No operator key.", body = ProblemBody),
        (status = 403, description = "A wrong operator key.", body = ProblemBody),
        (status = 404, description = "No such erasure.", body = ProblemBody)))]
async fn get_erasure(
    _: Operator,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<ErasureAnswer>, ApiError> {
    let id: i64 = id.parse().map_err(|_no_number| not_found())?;
    Ok(Json(read(&state, TenantId(id)).await?))
}

async fn read(state: &ApiState, tenant_id: TenantId) -> Result<ErasureAnswer, ApiError> {
    let found = tenant_erasure::erasure(state.database(), tenant_id).await?;
    found.map(ErasureAnswer::from).ok_or_else(not_found)
}

fn not_found() -> ApiError {
    ApiError::NotFound("Erasure not found.".to_owned())
}

impl From<Erasure> for ErasureAnswer {
    fn from(erasure: Erasure) -> Self {
        let state = if erasure.finished_at.is_some() {
            "finished"
        } else {
            "running"
        };
        Self {
            id: erasure.tenant_id.to_string(),
            state,
            requested_at: erasure.requested_at,
            requested_by: erasure.requested_by.label,
            erased_rows: erasure.erased_rows,
            finished_at: erasure.finished_at,
        }
    }
}
