//! `/dashboard/v1/settings`: what an account tunes for all of its images, and what its URLs may not ask for.

use axum::extract::State;
use limpid_domain::tenant::{TenantLimits, TenantSettingsChange};
use limpid_read_models::delivery_config::{self, TenantView};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::commands::{self, ChangeTenantSettings};
use crate::error::{ApiError, ProblemBody};
use crate::json_body::JsonObject;
use crate::router::ApiState;
use crate::routes::resource::{IfMatch, Versioned};

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_settings, change_settings))
}

/// What holds for all images of an account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the account"
)]
struct Settings {
    /// Quality where a transformation names none.
    #[schema(minimum = 1, maximum = 100, example = 80)]
    default_quality: u8,
    /// Choose the output format by `Accept` where a transformation names none.
    auto_format: bool,
    /// Let that choice include AVIF.
    auto_avif: bool,
    /// Lower the default quality for clients that say `Save-Data: on`.
    data_saver: bool,
    /// Deliver only URLs with a valid signature; all others are answered 401.
    restrict_unsigned_urls: bool,
    /// Transform only by named transformations; other parameters are answered 400.
    restrict_unnamed_transformations: bool,
    /// What the operator set for the account; read-only here.
    limits: Limits,
}

/// Limits of one account; one that is not there is that of the installation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TenantLimits)]
pub(crate) struct Limits {
    /// Longest original. Units: bytes.
    #[schema(minimum = 1, maximum = 1_073_741_824, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_source_bytes: Option<u64>,
    /// Most pixels of the original and of the result of any step.
    #[schema(minimum = 1, maximum = 500_000_000, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_pixels: Option<u64>,
    /// Most pixels of all frames of an animation together.
    #[schema(minimum = 1, maximum = 500_000_000, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_frame_pixels: Option<u64>,
    /// How long single failures are shown, at least; never longer than the installation keeps them. Units: days.
    #[schema(minimum = 1, maximum = 3650, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_retention_days: Option<u64>,
}

impl From<TenantLimits> for Limits {
    fn from(limits: TenantLimits) -> Self {
        Self {
            max_source_bytes: limits.max_source_bytes,
            max_pixels: limits.max_pixels,
            max_frame_pixels: limits.max_frame_pixels,
            failure_retention_days: limits.failure_retention_days,
        }
    }
}

/// Settings to change; those that are not sent stay.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never built")]
struct SettingsChange {
    /// Quality where a transformation names none.
    #[schema(minimum = 1, maximum = 100)]
    default_quality: Option<u8>,
    /// Choose the output format by `Accept` where a transformation names none.
    auto_format: Option<bool>,
    /// Let that choice include AVIF.
    auto_avif: Option<bool>,
    /// Lower the default quality for clients that say `Save-Data: on`.
    data_saver: Option<bool>,
    /// Deliver only URLs with a valid signature.
    restrict_unsigned_urls: Option<bool>,
    /// Transform only by named transformations.
    restrict_unnamed_transformations: Option<bool>,
}

/// Reads the account's settings.
#[utoipa::path(get, path = "/dashboard/v1/settings", tag = "settings", operation_id = "getSettings",
    security(("privateKey" = [])),
    responses((status = 200, description = "All settings, and their version as `ETag`.", body = Settings),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn get_settings(
    tenant: Tenant,
    State(state): State<ApiState>,
) -> Result<Versioned<Settings>, ApiError> {
    let mut tx = state.database().tenant_tx(tenant.id).await?;
    let found = delivery_config::tenant(&mut tx).await?;
    let found = found.ok_or_else(|| ApiError::NotFound("Tenant not found.".to_owned()))?;
    Ok(answer(&found))
}

/// Changes the settings that are sent; the others stay.
#[utoipa::path(patch, path = "/dashboard/v1/settings", tag = "settings", operation_id = "changeSettings",
    security(("privateKey" = [])), request_body = SettingsChange,
    params(("If-Match" = Option<String>, Header, description = "Change only this version, as `ETag` named it.")),
    responses((status = 200, description = "All settings.", body = Settings),
        (status = 400, description = "A setting is unknown or breaks a rule.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 412, description = "The settings have another version.", body = ProblemBody)))]
async fn change_settings(
    tenant: Tenant,
    condition: IfMatch,
    State(state): State<ApiState>,
    JsonObject(body): JsonObject,
) -> Result<Versioned<Settings>, ApiError> {
    let change = ChangeTenantSettings {
        change: TenantSettingsChange::parse(body)?,
        expected: condition.expected()?,
    };
    let context = state.command_context(tenant.event_meta());
    let changed = commands::change_tenant_settings(&context, tenant.id, change).await?;
    Ok(answer(&changed))
}

fn answer(tenant: &TenantView) -> Versioned<Settings> {
    let settings = &tenant.settings;
    let shown = Settings {
        default_quality: settings.default_quality,
        auto_format: settings.auto_format,
        auto_avif: settings.auto_avif,
        data_saver: settings.data_saver,
        restrict_unsigned_urls: settings.restrictions.restrict_unsigned_urls,
        restrict_unnamed_transformations: settings.restrictions.restrict_unnamed_transformations,
        limits: tenant.limits.into(),
    };
    Versioned::new(tenant.version, shown)
}
