//! `/operator/v1/tenants/{imagekitId}/limits`: how large the pictures of one account may be, and how long its failures are shown.

use axum::extract::{Extension, Path, State};
use limpid_domain::tenant::TenantLimits;
use limpid_read_models::delivery_config::TenantView;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::tenants::{find, operator_meta};
use crate::auth::Operator;
use crate::commands::{self, SetTenantLimits};
use crate::error::{ApiError, ProblemBody};
use crate::exchange::Exchange;
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::routes::dashboard::settings::Limits;
use crate::routes::resource::{IfMatch, Versioned};

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_limits, set_limits))
}

/// Reads an account's limits.
#[utoipa::path(get, path = "/operator/v1/tenants/{imagekitId}/limits", tag = "tenants", operation_id = "getLimits",
    security(("operatorKey" = [])), params(("imagekitId" = String, Path, description = "The account's id.")),
    responses((status = 200, description = "Its limits, and their version as `ETag`.", body = Limits),
        (status = 401, description = "No operator key.", body = ProblemBody),
        (status = 403, description = "A wrong operator key.", body = ProblemBody),
        (status = 404, description = "No such account.", body = ProblemBody)))]
async fn get_limits(
    _: Operator,
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Versioned<Limits>, ApiError> {
    Ok(answer(&find(&state, &id).await?))
}

/// Sets an account's limits; those not sent follow the installation's again.
#[utoipa::path(put, path = "/operator/v1/tenants/{imagekitId}/limits", tag = "tenants", operation_id = "setLimits",
    security(("operatorKey" = [])), request_body = Limits,
    params(("imagekitId" = String, Path, description = "The account's id."),
        ("If-Match" = Option<String>, Header, description = "Change only this version, as `ETag` named it.")),
    responses((status = 200, description = "Its limits.", body = Limits),
        (status = 400, description = "A limit is unknown or out of range.", body = ProblemBody),
        (status = 401, description = "No operator key.", body = ProblemBody),
        (status = 403, description = "A wrong operator key.", body = ProblemBody),
        (status = 404, description = "No such account.", body = ProblemBody),
        (status = 412, description = "The account's settings have another version.", body = ProblemBody)))]
#[expect(
    clippy::too_many_arguments,
    reason = "each extracts a part of the request"
)]
async fn set_limits(
    _: Operator,
    State(state): State<ApiState>,
    Extension(exchange): Extension<Exchange>,
    Path(id): Path<String>,
    condition: IfMatch,
    JsonObject(body): JsonObject,
) -> Result<Versioned<Limits>, ApiError> {
    let tenant = find(&state, &id).await?;
    let set = SetTenantLimits {
        limits: TenantLimits::parse(body)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(operator_meta(exchange));
    let changed = commands::set_tenant_limits(&context, tenant.tenant_id, set).await?;
    Ok(answer(&changed))
}

fn answer(tenant: &TenantView) -> Versioned<Limits> {
    Versioned::new(tenant.version, tenant.limits.into())
}
