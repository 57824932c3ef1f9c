//! `/dashboard/v1/webhooks/{id}/deliveries`, `…/test` and `/dashboard/v1/webhook-deliveries`: what was sent and what came back.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use limpid_domain::ids::{TenantId, WebhookDeliveryId};
use limpid_read_models::delivery_config;
use limpid_read_models::webhook_deliveries::{
    DeliveryPage, DeliveryState, DeliveryView, Tried, deliveries, delivery, resend, send_test,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{parse_webhook_id, webhook_not_found};
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::idempotency;
use crate::query::{Listing, Parameters};
use crate::router::ApiState;
use crate::throttle::TooOften;

/// Deliveries of a page where the request does not say, and at most.
const DEFAULT_PAGE: u16 = 50;
const MAX_PAGE: u16 = 200;

/// How long a test waits for what comes back: the projector looks every second, and the receiver has fifteen.
const TEST_PATIENCE: Duration = Duration::from_secs(20);

/// Pause between two looks at what became of a test.
const TEST_PAUSE: Duration = Duration::from_millis(100);

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_webhook_deliveries))
        .routes(routes!(test_webhook))
        .routes(routes!(get_webhook_delivery))
        .routes(routes!(resend_webhook_delivery))
}

/// A message on its way to a webhook, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WebhookDelivery {
    /// Its id, also in the header `limpid-delivery-id`.
    id: Uuid,
    /// To whom.
    webhook_id: Uuid,
    /// The message's id, the same in every repetition of it; also in the header `webhook-id` and in the payload.
    message_id: Uuid,
    /// The delivery that it repeats; null where it is the first.
    resent_from: Option<Uuid>,
    /// The rule that had something to tell; null in tests.
    rule_id: Option<Uuid>,
    /// What the message is of: `alert.firing`, `alert.recovered`, `webhook.test`.
    #[serde(rename = "type")]
    kind: String,
    /// `pending`, `delivered`, `failed` or `cancelled`.
    state: &'static str,
    /// Attempts so far, one that is under way included; 8 at most.
    attempts: i16,
    /// When it was put on its way.
    created_at: DateTime<Utc>,
    /// When it is tried next; null when it is over.
    next_attempt_at: Option<DateTime<Utc>>,
    /// When it was over.
    finished_at: Option<DateTime<Utc>>,
    /// Every attempt, the first one first.
    tries: Vec<WebhookTry>,
    /// The message as it is sent.
    #[schema(value_type = Object)]
    payload: Value,
}

/// One attempt.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WebhookTry {
    /// When it was over.
    at: DateTime<Utc>,
    /// The receiver's status; null where no answer came.
    status: Option<u16>,
    /// The first 1 KB of the receiver's answer.
    answer: Option<String>,
    /// Why no answer came: a reason of `docs/ERRORS.md` and what it was about.
    error: Option<String>,
    /// How long it took.
    duration_ms: u32,
}

/// A page of deliveries, the latest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WebhookDeliveryList {
    data: Vec<WebhookDelivery>,
    /// The next page's `cursor`; null at the end.
    next_cursor: Option<String>,
}

impl From<DeliveryView> for WebhookDelivery {
    fn from(view: DeliveryView) -> Self {
        Self {
            id: view.id.0,
            webhook_id: view.webhook_id.0,
            message_id: view.message_id.0,
            resent_from: view.resent_from.map(|id| id.0),
            rule_id: view.rule_id.map(|id| id.0),
            kind: view.kind,
            state: view.state.as_str(),
            attempts: view.attempts,
            created_at: view.created_at,
            next_attempt_at: view.next_attempt_at,
            finished_at: view.finished_at,
            tries: view.tries.into_iter().map(WebhookTry::from).collect(),
            payload: serde_json::from_str(&view.payload).unwrap_or(Value::Null),
        }
    }
}

impl From<Tried> for WebhookTry {
    fn from(tried: Tried) -> Self {
        Self {
            at: tried.at,
            status: tried.status,
            answer: tried.answer,
            error: tried.error,
            duration_ms: tried.duration_ms,
        }
    }
}

/// Lists what was sent to a webhook, the latest first, for 30 days.
#[utoipa::path(get, path = "/dashboard/v1/webhooks/{id}/deliveries", tag = "alerts", operation_id = "listWebhookDeliveries",
    security(("privateKey" = [])),
    params(("id" = String, Path, description = "The webhook's id."),
        ("state" = Option<String>, Query, description = "`pending`, `delivered`, `failed` or `cancelled`."),
        ("limit" = Option<u16>, Query, description = "Deliveries of a page, 1 to 200; 50 where it is not given."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before, with the same filter.")),
    responses((status = 200, description = "A page.", body = WebhookDeliveryList),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 404, description = "The account has no such webhook.", body = ProblemBody)))]
