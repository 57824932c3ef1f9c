//! `/dashboard/v1/alert-rules`: when to alert, and whom to tell.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use limpid_domain::alert_rule::AlertRuleSettings;
use limpid_domain::ids::AlertRuleId;
use limpid_read_models::delivery_config::{self, AlertRuleConfig};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::auth::Tenant;
use crate::commands::{self, DeleteAlertRule, ReplaceAlertRule};
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::routes::resource::{MustMatch, Versioned};

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_alert_rules, create_alert_rule))
        .routes(routes!(
            get_alert_rule,
            replace_alert_rule,
            delete_alert_rule
        ))
}

/// An alert rule as it is answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AlertRuleResponse {
    /// Its id.
    id: Uuid,
    /// What people call it.
    name: String,
    /// When it alerts.
    #[schema(value_type = Object)]
    condition: Value,
    /// Ids of the webhooks that it tells.
    webhooks: Vec<Uuid>,
    /// When it tells nobody; null where it always may.
    #[schema(value_type = Option<QuietHoursRequest>)]
    quiet_hours: Value,
    /// Whether it is looked at.
    enabled: bool,
    /// When it came into being.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
}

/// An alert rule as it is sent. Read by `limpid_domain::alert_rule`; this only describes it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never built")]
struct AlertRuleRequest {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// When it alerts: `{"type": "group_state", "states": ["new", "regressed", "escalating"], "endpoints", "origins", "reasons"}`,
    /// `{"type": "failing_share", "overPercent", "forMinutes", "minimumRequests", "endpoint"}`,
    /// `{"type": "origin_test", "origins", "failures"}` or `{"type": "expiry", "days"}`.
    #[schema(value_type = Object, example = json!({"type": "group_state", "states": ["new", "regressed"]}))]
    condition: Value,
    /// Ids of the webhooks that it tells.
    #[schema(max_items = 50)]
    webhooks: Option<Vec<Uuid>>,
    /// When it tells nobody; what happened meanwhile is told at their end, at once.
    quiet_hours: Option<QuietHoursRequest>,
    /// Whether it is looked at.
    #[schema(default = true)]
    enabled: Option<bool>,
}

/// Hours of every day; they may go over midnight. Either of a time zone, or of a fixed distance from UTC.
#[derive(ToSchema)]
#[schema(as = QuietHours, rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never built")]
struct QuietHoursRequest {
    /// When they begin.
    #[schema(example = "22:00")]
    from: String,
    /// When they end.
    #[schema(example = "07:00")]
    to: String,
    /// Whose local time it is, summer time included: a name of the IANA time zone database.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
    /// How far local time is from UTC, always. `+00:00` where there is no time zone either.
    #[schema(example = "+01:00")]
    utc_offset: Option<String>,
}

impl From<AlertRuleConfig> for AlertRuleResponse {
    fn from(rule: AlertRuleConfig) -> Self {
        let settings = rule.settings;
        Self {
            id: rule.id.0,
            name: settings.name,
            condition: json!(settings.condition),
            webhooks: settings.webhooks.iter().map(|id| id.0).collect(),
            quiet_hours: json!(settings.quiet_hours),
            enabled: settings.enabled,
            created_at: rule.created_at,
            updated_at: rule.updated_at,
        }
    }
}

impl From<AlertRuleConfig> for Versioned<AlertRuleResponse> {
    fn from(rule: AlertRuleConfig) -> Self {
        Self::new(rule.version, rule.into())
    }
}

