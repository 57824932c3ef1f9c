//! `POST /dashboard/v1/origins/{id}/restore`, `…/url-endpoints/{id}/restore`: an earlier version again, as a new one. The log is never
//! rewritten.

use axum::extract::{Path, State};
use limpid_domain::event::EventMeta;
use limpid_domain::ids::{OriginId, StreamVersion};
use limpid_domain::refusal::Refusal;
use limpid_domain::request_body::Fields;
use limpid_domain::url_endpoint::UrlEndpointName;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::commands::{self, RestoreOrigin, RestoreUrlEndpoint};
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::routes::resource::{IfMatch, Versioned};

/// Longest note.
const MAX_NOTE_CHARS: usize = 500;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(restore_origin))
        .routes(routes!(restore_url_endpoint))
}

/// Which version to go back to.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, never built")]
struct RestoreRequest {
    /// The version of the thing, as its changes name it.
    #[schema(example = 3)]
    version: i32,
    /// Why; shown with the change.
    #[schema(max_length = 500)]
    note: Option<String>,
}

/// What was restored.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RestoreAnswer {
    /// The id.
    id: String,
    /// The new version, which equals the one gone back to.
    version: i32,
    /// The version gone back to.
    restored_version: i32,
}

/// Brings an origin back to how it was at an earlier version, as a new version, with the credentials of then if they are among the last
/// five that it had.
#[utoipa::path(post, path = "/dashboard/v1/origins/{id}/restore", tag = "changes", operation_id = "restoreOrigin",
    security(("privateKey" = [])), request_body = RestoreRequest,
    params(("id" = String, Path, description = "The origin's id."),
        ("If-Match" = Option<String>, Header, description = "Restore only if this is the version in force.")),
    responses((status = 200, description = "Restored.", body = RestoreAnswer),
        (status = 400, description = "No version, or the credentials of then are gone.", body = ProblemBody),
        (status = 404, description = "No such origin or version.", body = ProblemBody),
        (status = 412, description = "The origin has another version.", body = ProblemBody)))]
async fn restore_origin(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: IfMatch,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Versioned<RestoreAnswer>, ApiError> {
    let not_found = || ApiError::NotFound("Origin not found.".to_owned());
    let id: OriginId = id.parse().map_err(|_no_uuid| not_found())?;
    let (version, note) = read(body)?;
    let restore = RestoreOrigin {
        id,
        version,
        expected: condition.expected()?,
    };
    let meta = EventMeta {
        note,
        ..tenant.event_meta()
    };
    let context = state.command_context(meta);
    let origin = commands::restore_origin(&context, tenant.id, restore).await?;
    Ok(restored(id.to_string(), origin.version, version))
}

/// Brings description, prefix, origins and rewriter of a URL endpoint back to how they were at an earlier version, as a new version.
/// Custom domains and restrictions stay.
#[utoipa::path(post, path = "/dashboard/v1/url-endpoints/{id}/restore", tag = "changes", operation_id = "restoreUrlEndpoint",
    security(("privateKey" = [])), request_body = RestoreRequest,
    params(("id" = String, Path, description = "The URL endpoint's id, or `default`."),
        ("If-Match" = Option<String>, Header, description = "Restore only if this is the version in force.")),
    responses((status = 200, description = "Restored.", body = RestoreAnswer),
        (status = 400, description = "No version, or what it refers to is gone.", body = ProblemBody),
        (status = 404, description = "No such URL endpoint or version.", body = ProblemBody),
        (status = 412, description = "The URL endpoint has another version.", body = ProblemBody)))]
async fn restore_url_endpoint(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: IfMatch,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Versioned<RestoreAnswer>, ApiError> {
    let not_found = || ApiError::NotFound("URL-endpoint not found.".to_owned());
    let name = UrlEndpointName::parse(&id).ok_or_else(not_found)?;
    let (version, note) = read(body)?;
    let restore = RestoreUrlEndpoint {
        name,
        version,
        expected: condition.expected()?,
    };
    let meta = EventMeta {
        note,
        ..tenant.event_meta()
    };
    let context = state.command_context(meta);
    let endpoint = commands::restore_url_endpoint(&context, tenant.id, restore).await?;
    Ok(restored(endpoint.api_id(), endpoint.version, version))
}

/// The version to go back to, and why.
fn read(body: Value) -> Result<(StreamVersion, Option<String>), ApiError> {
    let mut fields = Fields::of(body)?;
    let version = fields.any("version").and_then(|value| value.as_i64());
    let note = fields.optional_text("note", MAX_NOTE_CHARS)?;
    fields.finish()?;
    let version = version.and_then(|version| i32::try_from(version).ok());
    let version = version.filter(|version| *version > 0);
    let refusal = || Refusal::invalid("version is required: a whole number from 1.");
    Ok((StreamVersion(version.ok_or_else(refusal)?), note))
}

fn restored(
    id: String,
    version: StreamVersion,
    earlier: StreamVersion,
) -> Versioned<RestoreAnswer> {
    let body = RestoreAnswer {
        id,
        version: version.0,
        restored_version: earlier.0,
    };
    Versioned::new(version, body)
}
