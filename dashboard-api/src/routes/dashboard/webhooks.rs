//! `/dashboard/v1/webhooks`: receivers of messages about alerts.
//!
//! | module | holds |
//! |---|---|
//! | `deliveries` | what was sent, what came back, tests and repetitions |

mod deliveries;

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use limpid_domain::ids::WebhookId;
use limpid_domain::webhook::{
    WebhookChange, WebhookDialect, WebhookDisabledReason, WebhookEventType, WebhookSettings,
};
use limpid_read_models::delivery_config::{self, WebhookConfig};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::auth::Tenant;
use crate::commands::{self, ChangeWebhook, NamedWebhook, RevealedWebhook};
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::routes::resource::{IfMatch, MustMatch, Versioned};

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_webhooks, create_webhook))
        .routes(routes!(get_webhook, change_webhook, delete_webhook))
        .routes(routes!(rotate_webhook_secret))
        .merge(deliveries::routes())
}

/// A webhook as it is answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WebhookResponse {
    /// Its id.
    id: Uuid,
    /// Where messages go.
    #[schema(example = "https://hooks.example.com/limpid")]
    url: String,
    /// What it is for.
    description: String,
    /// What it hears of: `alert.firing`, `alert.recovered`.
    events: Vec<&'static str>,
    /// Whether messages are sent.
    enabled: bool,
    /// Why it was disabled by the program, in words; null where it was not.
    disabled_reason: Option<&'static str>,
    /// The first characters of the secret that signs its messages.
    #[schema(example = "whsec_x7Qa")]
    secret_hint: String,
    /// The secret itself: only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// When it came into being.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
}

/// A webhook as it is sent. Read by `limpid_domain::webhook`; this only describes it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never built")]
struct WebhookRequest {
    /// Where messages go; `https`.
    #[schema(max_length = 2048)]
    url: String,
    /// What it hears of: `alert.firing`, `alert.recovered`.
    #[schema(min_items = 1)]
    events: Vec<String>,
    /// What it is for.
    #[schema(max_length = 200)]
    description: Option<String>,
    /// Whether messages are sent.
    #[schema(default = true)]
    enabled: Option<bool>,
}

/// Fields to change; those that are not sent stay.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never built")]
struct WebhookChangeRequest {
    /// Where messages go; `https`.
    #[schema(max_length = 2048)]
    url: Option<String>,
    /// What it hears of.
    #[schema(min_items = 1)]
    events: Option<Vec<String>>,
    /// What it is for.
    #[schema(max_length = 200)]
    description: Option<String>,
    /// Whether messages are sent; `true` also brings back one that the program disabled.
    enabled: Option<bool>,
}

