//! `/dashboard/v1/api-keys`: pairs of a public and a private API key. Source: `dashboard.md`, P11.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use limpid_domain::ids::KeyPairId;
use limpid_domain::request_body::Fields;
use limpid_read_models::delivery_config::{self, KeyPairView};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::commands;
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;

/// Longest name that is looked at; the rule is the domain's. Units: characters.
const MAX_NAME_CHARS: usize = 1_000;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_api_keys, create_api_key))
        .routes(routes!(revoke_api_key))
}

/// A pair of keys.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ApiKey {
    /// Its id.
    id: String,
    /// What people call it.
    name: String,
    /// The public half.
    public_key: String,
    /// The first characters of the private half, to recognise it by.
    #[schema(example = "private_x7Qa")]
    private_key_hint: String,
    /// `active` or `revoked`.
    state: &'static str,
    /// Whether this request was made with it.
    current: bool,
    /// When it was issued.
    created_at: DateTime<Utc>,
    /// When it stopped being accepted; null while it is.
    revoked_at: Option<DateTime<Utc>>,
}

/// Every pair of the account, revoked ones included, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct ApiKeyList {
    data: Vec<ApiKey>,
}

/// A fresh pair, with the only sight of its private half.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedApiKey {
    /// Its id.
    id: String,
    /// What people call it.
    name: String,
    /// The public half.
    public_key: String,
    /// Shown once. Authenticates API requests and signs URLs.
    private_key: String,
}

/// A pair to issue.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, never built")]
struct ApiKeyRequest {
    /// What people call it.
    #[schema(example = "deployment", min_length = 1)]
    name: String,
}

impl ApiKey {
    fn new(pair: KeyPairView, current: KeyPairId) -> Self {
        Self {
            id: pair.id.to_string(),
            name: pair.name,
            public_key: pair.public_key.to_string(),
            private_key_hint: pair.private_key_hint,
            state: if pair.revoked_at.is_some() {
                "revoked"
            } else {
                "active"
            },
            current: pair.id == current,
            created_at: pair.created_at,
            revoked_at: pair.revoked_at,
        }
    }
}

/// Lists the account's API keys; private halves are never shown again.
#[utoipa::path(get, path = "/dashboard/v1/api-keys", tag = "settings", operation_id = "listApiKeys",
    security(("privateKey" = [])),
    responses((status = 200, description = "Every pair.", body = ApiKeyList),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn list_api_keys(
    tenant: Tenant,
    State(state): State<ApiState>,
) -> Result<Json<ApiKeyList>, ApiError> {
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let pairs = delivery_config::key_pairs(&mut tx).await?.into_iter();
    let data = pairs.map(|pair| ApiKey::new(pair, tenant.key_pair_id));
    Ok(Json(ApiKeyList {
        data: data.collect(),
    }))
}

/// Issues a pair of API keys; at most five are in force at a time. Its answer is the only one that has the private half.
#[utoipa::path(post, path = "/dashboard/v1/api-keys", tag = "settings", operation_id = "createApiKey",
    security(("privateKey" = [])), request_body = ApiKeyRequest,
    responses((status = 201, description = "The pair, with its private half.", body = CreatedApiKey),
        (status = 400, description = "No name, or there are five already.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn create_api_key(
    tenant: Tenant,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Json<CreatedApiKey>), ApiError> {
    let mut fields = Fields::of(body)?;
    let name = fields.required_text("name", MAX_NAME_CHARS)?;
    fields.finish()?;
    let context = state.command_context(tenant.event_meta());
    let created = commands::create_key_pair(&context, tenant.id, name.clone()).await?;
    let answer = CreatedApiKey {
        id: created.id.to_string(),
        name,
        public_key: created.public_key.to_string(),
        private_key: created.private_key.expose().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Stops accepting a pair, for good: requests with it are refused, and so are URLs that it signed. Not the one that this request is made with.
#[utoipa::path(delete, path = "/dashboard/v1/api-keys/{id}", tag = "settings", operation_id = "revokeApiKey",
    security(("privateKey" = [])), params(("id" = String, Path, description = "The pair's id.")),
    responses((status = 204, description = "Revoked."),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 404, description = "The account has no such pair, or it is revoked already.", body = ProblemBody),
        (status = 409, description = "It is the one that this request is made with.", body = ProblemBody)))]
async fn revoke_api_key(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<StatusCode, ApiError> {
    let not_found = || ApiError::NotFound("Key pair not found.".to_owned());
    let id: KeyPairId = id.parse().map_err(|_no_uuid| not_found())?;
    if id == tenant.key_pair_id {
        let message = "This request is made with that key. Revoke it with another one, so that you are not locked out.";
        return Err(ApiError::Conflict(message.to_owned()));
    }
    let context = state.command_context(tenant.event_meta());
    commands::revoke_key_pair(&context, tenant.id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
