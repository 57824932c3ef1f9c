//! `GET /dashboard/v1/onboarding`: what a new account has done and what comes next, with something to paste for each step. Source:
//! `dashboard.md`, P1.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use limpid_event_store::config_log;
use limpid_read_models::delivery_config::{self, OriginView};
use limpid_read_models::delivery_usage::first_served;
use limpid_read_models::origin_health::origins_health;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::router::ApiState;

/// How the official SDKs call themselves in changes that they make.
const SDK: &str = "ImageKit/";

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_onboarding))
}

/// How far an account is.
#[derive(Debug, Serialize, ToSchema)]
struct Onboarding {
    /// Whether every step is done.
    finished: bool,
    /// In their order.
    steps: Vec<Step>,
}

/// A step.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OnboardingStep)]
struct Step {
    /// `create_origin`, `origin_answers`, `attach_origin`, `serve_image`, `use_sdk` or `set_alert`.
    #[schema(example = "create_origin")]
    id: &'static str,
    /// What is to be done.
    title: &'static str,
    /// Whether it is.
    done: bool,
    /// When, where that is known.
    at: Option<DateTime<Utc>>,
    /// What does it, with the account's own values. `$DASHBOARD` is where this answer came from, `$KEY` the private key.
    snippet: String,
}

/// What is known of an account.
struct Known {
    origin: Option<OriginView>,
    answered_at: Option<DateTime<Utc>>,
    is_attached: bool,
    served_at: Option<DateTime<Utc>>,
    sdk_at: Option<DateTime<Utc>>,
    alert_at: Option<DateTime<Utc>>,
}

/// Says how far the account is.
#[utoipa::path(get, path = "/dashboard/v1/onboarding", tag = "settings", operation_id = "getOnboarding",
    security(("privateKey" = [])),
    responses((status = 200, description = "The steps.", body = Onboarding),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn get_onboarding(
    tenant: Tenant,
    State(state): State<ApiState>,
) -> Result<Json<Onboarding>, ApiError> {
    let known = read(&state, &tenant).await?;
    let serving = state.config().serving_url.as_str().trim_end_matches('/');
    let endpoint = format!("{serving}/{}", tenant.imagekit_id);
    let steps = known.steps(&endpoint);
    Ok(Json(Onboarding {
        finished: steps.iter().all(|step| step.done),
        steps,
    }))
}

async fn read(state: &ApiState, tenant: &Tenant) -> Result<Known, ApiError> {
    let mut tx = state.question(tenant.id).await?;
    let origins = delivery_config::origins(&mut tx).await?;
    let endpoints = delivery_config::url_endpoints(&mut tx).await?;
    let health = origins_health(&mut tx).await?;
    let rules = delivery_config::alert_rules(&mut tx).await?;
    let told = rules
        .iter()
        .filter(|rule| rule.settings.enabled && !rule.settings.webhooks.is_empty());
    Ok(Known {
        origin: origins.into_iter().find(|origin| !origin.deleted),
        answered_at: health.iter().filter_map(|it| it.last_success_at).max(),
        is_attached: endpoints
            .iter()
            .any(|endpoint| !endpoint.deleted && !endpoint.settings.origins.is_empty()),
        served_at: first_served(&mut tx).await?,
        sdk_at: config_log::first_from(&mut tx, SDK).await?,
        alert_at: told.map(|rule| rule.created_at).min(),
    })
}

impl Known {
    fn steps(&self, endpoint: &str) -> Vec<Step> {
        let origin = self.origin.as_ref();
        let id = origin.map_or_else(|| "<origin id>".to_owned(), |origin| origin.id.to_string());
        let step = |id, title, at: Option<DateTime<Utc>>, snippet: String| Step {
            id,
            title,
            done: at.is_some(),
            at,
            snippet,
        };
        vec![
            Step {
                done: origin.is_some(),
                ..step(
                    "create_origin",
                    "Say where your originals are",
                    None,
                    "curl -u \"$KEY:\" -d '{\"name\":\"Photos\",\"type\":\"WEB_FOLDER\",\"baseUrl\":\"https://www.example.com/images\"}' $DASHBOARD/v1/accounts/origins".to_owned(),
                )
            },
            step(
                "origin_answers",
                "See that the origin answers",
                self.answered_at,
                format!("curl -u \"$KEY:\" -d '{{\"path\":\"/photo.jpg\"}}' $DASHBOARD/dashboard/v1/origins/{id}/test"),
            ),
            Step {
                done: self.is_attached,
                ..step(
                    "attach_origin",
                    "Attach the origin to a URL endpoint; the first one is attached to the default endpoint by itself",
                    None,
                    format!("curl -u \"$KEY:\" -X PUT -d '{{\"description\":\"Default\",\"origins\":[\"{id}\"]}}' $DASHBOARD/v1/accounts/url-endpoints/default"),
                )
            },
            step(
                "serve_image",
                "Ask for the first image",
                self.served_at,
                format!("curl -o photo.jpg {endpoint}/tr:w-300/photo.jpg"),
            ),
            step(
                "use_sdk",
                "Change something with an official SDK",
                self.sdk_at,
                format!("IMAGE_KIT_BASE_URL=$DASHBOARD IMAGEKIT_PRIVATE_KEY=$KEY node -e \"new (require('@imagekit/nodejs'))().accounts.origins.create({{name:'From the SDK',type:'WEB_PROXY'}}).then(console.log)\" # URL endpoint: {endpoint}"),
            ),
            step(
                "set_alert",
                "Have somebody told when images fail",
                self.alert_at,
                "curl -u \"$KEY:\" -d '{\"name\":\"New failures\",\"condition\":{\"type\":\"group_state\",\"states\":[\"new\",\"regressed\"]},\"webhooks\":[\"<webhook id>\"]}' $DASHBOARD/dashboard/v1/alert-rules".to_owned(),
            ),
        ]
    }
}