async fn list_webhook_deliveries(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<WebhookDeliveryList>, ApiError> {
    let webhook = parse_webhook_id(&id)?;
    let mut parameters = Parameters::parse(query.as_deref(), &["state", "limit", "cursor"]);
    let states = DeliveryState::ALL.map(|state| (state.as_str(), state));
    let chosen = parameters.choice("state", &states);
    let limit = parameters.number("limit", (1, MAX_PAGE), DEFAULT_PAGE);
    let cursor = parameters.one("cursor");
    let path = format!("/dashboard/v1/webhooks/{webhook}/deliveries");
    let listing = Listing::of(&path, &parameters);
    parameters.finish()?;
    let page = DeliveryPage {
        webhook,
        state: chosen.map(|(_, state)| state),
        before: listing.position(cursor)?,
        limit,
    };
    let mut tx = state.failures_tx(tenant.id).await?;
    if delivery_config::webhook(&mut tx, webhook).await?.is_none() {
        return Err(webhook_not_found());
    }
    let found = deliveries(&mut tx, page).await?;
    let is_full = found.len() == usize::from(limit);
    Ok(Json(WebhookDeliveryList {
        next_cursor: found
            .last()
            .filter(|_| is_full)
            .map(|view| listing.cursor(view.id)),
        data: found.into_iter().map(WebhookDelivery::from).collect(),
    }))
}

/// Sends a test message now and answers what came back; after 20 seconds the delivery as it stands. It is tried once, also where the webhook
/// is disabled. 10 a minute.
#[utoipa::path(post, path = "/dashboard/v1/webhooks/{id}/test", tag = "alerts", operation_id = "testWebhook",
    security(("privateKey" = [])), params(("id" = String, Path, description = "The webhook's id.")),
    responses((status = 200, description = "The delivery and what came back.", body = WebhookDelivery),
        (status = 404, description = "The account has no such webhook.", body = ProblemBody),
        (status = 429, description = "Asked too often.", body = ProblemBody)))]
async fn test_webhook(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<Json<WebhookDelivery>, ApiError> {
    let webhook = parse_webhook_id(&id)?;
    throttled(&state, &tenant)?;
    let now = state.config().clock.now();
    let mut tx = state.failures_tx(tenant.id).await?;
    if delivery_config::webhook(&mut tx, webhook).await?.is_none() {
        return Err(webhook_not_found());
    }
    let message = (tenant.imagekit_id.as_str(), now);
    let id = send_test(&mut tx, webhook, message).await?;
    tx.commit().await?;
    let patience = Instant::now() + TEST_PATIENCE;
    loop {
        let view = find(&state, tenant.id, id).await?;
        if view.state != DeliveryState::Pending || Instant::now() >= patience {
            return Ok(Json(view.into()));
        }
        // The projector sends; the database is where it says what came back.
        let pause = tokio::time::timeout(TEST_PAUSE, state.shutdown().cancelled());
        if pause.await.is_ok() {
            return Ok(Json(view.into()));
        }
    }
}

/// Reads a delivery.
#[utoipa::path(get, path = "/dashboard/v1/webhook-deliveries/{id}", tag = "alerts", operation_id = "getWebhookDelivery",
    security(("privateKey" = [])), params(("id" = String, Path, description = "The delivery's id.")),
    responses((status = 200, description = "The delivery.", body = WebhookDelivery),
        (status = 404, description = "The account has no such delivery.", body = ProblemBody)))]
async fn get_webhook_delivery(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<Json<WebhookDelivery>, ApiError> {
    let id = parse_id(&id)?;
    Ok(Json(find(&state, tenant.id, id).await?.into()))
}

/// Sends the message of a delivery again, as a new delivery that names the old one. The message keeps its id, so that a receiver that had it
/// can tell. 10 a minute, with tests.
#[utoipa::path(post, path = "/dashboard/v1/webhook-deliveries/{id}/resend", tag = "alerts", operation_id = "resendWebhookDelivery",
    security(("privateKey" = [])), params(("id" = String, Path, description = "The delivery's id.")),
    responses((status = 202, description = "The new delivery.", body = WebhookDelivery),
        (status = 404, description = "The account has no such delivery, or its webhook is gone.", body = ProblemBody),
        (status = 409, description = "The webhook is disabled.", body = ProblemBody),
        (status = 429, description = "Asked too often.", body = ProblemBody)))]
async fn resend_webhook_delivery(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<(StatusCode, Json<WebhookDelivery>), ApiError> {
    let id = parse_id(&id)?;
    throttled(&state, &tenant)?;
    let now = state.config().clock.now();
    let mut tx = state.failures_tx(tenant.id).await?;
    idempotency::enter(&mut tx).await?;
    let before = delivery(&mut tx, id).await?.ok_or_else(not_found)?;
    let webhook = delivery_config::webhook(&mut tx, before.webhook_id).await?;
    let webhook = webhook.ok_or_else(webhook_not_found)?;
    if !webhook.settings.enabled {
        let message = "The webhook is disabled, so nothing is sent to it. Enable it, then send the message again.";
        return Err(ApiError::Conflict(message.to_owned()));
    }
    let id = resend(&mut tx, &before, now).await?;
    let again = delivery(&mut tx, id).await?.ok_or_else(not_found)?;
    idempotency::commit(tx).await?;
    Ok((StatusCode::ACCEPTED, Json(again.into())))
}

async fn find(
    state: &ApiState,
    tenant_id: TenantId,
    id: WebhookDeliveryId,
) -> Result<DeliveryView, ApiError> {
    let mut tx = state.failures_tx(tenant_id).await?;
    delivery(&mut tx, id).await?.ok_or_else(not_found)
}

fn throttled(state: &ApiState, tenant: &Tenant) -> Result<(), ApiError> {
    state
        .webhook_tests()
        .count(tenant.id, Instant::now())
        .map_err(|TooOften(wait)| ApiError::TooOften(wait.as_secs() + 1))
}

fn parse_id(text: &str) -> Result<WebhookDeliveryId, ApiError> {
    text.parse().map_err(|_no_id| not_found())
}

fn not_found() -> ApiError {
    ApiError::NotFound("Delivery not found.".to_owned())
}
