//! `/v1/accounts/webhooks` in `ImageKit`'s shape. Source: `imagekitio` 5.11, `accounts.webhooks`.
//!
//! Two things differ. The events are those that happen here: there is no media library. The secret is whole only in the answer that made it;
//! later answers have its first characters.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use limpid_domain::webhook::{WebhookChange, WebhookDialect, WebhookEventType, WebhookSettings};
use limpid_read_models::delivery_config::{self, WebhookConfig};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::commands::{self, ChangeWebhook, NamedWebhook};
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::routes::dashboard::webhooks::{parse_webhook_id, webhook_not_found};
use crate::routes::resource::{IfMatch, Versioned};

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_account_webhooks, create_account_webhook))
        .routes(routes!(
            get_account_webhook,
            change_account_webhook,
            delete_account_webhook
        ))
}

/// A webhook in ImageKit's shape.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AccountWebhook {
    /// Its id.
    id: String,
    /// Where messages go.
    endpoint: String,
    /// What it hears of: `alert.firing`, `alert.recovered`.
    events: Vec<&'static str>,
    /// Whether messages are sent.
    enabled: bool,
    /// The secret in the answer to its creation, its first characters and `…` in every other.
    #[schema(example = "whsec_x7Qa…")]
    secret: String,
    /// When it came into being.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
}

/// A webhook as it is sent. Read by `limpid_domain::webhook`; this only describes it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never built")]
struct AccountWebhookRequest {
    /// Where messages go; `https`, and no other webhook's.
    endpoint: String,
    /// What it hears of: `alert.firing`, `alert.recovered`.
    #[schema(min_items = 1)]
    events: Vec<String>,
    /// Whether messages are sent.
    #[schema(default = true)]
    enabled: Option<bool>,
}

/// Fields to change; those that are not sent stay.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never built")]
struct AccountWebhookChangeRequest {
    /// Where messages go.
    endpoint: Option<String>,
    /// What it hears of.
    #[schema(min_items = 1)]
    events: Option<Vec<String>>,
    /// Whether messages are sent.
    enabled: Option<bool>,
}

impl AccountWebhook {
    fn new(webhook: WebhookConfig, secret: Option<&str>) -> Self {
        let settings = webhook.settings;
        Self {
            id: webhook.id.to_string(),
            endpoint: settings.url.into(),
            events: settings
                .events
                .into_iter()
                .map(WebhookEventType::as_str)
                .collect(),
            enabled: settings.enabled,
            secret: secret.map_or_else(|| format!("{}…", webhook.secret_hint), str::to_owned),
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

fn versioned(webhook: WebhookConfig) -> Versioned<AccountWebhook> {
    Versioned::new(webhook.version, AccountWebhook::new(webhook, None))
}

/// Lists the account's webhooks.
#[utoipa::path(get, path = "/v1/accounts/webhooks", tag = "alerts", operation_id = "listAccountWebhooks",
    security(("privateKey" = [])),
    responses((status = 200, description = "Every webhook.", body = Vec<AccountWebhook>),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn list_account_webhooks(
    tenant: Tenant,
    State(state): State<ApiState>,
) -> Result<Json<Vec<AccountWebhook>>, ApiError> {
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let webhooks = delivery_config::webhooks(&mut tx).await?.into_iter();
    let answers = webhooks.map(|webhook| AccountWebhook::new(webhook, None));
    Ok(Json(answers.collect()))
}

/// Adds a webhook. Its answer is the only one that has the whole secret.
#[utoipa::path(post, path = "/v1/accounts/webhooks", tag = "alerts", operation_id = "createAccountWebhook",
    security(("privateKey" = [])), request_body = AccountWebhookRequest,
    responses((status = 201, description = "The webhook, with its secret.", body = AccountWebhook),
        (status = 400, description = "A field is missing or breaks a rule, or there are 10 already.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 409, description = "Another one has the address.", body = ProblemBody)))]
async fn create_account_webhook(
    tenant: Tenant,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Versioned<AccountWebhook>), ApiError> {
    let settings = WebhookSettings::parse(body, dialect(&state))?;
    let context = state.command_context(tenant.event_meta());
    let created = commands::create_webhook(&context, tenant.id, settings).await?;
    let version = created.webhook.version;
    let answer = AccountWebhook::new(created.webhook, Some(created.secret.expose()));
    Ok((StatusCode::CREATED, Versioned::new(version, answer)))
}

/// Reads a webhook.
#[utoipa::path(get, path = "/v1/accounts/webhooks/{id}", tag = "alerts", operation_id = "getAccountWebhook",
    security(("privateKey" = [])), params(("id" = String, Path, description = "The webhook's id.")),
    responses((status = 200, description = "The webhook.", body = AccountWebhook),
        (status = 404, description = "The account has no such webhook.", body = ProblemBody)))]
async fn get_account_webhook(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<Versioned<AccountWebhook>, ApiError> {
    let id = parse_webhook_id(&id)?;
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let webhook = delivery_config::webhook(&mut tx, id).await?;
    webhook.map(versioned).ok_or_else(webhook_not_found)
}

/// Changes the fields of a webhook that are sent; the others stay.
#[utoipa::path(patch, path = "/v1/accounts/webhooks/{id}", tag = "alerts", operation_id = "changeAccountWebhook",
    security(("privateKey" = [])), request_body = AccountWebhookChangeRequest,
    params(("id" = String, Path, description = "The webhook's id."),
        ("If-Match" = Option<String>, Header, description = "Change only this version, as `ETag` named it.")),
    responses((status = 200, description = "The webhook.", body = AccountWebhook),
        (status = 400, description = "A field breaks a rule.", body = ProblemBody),
        (status = 404, description = "The account has no such webhook.", body = ProblemBody),
        (status = 409, description = "Another one has the address.", body = ProblemBody),
        (status = 412, description = "The webhook has another version.", body = ProblemBody)))]
async fn change_account_webhook(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: IfMatch,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Versioned<AccountWebhook>, ApiError> {
    let change = ChangeWebhook {
        id: parse_webhook_id(&id)?,
        change: WebhookChange::parse(body, dialect(&state))?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    let webhook = commands::change_webhook(&context, tenant.id, change).await?;
    Ok(versioned(webhook))
}

/// Deletes a webhook that no alert rule sends to.
#[utoipa::path(delete, path = "/v1/accounts/webhooks/{id}", tag = "alerts", operation_id = "deleteAccountWebhook",
    security(("privateKey" = [])),
    params(("id" = String, Path, description = "The webhook's id."),
        ("If-Match" = Option<String>, Header, description = "Delete only this version, as `ETag` named it.")),
    responses((status = 204, description = "Deleted."),
        (status = 400, description = "An alert rule sends to it.", body = ProblemBody),
        (status = 404, description = "The account has no such webhook.", body = ProblemBody),
        (status = 412, description = "The webhook has another version.", body = ProblemBody)))]
async fn delete_account_webhook(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: IfMatch,
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

fn dialect(state: &ApiState) -> WebhookDialect {
    WebhookDialect {
        url_field: "endpoint",
        has_description: false,
        allow_http: state.config().webhooks_allow_http,
    }
}
