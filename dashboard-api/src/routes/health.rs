//! `/livez` and `/readyz`.

use std::error::Error;

use axum::Json;
use axum::extract::State;
use limpid_event_store::Database;
use limpid_read_models::delivery_config;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::NotReady;
use crate::router::ApiState;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(livez))
        .routes(routes!(readyz))
}

/// Whether the process answers at all.
#[derive(Debug, Serialize, ToSchema)]
struct Liveness {
    /// Always `ok`.
    status: &'static str,
}

/// Whether the service can do its work, and if not, why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready` or `not ready`.
    pub(crate) status: &'static str,
    /// Each thing it needs.
    pub(crate) checks: Vec<ReadinessCheck>,
}

/// One thing the service needs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadinessCheck {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it is there.
    pub(crate) ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
}

/// Says that the process answers; asks nothing else.
#[utoipa::path(get, path = "/livez", tag = "health", operation_id = "getLiveness",
    responses((status = 200, description = "The process answers.", body = Liveness)))]
async fn livez() -> Json<Liveness> {
    Json(Liveness { status: "ok" })
}

/// Says whether the database answers and has the schema this version needs.
#[utoipa::path(get, path = "/readyz", tag = "health", operation_id = "getReadiness",
    responses((status = 200, description = "Ready.", body = Readiness),
        (status = 503, description = "Not ready; the checks say why.", body = Readiness)))]
async fn readyz(State(state): State<ApiState>) -> Result<Json<Readiness>, NotReady> {
    let mut checks = vec![check_database("database", state.database()).await];
    if let Some(failures) = &state.config().failures_database {
        checks.push(check_database("failures_database", failures).await);
    }
    if checks.iter().all(|check| check.ok) {
        return Ok(Json(Readiness {
            status: "ready",
            checks,
        }));
    }
    Err(NotReady(Readiness {
        status: "not ready",
        checks,
    }))
}

/// Reads a tenant's row, which takes a connection, the role and the tables.
async fn check_database(name: &'static str, database: &Database) -> ReadinessCheck {
    let reason = match delivery_config::tenants(database, None, 1).await {
        Ok(_) => None,
        Err(error) if error.is_transient() => Some("the database does not answer"),
        Err(error) => {
            let error: &(dyn Error + 'static) = &error;
            tracing::warn!(error, "the database is not as this version needs it");
            Some("the database is not migrated to this version; run limpid migrate")
        }
    };
    ReadinessCheck {
        name,
        ok: reason.is_none(),
        reason,
    }
}
