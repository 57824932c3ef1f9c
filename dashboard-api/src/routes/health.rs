//! `/livez` and `/readyz`.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// Whether the process answers at all.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Liveness {
    /// Always `ok`.
    status: &'static str,
}

/// Says that the process answers; asks nothing else.
#[utoipa::path(get, path = "/livez", tag = "health", operation_id = "livez",
    responses((status = 200, description = "The process answers.", body = Liveness)))]
pub(crate) async fn livez() -> Json<Liveness> {
    Json(Liveness { status: "ok" })
}
