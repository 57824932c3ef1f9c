//! `GET /dashboard/v1/alerts`: what rules held for, and whether it is over.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, Utc};
use limpid_read_models::alerts::{AlertPage, AlertState, AlertView, alerts};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::{Listing, Parameters};
use crate::router::ApiState;

/// Alerts of a page where the request does not say, and at most.
const DEFAULT_PAGE: u16 = 50;
const MAX_PAGE: u16 = 200;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_alerts))
}

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AlertResponse {
    /// Its id.
    id: Uuid,
    /// The rule that opened it; it may be gone by now.
    rule_id: Uuid,
    /// What it is about: `group:<id>`, `endpoint:<id>` or `account`.
    #[schema(example = "group:00f3a1c2d4e5b697")]
    subject: String,
    /// `firing` or `recovered`.
    state: &'static str,
    /// When it began.
    opened_at: DateTime<Utc>,
    /// When it was over; null while it is firing.
    closed_at: Option<DateTime<Utc>>,
    /// What was so when it began, by the kind of its rule.
    #[schema(value_type = Object)]
    detail: Value,
}

/// A page of alerts, the latest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AlertListAnswer {
    data: Vec<AlertResponse>,
    /// The next page's `cursor`; null at the end.
    next_cursor: Option<String>,
}

impl From<AlertView> for AlertResponse {
    fn from(alert: AlertView) -> Self {
        Self {
            id: alert.id.0,
            rule_id: alert.rule_id.0,
            subject: alert.subject,
            state: alert.state.as_str(),
            opened_at: alert.opened_at,
            closed_at: alert.closed_at,
            detail: alert.detail,
        }
    }
}

/// Lists the account's alerts, the latest first. What is over is kept for 90 days.
#[utoipa::path(get, path = "/dashboard/v1/alerts", tag = "alerts", operation_id = "listAlerts",
    security(("privateKey" = [])),
    params(("state" = Option<String>, Query, description = "`firing` or `recovered`."),
        ("rule" = Option<String>, Query, description = "The id of an alert rule."),
        ("limit" = Option<u16>, Query, description = "Alerts of a page, 1 to 200; 50 where it is not given."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before, with the same filter.")),
    responses((status = 200, description = "A page.", body = AlertListAnswer),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn list_alerts(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<AlertListAnswer>, ApiError> {
    let known = ["state", "rule", "limit", "cursor"];
    let mut parameters = Parameters::parse(query.as_deref(), &known);
    let states = [AlertState::Firing, AlertState::Recovered].map(|state| (state.as_str(), state));
    let chosen = parameters.choice("state", &states);
    let rule = parameters.one("rule");
    let rule_id = rule.as_deref().and_then(|text| text.parse().ok());
    if rule.is_some() && rule_id.is_none() {
        parameters.refuse("rule", "rule is the id of an alert rule.".to_owned());
    }
    let limit = parameters.number("limit", (1, MAX_PAGE), DEFAULT_PAGE);
    let cursor = parameters.one("cursor");
    let listing = Listing::of("/dashboard/v1/alerts", &parameters);
    parameters.finish()?;
    let page = AlertPage {
        state: chosen.map(|(_, state)| state),
        rule: rule_id,
        before: listing.position(cursor)?,
        limit,
    };
    let mut tx = state.question(tenant.id).await?;
    let found = alerts(&mut tx, page).await?;
    let is_full = found.len() == usize::from(limit);
    Ok(Json(AlertListAnswer {
        next_cursor: found
            .last()
            .filter(|_| is_full)
            .map(|alert| listing.cursor(alert.id)),
        data: found.into_iter().map(AlertResponse::from).collect(),
    }))
}