/// Lists the account's alert rules, oldest first.
#[utoipa::path(get, path = "/dashboard/v1/alert-rules", tag = "alerts", operation_id = "listAlertRules",
    security(("privateKey" = [])),
    responses((status = 200, description = "Every alert rule.", body = Vec<AlertRuleResponse>),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn list_alert_rules(
    tenant: Tenant,
    State(state): State<ApiState>,
) -> Result<Json<Vec<AlertRuleResponse>>, ApiError> {
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let rules = delivery_config::alert_rules(&mut tx).await?;
    Ok(Json(
        rules.into_iter().map(AlertRuleResponse::from).collect(),
    ))
}

/// Adds an alert rule. It looks at what happens from now on.
#[utoipa::path(post, path = "/dashboard/v1/alert-rules", tag = "alerts", operation_id = "createAlertRule",
    security(("privateKey" = [])), request_body = AlertRuleRequest,
    responses((status = 201, description = "The alert rule.", body = AlertRuleResponse),
        (status = 400, description = "A field is missing or breaks a rule, or there are 50 already.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn create_alert_rule(
    tenant: Tenant,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Versioned<AlertRuleResponse>), ApiError> {
    let settings = AlertRuleSettings::parse(body)?;
    let context = state.command_context(tenant.event_meta());
    let rule = commands::create_alert_rule(&context, tenant.id, settings).await?;
    Ok((StatusCode::CREATED, rule.into()))
}

/// Reads an alert rule.
#[utoipa::path(get, path = "/dashboard/v1/alert-rules/{id}", tag = "alerts", operation_id = "getAlertRule",
    security(("privateKey" = [])), params(("id" = String, Path, description = "The alert rule's id.")),
    responses((status = 200, description = "The alert rule.", body = AlertRuleResponse),
        (status = 404, description = "The account has no such alert rule.", body = ProblemBody)))]
async fn get_alert_rule(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<Versioned<AlertRuleResponse>, ApiError> {
    let id = parse_id(&id)?;
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let rule = delivery_config::alert_rule(&mut tx, id).await?;
    rule.map(Versioned::from).ok_or_else(not_found)
}

/// Replaces an alert rule as a whole. With another condition it begins anew: what it had open ends without a word.
#[utoipa::path(put, path = "/dashboard/v1/alert-rules/{id}", tag = "alerts", operation_id = "replaceAlertRule",
    security(("privateKey" = [])), request_body = AlertRuleRequest,
    params(("id" = String, Path, description = "The alert rule's id."),
        ("If-Match" = String, Header, description = "Replace only this version, as `ETag` named it. `*`: whichever is there.")),
    responses((status = 200, description = "The alert rule.", body = AlertRuleResponse),
        (status = 400, description = "A field is missing or breaks a rule.", body = ProblemBody),
        (status = 404, description = "The account has no such alert rule.", body = ProblemBody),
        (status = 412, description = "The alert rule has another version.", body = ProblemBody),
        (status = 428, description = "No `If-Match`.", body = ProblemBody)))]
async fn replace_alert_rule(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: MustMatch,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Versioned<AlertRuleResponse>, ApiError> {
    let replace = ReplaceAlertRule {
        id: parse_id(&id)?,
        settings: AlertRuleSettings::parse(body)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    let rule = commands::replace_alert_rule(&context, tenant.id, replace).await?;
    Ok(rule.into())
}

/// Deletes an alert rule; what it has open ends without a word.
#[utoipa::path(delete, path = "/dashboard/v1/alert-rules/{id}", tag = "alerts", operation_id = "deleteAlertRule",
    security(("privateKey" = [])),
    params(("id" = String, Path, description = "The alert rule's id."),
        ("If-Match" = String, Header, description = "Delete only this version, as `ETag` named it. `*`: whichever is there.")),
    responses((status = 204, description = "Deleted."),
        (status = 404, description = "The account has no such alert rule.", body = ProblemBody),
        (status = 412, description = "The alert rule has another version.", body = ProblemBody),
        (status = 428, description = "No `If-Match`.", body = ProblemBody)))]
async fn delete_alert_rule(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: MustMatch,
    State(state): State<ApiState>,
) -> Result<StatusCode, ApiError> {
    let delete = DeleteAlertRule {
        id: parse_id(&id)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    commands::delete_alert_rule(&context, tenant.id, delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is no id names nothing of anybody.
fn parse_id(text: &str) -> Result<AlertRuleId, ApiError> {
    text.parse().map_err(|_no_id| not_found())
}

fn not_found() -> ApiError {
    ApiError::NotFound("Alert rule not found.".to_owned())
}
