//! `/v1/files/purge`. Source: `imagekit.md` 4.7.

use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use limpid_domain::ids::PurgeId;
use limpid_domain::refusal::Refusal;
use limpid_domain::request_body::Fields;
use limpid_read_models::purges::{self, PurgeStatus};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::commands;
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::throttle::TooOften;

const NOT_FOUND: &str = "No request found for this requestId.";

/// Longest URL that is looked at.
const MAX_URL_CHARS: usize = 16_384;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(purge))
        .routes(routes!(get_purge))
}

/// What is to be purged. Read by `limpid_domain::purge`; this only describes it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, never built")]
struct PurgeRequest {
    /// A delivered URL with the transformation it was delivered with; or the beginning of URLs, with a `*` at the end, where it has two
    /// levels below the account, is long, or names a file.
    #[schema(example = "https://images.example.com/acme/tr:w-300/photo.jpg")]
    url: String,
}

/// A purge that was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PurgeResponse {
    /// Its id, to ask for its status.
    #[schema(example = "01890a5d-ac96-774b-bcce-b302099a8057")]
    request_id: String,
}

/// How far a purge has come.
#[derive(Debug, Serialize, ToSchema)]
struct PurgeStatusResponse {
    status: PurgeState,
}

/// `Pending` while some serving node may still answer with what it had, `Completed` after. A node that has fallen silent is waited
/// for a quarter of an hour.
#[derive(Debug, Serialize, ToSchema)]
pub(super) enum PurgeState {
    Pending,
    Completed,
}

impl From<PurgeStatus> for PurgeState {
    fn from(status: PurgeStatus) -> Self {
        match status {
            PurgeStatus::Pending => Self::Pending,
            PurgeStatus::Completed => Self::Completed,
        }
    }
}

/// Makes every cache of the installation forget a delivered URL; the next request for it goes to its origins. At most 60 a minute and
/// 1000 a calendar month.
#[utoipa::path(post, path = "/v1/files/purge", tag = "cache", operation_id = "purgeCache", security(("privateKey" = [])),
    request_body = PurgeRequest,
    responses((status = 201, description = "The purge is recorded and on its way.", body = PurgeResponse),
        (status = 400, description = "Not a URL of the account, a wildcard that would purge too much, or too many purges this month.",
            body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 429, description = "Asked too often.", body = ProblemBody)))]
async fn purge(
    tenant: Tenant,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Json<PurgeResponse>), ApiError> {
    let mut fields = Fields::of(body)?;
    let url = fields.required_text("url", MAX_URL_CHARS)?;
    fields.finish()?;
    state
        .purges()
        .count(tenant.id, Instant::now())
        .map_err(|TooOften(wait)| ApiError::TooOften(wait.as_secs() + 1))?;
    let context = state.command_context(tenant.event_meta());
    let answers = commands::purge_caches(&context, tenant.id, &[url]).await?;
    let answer = answers.into_iter().next();
    let answer = answer.ok_or_else(|| ApiError::Internal("a purge has no answer".into()))?;
    let id = answer.map_err(Refusal::from)?;
    let request_id = id.to_string();
    Ok((StatusCode::CREATED, Json(PurgeResponse { request_id })))
}

/// Says whether every serving node has applied a purge.
#[utoipa::path(get, path = "/v1/files/purge/{requestId}", tag = "cache", operation_id = "getPurgeStatus",
    security(("privateKey" = [])), params(("requestId" = String, Path, description = "The purge's id.")),
    responses((status = 200, description = "How far it has come.", body = PurgeStatusResponse),
        (status = 400, description = "The account has asked for no such purge.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn get_purge(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<Json<PurgeStatusResponse>, ApiError> {
    let unknown = || ApiError::from(Refusal::invalid(NOT_FOUND));
    let id: PurgeId = id.parse().map_err(|_no_id| unknown())?;
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let status = purges::purge_status(&mut tx, id).await?;
    let status = PurgeState::from(status.ok_or_else(unknown)?);
    Ok(Json(PurgeStatusResponse { status }))
}