impl From<WebhookConfig> for WebhookResponse {
    fn from(webhook: WebhookConfig) -> Self {
        let settings = webhook.settings;
        Self {
            id: webhook.id.0,
            url: settings.url.into(),
            description: settings.description,
            events: settings
                .events
                .into_iter()
                .map(WebhookEventType::as_str)
                .collect(),
            enabled: settings.enabled,
            disabled_reason: webhook.disabled_by.map(WebhookDisabledReason::sentence),
            secret_hint: webhook.secret_hint,
            secret: None,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

impl From<WebhookConfig> for Versioned<WebhookResponse> {
    fn from(webhook: WebhookConfig) -> Self {
        Self::new(webhook.version, webhook.into())
    }
}

impl From<RevealedWebhook> for Versioned<WebhookResponse> {
    fn from(revealed: RevealedWebhook) -> Self {
        let version = revealed.webhook.version;
        let answer = WebhookResponse {
            secret: Some(revealed.secret.expose().to_owned()),
            ..revealed.webhook.into()
        };
        Self::new(version, answer)
    }
}

/// Lists the account's webhooks, oldest first.
#[utoipa::path(get, path = "/dashboard/v1/webhooks", tag = "alerts", operation_id = "listWebhooks",
    security(("privateKey" = [])),
    responses((status = 200, description = "Every webhook.", body = Vec<WebhookResponse>),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn list_webhooks(
    tenant: Tenant,
    State(state): State<ApiState>,
) -> Result<Json<Vec<WebhookResponse>>, ApiError> {
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let webhooks = delivery_config::webhooks(&mut tx).await?;
    Ok(Json(
        webhooks.into_iter().map(WebhookResponse::from).collect(),
    ))
}

/// Adds a webhook. Its answer is the only one that has the secret.
#[utoipa::path(post, path = "/dashboard/v1/webhooks", tag = "alerts", operation_id = "createWebhook",
    security(("privateKey" = [])), request_body = WebhookRequest,
    responses((status = 201, description = "The webhook, with its secret.", body = WebhookResponse),
        (status = 400, description = "A field is missing or breaks a rule, or there are 10 already.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 409, description = "Another one has the address.", body = ProblemBody)))]
async fn create_webhook(
    tenant: Tenant,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Versioned<WebhookResponse>), ApiError> {
    let settings = WebhookSettings::parse(body, dialect(&state))?;
    let context = state.command_context(tenant.event_meta());
    let created = commands::create_webhook(&context, tenant.id, settings).await?;
    Ok((StatusCode::CREATED, created.into()))
}

/// Reads a webhook.
#[utoipa::path(get, path = "/dashboard/v1/webhooks/{id}", tag = "alerts", operation_id = "getWebhook",
    security(("privateKey" = [])), params(("id" = String, Path, description = "The webhook's id.")),
    responses((status = 200, description = "The webhook.", body = WebhookResponse),
        (status = 404, description = "The account has no such webhook.", body = ProblemBody)))]
async fn get_webhook(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<Versioned<WebhookResponse>, ApiError> {
    let id = parse_webhook_id(&id)?;
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let webhook = delivery_config::webhook(&mut tx, id).await?;
    webhook.map(Versioned::from).ok_or_else(webhook_not_found)
}

/// Changes the fields of a webhook that are sent; the others stay.
#[utoipa::path(patch, path = "/dashboard/v1/webhooks/{id}", tag = "alerts", operation_id = "changeWebhook",
    security(("privateKey" = [])), request_body = WebhookChangeRequest,
    params(("id" = String, Path, description = "The webhook's id."),
        ("If-Match" = Option<String>, Header, description = "Change only this version, as `ETag` named it.")),
    responses((status = 200, description = "The webhook.", body = WebhookResponse),
        (status = 400, description = "A field breaks a rule.", body = ProblemBody),
        (status = 404, description = "The account has no such webhook.", body = ProblemBody),
        (status = 409, description = "Another one has the address.", body = ProblemBody),
        (status = 412, description = "The webhook has another version.", body = ProblemBody)))]
async fn change_webhook(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: IfMatch,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Versioned<WebhookResponse>, ApiError> {
    let change = ChangeWebhook {
        id: parse_webhook_id(&id)?,
        change: WebhookChange::parse(body, dialect(&state))?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    let webhook = commands::change_webhook(&context, tenant.id, change).await?;
    Ok(webhook.into())
}

/// Deletes a webhook that no alert rule sends to. What is on its way to it is cancelled.
#[utoipa::path(delete, path = "/dashboard/v1/webhooks/{id}", tag = "alerts", operation_id = "deleteWebhook",
    security(("privateKey" = [])),
    params(("id" = String, Path, description = "The webhook's id."),
        ("If-Match" = String, Header, description = "Delete only this version, as `ETag` named it. `*`: whichever is there.")),
    responses((status = 204, description = "Deleted."),
        (status = 400, description = "An alert rule sends to it.", body = ProblemBody),
        (status = 404, description = "The account has no such webhook.", body = ProblemBody),
        (status = 412, description = "The webhook has another version.", body = ProblemBody),
        (status = 428, description = "No `If-Match`.", body = ProblemBody)))]
async fn delete_webhook(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: MustMatch,
    State(state): State<ApiState>,
) -> Result<StatusCode, ApiError> {
    let delete = NamedWebhook {
        id: parse_webhook_id(&id)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    commands::delete_webhook(&context, tenant.id, delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a new secret for a webhook; what is sent from now on is signed by it. Its answer is the only one that has the secret.
#[utoipa::path(post, path = "/dashboard/v1/webhooks/{id}/rotate-secret", tag = "alerts", operation_id = "rotateWebhookSecret",
    security(("privateKey" = [])),
    params(("id" = String, Path, description = "The webhook's id."),
        ("If-Match" = Option<String>, Header, description = "Rotate only this version's, as `ETag` named it.")),
    responses((status = 200, description = "The webhook, with its new secret.", body = WebhookResponse),
        (status = 404, description = "The account has no such webhook.", body = ProblemBody),
        (status = 412, description = "The webhook has another version.", body = ProblemBody)))]
async fn rotate_webhook_secret(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: IfMatch,
    State(state): State<ApiState>,
) -> Result<Versioned<WebhookResponse>, ApiError> {
    let rotate = NamedWebhook {
        id: parse_webhook_id(&id)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    let rotated = commands::rotate_webhook_secret(&context, tenant.id, rotate).await?;
    Ok(rotated.into())
}

fn dialect(state: &ApiState) -> WebhookDialect {
    WebhookDialect {
        url_field: "url",
        has_description: true,
        allow_http: state.config().webhooks_allow_http,
    }
}

/// What is no id names nothing of anybody.
pub(crate) fn parse_webhook_id(text: &str) -> Result<WebhookId, ApiError> {
    text.parse().map_err(|_no_id| webhook_not_found())
}

pub(crate) fn webhook_not_found() -> ApiError {
    ApiError::NotFound("Webhook not found.".to_owned())
}
