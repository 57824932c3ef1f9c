//! `GET /dashboard/v1/expiries`: what of the origins ends by itself, soonest first.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::expiry::{Expiring, ExpirySeverity, days_left};
use limpid_read_models::delivery_config::{self, OriginView};
use limpid_read_models::origin_health::{observed_to, origins_health};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::origin_health::address_of;
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::Parameters;
use crate::router::ApiState;

/// Ten years: nothing that ends by itself lasts longer.
const MAX_DAYS: u16 = 3_650;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_expiries))
}

/// What ends by itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Expiries)]
struct ExpiriesAnswer {
    /// Soonest first; what has ended comes before.
    expiries: Vec<ExpiryAnswer>,
    /// Everything that serving nodes saw before this moment is in the answer.
    as_of: DateTime<Utc>,
    /// How long ago that is. Units: ms.
    lag_ms: i64,
}

/// Something that ends.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Expiry)]
struct ExpiryAnswer {
    /// `certificate`: the TLS certificate that the origin's server showed last; of a web proxy, the server asked last. `sas_token`: the shared
    /// access signature of the origin.
    #[schema(example = "certificate")]
    kind: &'static str,
    /// Of which origin.
    origin_id: Uuid,
    /// Its name.
    origin_name: String,
    /// Its type.
    origin_type: &'static str,
    /// Where its files are.
    address: Option<String>,
    /// When it ends.
    ends_at: DateTime<Utc>,
    /// Whole days, rounded down; negative once it has ended.
    days_left: i64,
    /// `fine`, `notice` (30 days or fewer), `warning` (7), `critical` (1) or `expired`.
    severity: &'static str,
    /// What to do.
    advice: String,
}

/// Lists what ends by itself.
#[utoipa::path(get, path = "/dashboard/v1/expiries", tag = "origins", operation_id = "listExpiries",
    security(("privateKey" = [])),
    params(("days" = Option<u16>, Query, description = "Only what ends within so many days, 1 to 3650; everything that is known where it is not given.")),
    responses((status = 200, description = "What ends.", body = ExpiriesAnswer),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn list_expiries(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<ExpiriesAnswer>, ApiError> {
    let now = state.config().clock.now();
    let mut parameters = Parameters::parse(query.as_deref(), &["days"]);
    let days = parameters.number("days", (1, MAX_DAYS), MAX_DAYS);
    parameters.finish()?;
    let mut tx = state.question(tenant.id).await?;
    let as_of = observed_to(&mut tx).await?;
    let origins = delivery_config::origins(&mut tx).await?;
    let mut expiries = Vec::new();
    for health in origins_health(&mut tx).await? {
        let origin = origins
            .iter()
            .find(|origin| origin.id == health.origin_id && !origin.deleted);
        let Some(origin) = origin else {
            continue;
        };
        let certificate = health.certificate_of(origin.version).map(|(end, _)| end);
        let credential = health.credential_end_of(origin.version);
        let ends = [
            (Expiring::Certificate, certificate),
            (Expiring::SasToken, credential),
        ];
        for (kind, end) in ends {
            expiries.extend(end.map(|end| ExpiryAnswer::new(kind, origin, end, now)));
        }
    }
    let last = now + TimeDelta::days(i64::from(days));
    expiries.retain(|expiry: &ExpiryAnswer| days == MAX_DAYS || expiry.ends_at <= last);
    expiries.sort_by(|a, b| a.order().cmp(&b.order()));
    Ok(Json(ExpiriesAnswer {
        expiries,
        as_of,
        lag_ms: (now - as_of).num_milliseconds().max(0),
    }))
}

impl ExpiryAnswer {
    fn new(
        kind: Expiring,
        origin: &OriginView,
        ends_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Self {
        let settings = &origin.settings;
        Self {
            kind: kind.as_str(),
            origin_id: origin.id.0,
            origin_name: settings.name.clone(),
            origin_type: settings.location.kind().as_str(),
            address: address_of(&settings.location),
            ends_at,
            days_left: days_left(ends_at, now),
            severity: ExpirySeverity::of(ends_at, now).as_str(),
            advice: kind.advice(&settings.name),
        }
    }

    fn order(&self) -> (DateTime<Utc>, &str, &str) {
        (self.ends_at, &self.origin_name, self.kind)
    }
}
