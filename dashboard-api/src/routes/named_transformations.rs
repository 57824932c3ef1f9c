//! `/v1/named-transformations`. Source: `imagekit.md` 4.6.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use limpid_domain::ids::NamedTransformationId;
use limpid_domain::named_transformation::{NamedTransformationChange, NamedTransformationSettings};
use limpid_read_models::delivery_config::{self, NamedTransformationConfig};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::commands::{self, ChangeNamedTransformation, DeleteNamedTransformation};
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::routes::resource::{IfMatch, Versioned};

const NOT_FOUND: &str = "Named transformation not found.";

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(
            list_named_transformations,
            create_named_transformation
        ))
        .routes(routes!(
            get_named_transformation,
            change_named_transformation,
            delete_named_transformation
        ))
}

/// A named transformation as it is answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NamedTransformationResponse {
    /// Its id.
    #[schema(example = "01890a5d-ac96-774b-bcce-b302099a8057")]
    id: String,
    /// What URLs call it, `tr:n-<name>`.
    #[schema(example = "small_thumb")]
    name: String,
    /// What it stands for.
    #[schema(example = "w-150,h-150,fo-center,cm-pad_resize")]
    transformation: String,
    /// Whether URLs may use it.
    enabled: bool,
    /// When it came into being.
    created_at: DateTime<Utc>,
}

/// A named transformation as it is sent. Read by `limpid_domain::named_transformation`; this only describes it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never built")]
struct NamedTransformationRequest {
    /// What URLs call it; letters, digits and underscores, case-sensitive, unique in the account.
    #[schema(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9_]+$")]
    name: String,
    /// What it stands for.
    #[schema(min_length = 1, max_length = 8192)]
    transformation: String,
    /// Whether URLs may use it.
    #[schema(default = true)]
    enabled: Option<bool>,
}

/// Fields to change; those that are not sent stay.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never built")]
struct NamedTransformationChangeRequest {
    /// What URLs call it.
    #[schema(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9_]+$")]
    name: Option<String>,
    /// What it stands for.
    #[schema(min_length = 1, max_length = 8192)]
    transformation: Option<String>,
    /// Whether URLs may use it.
    enabled: Option<bool>,
}

impl From<NamedTransformationConfig> for NamedTransformationResponse {
    fn from(named: NamedTransformationConfig) -> Self {
        Self {
            id: named.id.to_string(),
            name: named.settings.name,
            transformation: named.settings.transformation,
            enabled: named.settings.enabled,
            created_at: named.created_at,
        }
    }
}

impl From<NamedTransformationConfig> for Versioned<NamedTransformationResponse> {
    fn from(named: NamedTransformationConfig) -> Self {
        Self::new(named.version, named.into())
    }
}

/// Lists the account's named transformations, oldest first.
#[utoipa::path(get, path = "/v1/named-transformations", tag = "named transformations",
    operation_id = "listNamedTransformations", security(("privateKey" = [])),
    responses((status = 200, description = "Every named transformation.", body = Vec<NamedTransformationResponse>),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn list_named_transformations(
    tenant: Tenant,
    State(state): State<ApiState>,
) -> Result<Json<Vec<NamedTransformationResponse>>, ApiError> {
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let named = delivery_config::named_transformations(&mut tx).await?;
    let answers = named.into_iter().map(NamedTransformationResponse::from);
    Ok(Json(answers.collect()))
}

/// Adds a named transformation.
#[utoipa::path(post, path = "/v1/named-transformations", tag = "named transformations",
    operation_id = "createNamedTransformation", security(("privateKey" = [])), request_body = NamedTransformationRequest,
    responses((status = 201, description = "The named transformation.", body = NamedTransformationResponse),
        (status = 400, description = "A field is missing or breaks a rule, or there are 250 already.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 409, description = "Another one has the name.", body = ProblemBody)))]
async fn create_named_transformation(
    tenant: Tenant,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Versioned<NamedTransformationResponse>), ApiError> {
    let settings = NamedTransformationSettings::parse(body)?;
    let context = state.command_context(tenant.event_meta());
    let named = commands::create_named_transformation(&context, tenant.id, settings).await?;
    Ok((StatusCode::CREATED, named.into()))
}

/// Reads a named transformation.
#[utoipa::path(get, path = "/v1/named-transformations/{id}", tag = "named transformations",
    operation_id = "getNamedTransformation", security(("privateKey" = [])),
    params(("id" = String, Path, description = "The named transformation's id.")),
    responses((status = 200, description = "The named transformation.", body = NamedTransformationResponse),
        (status = 404, description = "The account has no such named transformation.", body = ProblemBody)))]
async fn get_named_transformation(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<Versioned<NamedTransformationResponse>, ApiError> {
    let id = parse_id(&id)?;
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let named = delivery_config::named_transformation(&mut tx, id).await?;
    named.map(Versioned::from).ok_or_else(not_found)
}

/// Changes the fields of a named transformation that are sent; the others stay.
#[utoipa::path(patch, path = "/v1/named-transformations/{id}", tag = "named transformations",
    operation_id = "changeNamedTransformation", security(("privateKey" = [])),
    request_body = NamedTransformationChangeRequest,
    params(("id" = String, Path, description = "The named transformation's id."),
        ("If-Match" = Option<String>, Header, description = "Change only this version, as `ETag` named it.")),
    responses((status = 200, description = "The named transformation.", body = NamedTransformationResponse),
        (status = 400, description = "A field breaks a rule.", body = ProblemBody),
        (status = 404, description = "The account has no such named transformation.", body = ProblemBody),
        (status = 409, description = "Another one has the name.", body = ProblemBody),
        (status = 412, description = "The named transformation has another version.", body = ProblemBody)))]
async fn change_named_transformation(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: IfMatch,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Versioned<NamedTransformationResponse>, ApiError> {
    let change = ChangeNamedTransformation {
        id: parse_id(&id)?,
        change: NamedTransformationChange::parse(body)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    let named = commands::change_named_transformation(&context, tenant.id, change).await?;
    Ok(named.into())
}

/// Deletes a named transformation; URLs that use it fail from then on.
#[utoipa::path(delete, path = "/v1/named-transformations/{id}", tag = "named transformations",
    operation_id = "deleteNamedTransformation", security(("privateKey" = [])),
    params(("id" = String, Path, description = "The named transformation's id."),
        ("If-Match" = Option<String>, Header, description = "Delete only this version, as `ETag` named it.")),
    responses((status = 204, description = "Deleted."),
        (status = 404, description = "The account has no such named transformation.", body = ProblemBody),
        (status = 412, description = "The named transformation has another version.", body = ProblemBody)))]
async fn delete_named_transformation(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: IfMatch,
    State(state): State<ApiState>,
) -> Result<StatusCode, ApiError> {
    let delete = DeleteNamedTransformation {
        id: parse_id(&id)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    commands::delete_named_transformation(&context, tenant.id, delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is no id names nothing of anybody.
fn parse_id(text: &str) -> Result<NamedTransformationId, ApiError> {
    text.parse().map_err(|_no_id| not_found())
}

fn not_found() -> ApiError {
    ApiError::NotFound(NOT_FOUND.to_owned())
}
