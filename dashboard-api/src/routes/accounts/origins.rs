//! `/v1/accounts/origins`.
//!
//! Source: `imagekit.md` 4.1 and 4.2. A `PUT` replaces the whole origin, secrets included.

mod schema;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use limpid_domain::ids::OriginId;
use limpid_domain::origin::{OriginDraft, OriginSettings};
use limpid_read_models::delivery_config::{self, OriginView};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::commands::{self, DeleteOrigin, ReplaceOrigin};
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::routes::resource::{IfMatch, Versioned};
use schema::{OriginRequest, OriginResponse};

const NOT_FOUND: &str = "Origin not found.";

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_origins, create_origin))
        .routes(routes!(get_origin, replace_origin, delete_origin))
}

/// An origin as it is answered; its settings hold no secrets.
#[derive(Debug, Serialize)]
struct OriginAnswer {
    id: OriginId,
    #[serde(flatten)]
    settings: OriginSettings,
}

impl From<OriginView> for OriginAnswer {
    fn from(origin: OriginView) -> Self {
        Self {
            id: origin.id,
            settings: origin.settings,
        }
    }
}

impl From<OriginView> for Versioned<OriginAnswer> {
    fn from(origin: OriginView) -> Self {
        let warnings = origin.settings.warnings();
        Self::new(origin.version, origin.into()).with_warnings(warnings)
    }
}

/// Lists the account's origins, oldest first.
#[utoipa::path(get, path = "/v1/accounts/origins", tag = "origins", operation_id = "listOrigins",
    security(("privateKey" = [])),
    responses((status = 200, description = "Every origin.", body = Vec<OriginResponse>),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn list_origins(
    tenant: Tenant,
    State(state): State<ApiState>,
) -> Result<Json<Vec<OriginAnswer>>, ApiError> {
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let origins = delivery_config::origins(&mut tx).await?;
    let present = origins.into_iter().filter(|origin| !origin.deleted);
    Ok(Json(present.map(OriginAnswer::from).collect()))
}

/// Adds an origin. The first one of an account is attached to its default URL endpoint.
#[utoipa::path(post, path = "/v1/accounts/origins", tag = "origins", operation_id = "createOrigin",
    security(("privateKey" = [])), request_body = OriginRequest,
    responses((status = 201, description = "The origin, without its secrets.", body = OriginResponse,
            headers(("ik-warning" = Option<String>, description = "What is likely wrong with it, e.g. a private address."))),
        (status = 400, description = "A field is missing or breaks a rule.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn create_origin(
    tenant: Tenant,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Versioned<OriginAnswer>), ApiError> {
    let draft = OriginDraft::parse(body)?;
    let context = state.command_context(tenant.event_meta());
    let origin = commands::create_origin(&context, tenant.id, draft).await?;
    Ok((StatusCode::CREATED, origin.into()))
}

/// Reads an origin.
#[utoipa::path(get, path = "/v1/accounts/origins/{id}", tag = "origins", operation_id = "getOrigin",
    security(("privateKey" = [])), params(("id" = String, Path, description = "The origin's id.")),
    responses((status = 200, description = "The origin, without its secrets.", body = OriginResponse),
        (status = 404, description = "The account has no such origin.", body = ProblemBody)))]
async fn get_origin(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<Versioned<OriginAnswer>, ApiError> {
    let id = parse_id(&id)?;
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let origin = delivery_config::origin(&mut tx, id).await?;
    let present = origin.filter(|origin| !origin.deleted);
    present.map(Versioned::from).ok_or_else(not_found)
}

/// Replaces an origin as a whole: what is not sent falls back to its default, and secrets must be sent again.
#[utoipa::path(put, path = "/v1/accounts/origins/{id}", tag = "origins", operation_id = "replaceOrigin",
    security(("privateKey" = [])), request_body = OriginRequest,
    params(("id" = String, Path, description = "The origin's id."),
        ("If-Match" = Option<String>, Header, description = "Replace only this version, as `ETag` named it.")),
    responses((status = 200, description = "The origin, without its secrets.", body = OriginResponse,
            headers(("ik-warning" = Option<String>, description = "What is likely wrong with it, e.g. a private address."))),
        (status = 400, description = "A field is missing or breaks a rule.", body = ProblemBody),
        (status = 404, description = "The account has no such origin.", body = ProblemBody),
        (status = 412, description = "The origin has another version.", body = ProblemBody)))]
async fn replace_origin(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: IfMatch,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Versioned<OriginAnswer>, ApiError> {
    let replace = ReplaceOrigin {
        id: parse_id(&id)?,
        draft: OriginDraft::parse(body)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    let origin = commands::replace_origin(&context, tenant.id, replace).await?;
    Ok(origin.into())
}

/// Deletes an origin that no URL endpoint uses.
#[utoipa::path(delete, path = "/v1/accounts/origins/{id}", tag = "origins", operation_id = "deleteOrigin",
    security(("privateKey" = [])),
    params(("id" = String, Path, description = "The origin's id."),
        ("If-Match" = Option<String>, Header, description = "Delete only this version, as `ETag` named it.")),
    responses((status = 204, description = "Deleted."),
        (status = 400, description = "A URL endpoint uses the origin.", body = ProblemBody),
        (status = 404, description = "The account has no such origin.", body = ProblemBody),
        (status = 412, description = "The origin has another version.", body = ProblemBody)))]
async fn delete_origin(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: IfMatch,
    State(state): State<ApiState>,
) -> Result<StatusCode, ApiError> {
    let delete = DeleteOrigin {
        id: parse_id(&id)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    commands::delete_origin(&context, tenant.id, delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is no id cannot be the id of anything.
fn parse_id(text: &str) -> Result<OriginId, ApiError> {
    text.parse().map_err(|_no_uuid| not_found())
}

fn not_found() -> ApiError {
    ApiError::NotFound(NOT_FOUND.to_owned())
}
