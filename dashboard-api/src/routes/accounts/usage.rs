//! `/v1/accounts/usage` and `/v1/accounts/usage-analytics`: what was delivered, in ImageKit's shape.
//!
//! Source: `imagekit.md` 4.4 and 4.5.

mod analytics;
mod days;

use axum::Json;
use axum::extract::{RawQuery, State};
use limpid_read_models::delivery_usage::usage;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::router::ApiState;
use days::{Days, LastDay};

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get_usage))
        .routes(routes!(analytics::get_usage_analytics))
}

/// What an account used. Limpid stores no files and runs no videos or extensions, so all but the bandwidth is 0.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Usage)]
struct UsageAnswer {
    /// Bytes of answers' bodies.
    bandwidth_bytes: i64,
    media_library_storage_bytes: i64,
    video_processing_units_count: i64,
    extension_units_count: i64,
    original_cache_storage_bytes: i64,
}

/// Reads what the account used in a period of UTC days.
#[utoipa::path(get, path = "/v1/accounts/usage", tag = "usage", operation_id = "getUsage", security(("privateKey" = [])),
    params(("startDate" = String, Query, description = "First day, YYYY-MM-DD."),
        ("endDate" = String, Query, description = "First day after the period; less than 90 days later.")),
    responses((status = 200, description = "The usage.", body = UsageAnswer),
        (status = 400, description = "A date is missing, malformed or out of order.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn get_usage(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<UsageAnswer>, ApiError> {
    let days = Days::read(query.as_deref(), LastDay::Excluded)?;
    let mut tx = state.question(tenant.id).await?;
    let cells = usage(&mut tx, days.window()).await?;
    Ok(Json(UsageAnswer {
        bandwidth_bytes: cells.iter().map(|cell| cell.counts.bytes).sum(),
        ..UsageAnswer::default()
    }))
}
