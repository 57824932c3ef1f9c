//! `/v1/accounts/url-endpoints`.
//!
//! Source: `imagekit.md` 4.3. The default endpoint is addressed and shown as `default`.

mod schema;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use limpid_domain::url_endpoint::{UrlEndpointDraft, UrlEndpointName, UrlEndpointSettings};
use limpid_read_models::delivery_config::{self, UrlEndpointConfig};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::commands::{self, DeleteUrlEndpoint, ReplaceUrlEndpoint};
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::routes::resource::{IfMatch, Versioned};
use schema::{UrlEndpointRequest, UrlEndpointResponse};

const NOT_FOUND: &str = "URL-endpoint not found.";

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_url_endpoints, create_url_endpoint))
        .routes(routes!(
            get_url_endpoint,
            replace_url_endpoint,
            delete_url_endpoint
        ))
}

/// A URL endpoint as it is answered.
#[derive(Debug, Serialize)]
struct UrlEndpointAnswer {
    id: String,
    #[serde(flatten)]
    settings: UrlEndpointSettings,
}

impl From<UrlEndpointConfig> for UrlEndpointAnswer {
    fn from(endpoint: UrlEndpointConfig) -> Self {
        Self {
            id: endpoint.api_id(),
            settings: endpoint.settings,
        }
    }
}

impl From<UrlEndpointConfig> for Versioned<UrlEndpointAnswer> {
    fn from(endpoint: UrlEndpointConfig) -> Self {
        Self::new(endpoint.version, endpoint.into())
    }
}

/// Lists the account's URL endpoints, the default one first.
#[utoipa::path(get, path = "/v1/accounts/url-endpoints", tag = "URL endpoints", operation_id = "listUrlEndpoints",
    security(("privateKey" = [])),
    responses((status = 200, description = "Every URL endpoint.", body = Vec<UrlEndpointResponse>),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn list_url_endpoints(
    tenant: Tenant,
    State(state): State<ApiState>,
) -> Result<Json<Vec<UrlEndpointAnswer>>, ApiError> {
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let endpoints = delivery_config::url_endpoints(&mut tx).await?;
    let present = endpoints.into_iter().filter(|endpoint| !endpoint.deleted);
    Ok(Json(present.map(UrlEndpointAnswer::from).collect()))
}

/// Adds a URL endpoint.
#[utoipa::path(post, path = "/v1/accounts/url-endpoints", tag = "URL endpoints", operation_id = "createUrlEndpoint",
    security(("privateKey" = [])), request_body = UrlEndpointRequest,
    responses((status = 201, description = "The URL endpoint.", body = UrlEndpointResponse),
        (status = 400, description = "A field is missing or breaks a rule.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn create_url_endpoint(
    tenant: Tenant,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Versioned<UrlEndpointAnswer>), ApiError> {
    let draft = UrlEndpointDraft::parse(body)?;
    let context = state.command_context(tenant.event_meta());
    let endpoint = commands::create_url_endpoint(&context, tenant.id, draft).await?;
    Ok((StatusCode::CREATED, endpoint.into()))
}

/// Reads a URL endpoint.
#[utoipa::path(get, path = "/v1/accounts/url-endpoints/{id}", tag = "URL endpoints", operation_id = "getUrlEndpoint",
    security(("privateKey" = [])), params(("id" = String, Path, description = "The URL endpoint's id, or `default`.")),
    responses((status = 200, description = "The URL endpoint.", body = UrlEndpointResponse),
        (status = 404, description = "The account has no such URL endpoint.", body = ProblemBody)))]
async fn get_url_endpoint(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<Versioned<UrlEndpointAnswer>, ApiError> {
    let name = parse_name(&id)?;
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let endpoint = delivery_config::url_endpoint(&mut tx, name).await?;
    let present = endpoint.filter(|endpoint| !endpoint.deleted);
    present.map(Versioned::from).ok_or_else(not_found)
}

/// Replaces a URL endpoint as a whole: what is not sent falls back to its default.
#[utoipa::path(put, path = "/v1/accounts/url-endpoints/{id}", tag = "URL endpoints", operation_id = "replaceUrlEndpoint",
    security(("privateKey" = [])), request_body = UrlEndpointRequest,
    params(("id" = String, Path, description = "The URL endpoint's id, or `default`."),
        ("If-Match" = Option<String>, Header, description = "Replace only this version, as `ETag` named it.")),
    responses((status = 200, description = "The URL endpoint.", body = UrlEndpointResponse),
        (status = 400, description = "A field is missing or breaks a rule.", body = ProblemBody),
        (status = 404, description = "The account has no such URL endpoint.", body = ProblemBody),
        (status = 412, description = "The URL endpoint has another version.", body = ProblemBody)))]
async fn replace_url_endpoint(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: IfMatch,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Versioned<UrlEndpointAnswer>, ApiError> {
    let replace = ReplaceUrlEndpoint {
        name: parse_name(&id)?,
        draft: UrlEndpointDraft::parse(body)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    let endpoint = commands::replace_url_endpoint(&context, tenant.id, replace).await?;
    Ok(endpoint.into())
}

/// Deletes a URL endpoint; the default one stays.
#[utoipa::path(delete, path = "/v1/accounts/url-endpoints/{id}", tag = "URL endpoints",
    operation_id = "deleteUrlEndpoint", security(("privateKey" = [])),
    params(("id" = String, Path, description = "The URL endpoint's id."),
        ("If-Match" = Option<String>, Header, description = "Delete only this version, as `ETag` named it.")),
    responses((status = 204, description = "Deleted."),
        (status = 400, description = "It is the default URL endpoint.", body = ProblemBody),
        (status = 404, description = "The account has no such URL endpoint.", body = ProblemBody),
        (status = 412, description = "The URL endpoint has another version.", body = ProblemBody)))]
async fn delete_url_endpoint(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: IfMatch,
    State(state): State<ApiState>,
) -> Result<StatusCode, ApiError> {
    let delete = DeleteUrlEndpoint {
        name: parse_name(&id)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    commands::delete_url_endpoint(&context, tenant.id, delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What names no URL endpoint of anybody cannot be found.
fn parse_name(text: &str) -> Result<UrlEndpointName, ApiError> {
    UrlEndpointName::parse(text).ok_or_else(not_found)
}

fn not_found() -> ApiError {
    ApiError::NotFound(NOT_FOUND.to_owned())
}
