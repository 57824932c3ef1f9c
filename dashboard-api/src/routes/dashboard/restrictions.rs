//! `/dashboard/v1/url-endpoints/{id}/restrictions`: what the URLs of one endpoint may not ask for, beside what the account forbids.

use axum::extract::{Path, State};
use limpid_domain::restrictions::Restrictions;
use limpid_domain::url_endpoint::UrlEndpointName;
use limpid_read_models::delivery_config::UrlEndpointConfig;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::custom_domains::find;
use crate::auth::Tenant;
use crate::commands::{self, SetRestrictions};
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::routes::resource::{MustMatch, Versioned};

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_restrictions, set_restrictions))
}

/// Restrictions of one URL endpoint. Those of the account hold as well.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UrlEndpointRestrictions)]
struct RestrictionsAnswer {
    /// Deliver only URLs with a valid signature; all others are answered 401.
    #[schema(default = false)]
    restrict_unsigned_urls: bool,
    /// Transform only by named transformations; other parameters are answered 400.
    #[schema(default = false)]
    restrict_unnamed_transformations: bool,
}

/// Reads the restrictions of a URL endpoint.
#[utoipa::path(get, path = "/dashboard/v1/url-endpoints/{id}/restrictions", tag = "URL endpoints",
    operation_id = "getRestrictions", security(("privateKey" = [])),
    params(("id" = String, Path, description = "The URL endpoint's id, or `default`.")),
    responses((status = 200, description = "Its restrictions; `ETag` is the URL endpoint's version.", body = RestrictionsAnswer),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 404, description = "The account has no such URL endpoint.", body = ProblemBody)))]
async fn get_restrictions(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<Versioned<RestrictionsAnswer>, ApiError> {
    Ok(answer(&find(&state, &tenant, &id).await?))
}

/// Sets the restrictions of a URL endpoint; what is not sent is off.
#[utoipa::path(put, path = "/dashboard/v1/url-endpoints/{id}/restrictions", tag = "URL endpoints",
    operation_id = "setRestrictions", security(("privateKey" = [])), request_body = RestrictionsAnswer,
    params(("id" = String, Path, description = "The URL endpoint's id, or `default`."),
        ("If-Match" = String, Header, description = "Change only this version of the URL endpoint. `*`: whichever is there.")),
    responses((status = 200, description = "Its restrictions.", body = RestrictionsAnswer),
        (status = 400, description = "A field is unknown or no boolean.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 404, description = "The account has no such URL endpoint.", body = ProblemBody),
        (status = 412, description = "The URL endpoint has another version.", body = ProblemBody),
        (status = 428, description = "No `If-Match`.", body = ProblemBody)))]
async fn set_restrictions(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: MustMatch,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Versioned<RestrictionsAnswer>, ApiError> {
    let endpoint = find(&state, &tenant, &id).await?;
    let set = SetRestrictions {
        name: UrlEndpointName::Id(endpoint.id),
        restrictions: Restrictions::parse(body)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    let changed = commands::set_restrictions(&context, tenant.id, set).await?;
    Ok(answer(&changed))
}

fn answer(endpoint: &UrlEndpointConfig) -> Versioned<RestrictionsAnswer> {
    let restrictions = endpoint.restrictions;
    let shown = RestrictionsAnswer {
        restrict_unsigned_urls: restrictions.restrict_unsigned_urls,
        restrict_unnamed_transformations: restrictions.restrict_unnamed_transformations,
    };
    Versioned::new(endpoint.version, shown)
}
