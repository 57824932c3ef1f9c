//! `/dashboard/v1/url-endpoints/{id}/caching`: how long failures of one endpoint are repeated without asking its origins, and who decides how
//! long its pictures are kept.

use axum::extract::{Path, State};
use limpid_domain::caching::Caching;
use limpid_domain::url_endpoint::UrlEndpointName;
use limpid_read_models::delivery_config::UrlEndpointConfig;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::custom_domains::find;
use crate::auth::Tenant;
use crate::commands::{self, SetCaching};
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::routes::resource::{MustMatch, Versioned};

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_caching, set_caching))
}

/// How long answers of one URL endpoint may be answered again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UrlEndpointCaching)]
struct CachingAnswer {
    /// Seconds for which a failure is repeated without asking the origin; 0: not at all; null: as long as the table of failures says
    /// for its reason.
    #[schema(minimum = 0, maximum = 300)]
    failure_seconds: Option<u64>,
    /// Whether `Cache-Control` and `Expires` of the origin decide how long a picture is kept; where it says nothing the usual year does.
    origin_cache_control: bool,
}

/// Reads how long failures of a URL endpoint are repeated.
#[utoipa::path(get, path = "/dashboard/v1/url-endpoints/{id}/caching", tag = "URL endpoints",
    operation_id = "getCaching", security(("privateKey" = [])),
    params(("id" = String, Path, description = "The URL endpoint's id, or `default`.")),
    responses((status = 200, description = "Its times; `ETag` is the URL endpoint's version.", body = CachingAnswer),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 404, description = "The account has no such URL endpoint.", body = ProblemBody)))]
async fn get_caching(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<Versioned<CachingAnswer>, ApiError> {
    Ok(answer(&find(&state, &tenant, &id).await?))
}

/// Sets how long failures of a URL endpoint are repeated; what is not sent follows the table of failures.
#[utoipa::path(put, path = "/dashboard/v1/url-endpoints/{id}/caching", tag = "URL endpoints",
    operation_id = "setCaching", security(("privateKey" = [])), request_body = CachingAnswer,
    params(("id" = String, Path, description = "The URL endpoint's id, or `default`."),
        ("If-Match" = String, Header, description = "Change only this version of the URL endpoint. `*`: whichever is there.")),
    responses((status = 200, description = "Its times.", body = CachingAnswer),
        (status = 400, description = "A field is unknown or out of bounds.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 404, description = "The account has no such URL endpoint.", body = ProblemBody),
        (status = 412, description = "The URL endpoint has another version.", body = ProblemBody),
        (status = 428, description = "No `If-Match`.", body = ProblemBody)))]
async fn set_caching(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: MustMatch,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Versioned<CachingAnswer>, ApiError> {
    let endpoint = find(&state, &tenant, &id).await?;
    let set = SetCaching {
        name: UrlEndpointName::Id(endpoint.id),
        caching: Caching::parse(body)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    let changed = commands::set_caching(&context, tenant.id, set).await?;
    Ok(answer(&changed))
}

fn answer(endpoint: &UrlEndpointConfig) -> Versioned<CachingAnswer> {
    let shown = CachingAnswer {
        failure_seconds: endpoint.caching.failure_seconds,
        origin_cache_control: endpoint.caching.origin_cache_control,
    };
    Versioned::new(endpoint.version, shown)
}
