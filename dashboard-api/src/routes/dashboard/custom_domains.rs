//! `/dashboard/v1/url-endpoints/{id}/custom-domains`: host names that deliver a URL endpoint.

use axum::extract::{Path, State};
use limpid_domain::url_endpoint::{UrlEndpointName, parse_custom_domains};
use limpid_read_models::delivery_config::{self, DomainUse, UrlEndpointConfig};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::commands::{self, SetCustomDomains};
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::routes::resource::{MustMatch, Versioned};

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_custom_domains, set_custom_domains))
}

/// The host names of one URL endpoint. On the default endpoint they stand for the whole account: prefixes follow the host.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CustomDomains {
    #[schema(example = json!(["images.example.com"]))]
    custom_domains: Vec<String>,
}

/// Reads the custom domains of a URL endpoint.
#[utoipa::path(get, path = "/dashboard/v1/url-endpoints/{id}/custom-domains", tag = "URL endpoints",
    operation_id = "getCustomDomains", security(("privateKey" = [])),
    params(("id" = String, Path, description = "The URL endpoint's id, or `default`.")),
    responses((status = 200, description = "Its domains, by name.", body = CustomDomains),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 404, description = "The account has no such URL endpoint.", body = ProblemBody)))]
async fn get_custom_domains(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
) -> Result<Versioned<CustomDomains>, ApiError> {
    let endpoint = find(&state, &tenant, &id).await?;
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let bound = delivery_config::custom_domains(&mut tx).await?;
    let domains = CustomDomains::of(&endpoint, bound);
    Ok(Versioned::new(endpoint.version, domains))
}

/// Sets the custom domains of a URL endpoint; those not named are freed.
#[utoipa::path(put, path = "/dashboard/v1/url-endpoints/{id}/custom-domains", tag = "URL endpoints",
    operation_id = "setCustomDomains", security(("privateKey" = [])), request_body = CustomDomains,
    params(("id" = String, Path, description = "The URL endpoint's id, or `default`."),
        ("If-Match" = String, Header, description = "Change only this version of the URL endpoint. `*`: whichever is there.")),
    responses((status = 200, description = "Its domains, by name.", body = CustomDomains),
        (status = 400, description = "A domain is malformed or not available.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 404, description = "The account has no such URL endpoint.", body = ProblemBody),
        (status = 412, description = "The URL endpoint has another version.", body = ProblemBody),
        (status = 428, description = "No `If-Match`.", body = ProblemBody)))]
async fn set_custom_domains(
    tenant: Tenant,
    Path(id): Path<String>,
    condition: MustMatch,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Versioned<CustomDomains>, ApiError> {
    let endpoint = find(&state, &tenant, &id).await?;
    let set = SetCustomDomains {
        name: UrlEndpointName::Id(endpoint.id),
        domains: parse_custom_domains(body)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    let (endpoint, bound) = commands::set_custom_domains(&context, tenant.id, set).await?;
    let domains = CustomDomains::of(&endpoint, bound);
    Ok(Versioned::new(endpoint.version, domains))
}

impl CustomDomains {
    fn of(endpoint: &UrlEndpointConfig, bound: Vec<DomainUse>) -> Self {
        let of_endpoint = bound
            .into_iter()
            .filter(|bound| bound.url_endpoint_id == endpoint.id);
        Self {
            custom_domains: of_endpoint
                .map(|bound| bound.domain.as_str().to_owned())
                .collect(),
        }
    }
}

/// The URL endpoint with this id, or `default`.
pub(super) async fn find(
    state: &ApiState,
    tenant: &Tenant,
    id: &str,
) -> Result<UrlEndpointConfig, ApiError> {
    let not_found = || ApiError::NotFound("URL-endpoint not found.".to_owned());
    let name = UrlEndpointName::parse(id).ok_or_else(not_found)?;
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let endpoint = delivery_config::url_endpoint(&mut tx, name).await?;
    endpoint
        .filter(|endpoint| !endpoint.deleted)
        .ok_or_else(not_found)
}
