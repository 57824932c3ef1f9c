//! `/operator/v1/tenants`: accounts, for whoever runs the installation.

use axum::Json;
use axum::extract::{Extension, Path, RawQuery, State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use limpid_domain::event::{Actor, ActorKind, EventMeta};
use limpid_domain::ids::ImagekitId;
use limpid_domain::tenant::{CreateTenant, TenantLifecycle};
use limpid_read_models::delivery_config::{self, TenantView};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Operator;
use crate::commands;
use crate::error::{ApiError, ProblemBody};
use crate::exchange::Exchange;
use crate::json_body::JsonObject;
use crate::query::{Listing, Parameters};
use crate::router::ApiState;
use crate::routes::dashboard::settings::Limits;

/// Tenants of a page where the request does not say, and at most.
const DEFAULT_PAGE: u16 = 50;
const MAX_PAGE: u16 = 200;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_tenants, create_tenant))
        .routes(routes!(get_tenant))
}

/// An account to create.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never built")]
struct TenantRequest {
    /// First path segment of its delivery URLs.
    #[schema(example = "acme", pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    imagekit_id: String,
    /// Display name; the id where it is not sent.
    #[schema(example = "Acme", max_length = 200)]
    name: Option<String>,
}

/// A created account, with the only sight of its private key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedTenant {
    imagekit_id: String,
    name: String,
    /// Shown once. Authenticates API requests and signs URLs.
    private_key: String,
    public_key: String,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tenant)]
struct TenantAnswer {
    imagekit_id: String,
    name: String,
    /// `active` or `disabled`.
    state: &'static str,
    created_at: DateTime<Utc>,
    /// Where they differ from the installation's.
    limits: Limits,
    /// Where its images are served.
    #[schema(example = "http://127.0.0.1:8080/acme")]
    url_endpoint: String,
}

/// A page of accounts, by id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TenantPage {
    data: Vec<TenantAnswer>,
    /// The next page's `cursor`; null at the end.
    next_cursor: Option<String>,
}

/// Creates an account with its default URL endpoint and a key pair.
#[utoipa::path(post, path = "/operator/v1/tenants", tag = "tenants", operation_id = "createTenant",
    security(("operatorKey" = [])), request_body = TenantRequest,
    responses((status = 201, description = "The account and its keys.", body = CreatedTenant),
        (status = 400, description = "A field is missing or breaks a rule.", body = ProblemBody),
        (status = 401, description = "No operator key.", body = ProblemBody),
        (status = 403, description = "A wrong operator key.", body = ProblemBody),
        (status = 409, description = "The id is taken.", body = ProblemBody)))]
async fn create_tenant(
    _: Operator,
    State(state): State<ApiState>,
    Extension(exchange): Extension<Exchange>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Json<CreatedTenant>), ApiError> {
    let create = CreateTenant::parse(body)?;
    let context = state.command_context(operator_meta(exchange));
    let created = commands::create_tenant(&context, create).await?;
    let answer = CreatedTenant {
        imagekit_id: created.imagekit_id.to_string(),
        name: created.name,
        private_key: created.private_key.expose().to_owned(),
        public_key: created.public_key.to_string(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Lists accounts by id.
#[utoipa::path(get, path = "/operator/v1/tenants", tag = "tenants", operation_id = "listTenants",
    security(("operatorKey" = [])),
    params(("limit" = Option<u16>, Query, description = "Accounts of a page, 1 to 200; 50 where it is not given."),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before.")),
    responses((status = 200, description = "A page.", body = TenantPage),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No operator key.", body = ProblemBody),
        (status = 403, description = "A wrong operator key.", body = ProblemBody)))]
async fn list_tenants(
    _: Operator,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<TenantPage>, ApiError> {
    let mut parameters = Parameters::parse(query.as_deref(), &["limit", "cursor"]);
    let limit = parameters.number("limit", (1, MAX_PAGE), DEFAULT_PAGE);
    let cursor = parameters.one("cursor");
    let listing = Listing::of("/operator/v1/tenants", &parameters);
    parameters.finish()?;
    let after: Option<ImagekitId> = listing.position(cursor)?;
    let with_next = u32::from(limit) + 1;
    let mut tenants = delivery_config::tenants(state.database(), after.as_ref(), with_next).await?;
    let has_more = tenants.len() > usize::from(limit);
    tenants.truncate(usize::from(limit));
    let last = tenants.last().filter(|_| has_more);
    Ok(Json(TenantPage {
        next_cursor: last.map(|tenant| listing.cursor(&tenant.imagekit_id)),
        data: tenants
            .iter()
            .map(|tenant| answer(tenant, &state))
            .collect(),
    }))
}

/// Reads an account.
#[utoipa::path(get, path = "/operator/v1/tenants/{imagekitId}", tag = "tenants", operation_id = "getTenant",
    security(("operatorKey" = [])), params(("imagekitId" = String, Path, description = "The account's id.")),
    responses((status = 200, description = "The account.", body = TenantAnswer),
        (status = 401, description = "No operator key.", body = ProblemBody),
        (status = 403, description = "A wrong operator key.", body = ProblemBody),
        (status = 404, description = "No such account.", body = ProblemBody)))]
async fn get_tenant(
    _: Operator,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<TenantAnswer>, ApiError> {
    let tenant = find(&state, &id).await?;
    Ok(Json(answer(&tenant, &state)))
}

/// The account with this id.
pub(super) async fn find(state: &ApiState, id: &str) -> Result<TenantView, ApiError> {
    let not_found = || ApiError::NotFound("Tenant not found.".to_owned());
    let id: ImagekitId = id.parse().map_err(|_no_id| not_found())?;
    let tenant = delivery_config::tenant_by_imagekit_id(state.database(), &id).await?;
    let tenant = tenant.filter(|tenant| tenant.lifecycle != TenantLifecycle::Erased);
    tenant.ok_or_else(not_found)
}

fn answer(tenant: &TenantView, state: &ApiState) -> TenantAnswer {
    let serving = state.config().serving_url.as_str().trim_end_matches('/');
    TenantAnswer {
        imagekit_id: tenant.imagekit_id.to_string(),
        name: tenant.name.clone(),
        state: tenant.lifecycle.as_str(),
        created_at: tenant.created_at,
        limits: tenant.limits.into(),
        url_endpoint: format!("{serving}/{}", tenant.imagekit_id),
    }
}

/// What a configuration event says about who made it.
pub(super) fn operator_meta(exchange: Exchange) -> EventMeta {
    EventMeta {
        actor: Actor {
            kind: ActorKind::Operator,
            label: "operator API".to_owned(),
        },
        source: exchange.source,
        request_id: Some(exchange.request_id),
        command_id: None,
        expected_version: None,
        note: None,
    }
}
