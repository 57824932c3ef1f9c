//! `GET /dashboard/v1/changes/{configVersion}`: one change, and the failures just before and just after it. Source: `dashboard.md`, P10.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::event::StreamKind;
use limpid_domain::ids::{OriginId, TenantSeq, UrlEndpointId};
use limpid_domain::url_endpoint::UrlEndpointName;
use limpid_event_store::TenantTx;
use limpid_event_store::config_log::{StoredEvent, read_since};
use limpid_read_models::delivery_config;
use limpid_read_models::failure_summary::summary;
use limpid_read_models::filter::{FailureFilter, Window};
use limpid_read_models::freshness::{Reads, freshness};
use limpid_read_models::retention::{Kept, kept};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::changes::{Change, described};
use super::origin_errors::MetaAnswer;
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::Parameters;
use crate::router::ApiState;

/// Minutes on each side where the request does not say, and at most.
const DEFAULT_MINUTES: u16 = 15;
const MAX_MINUTES: u16 = 1_440;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_change))
}

/// A change and what failed around it.
#[derive(Debug, Serialize, ToSchema)]
struct ChangeWithEffect {
    change: Change,
    effect: Effect,
    meta: MetaAnswer,
}

/// Failures around a change: of the origin or URL endpoint that was changed, or of the whole account where it was something else.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangeEffect)]
struct Effect {
    before: Side,
    after: Side,
}

/// Failures on one side of a change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChangeEffectSide)]
struct Side {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// Failed attempts.
    attempts: i64,
    /// Requests whose client saw the error.
    client_visible: i64,
}

/// Reads one change with the failures before and after it.
#[utoipa::path(get, path = "/dashboard/v1/changes/{configVersion}", tag = "changes", operation_id = "getChange",
    security(("privateKey" = [])),
    params(("configVersion" = i64, Path, description = "The configuration version that the change made."),
        ("minutes" = Option<u16>, Query, description = "How much time on each side, 1 to 1440; 15 where it is not given. Of a change that is younger, as much as there is.")),
    responses((status = 200, description = "The change and the failures.", body = ChangeWithEffect),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 404, description = "The account never had such a configuration version.", body = ProblemBody)))]
async fn get_change(
    tenant: Tenant,
    Path(version): Path<String>,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<ChangeWithEffect>, ApiError> {
    let not_found = || ApiError::NotFound("Change not found.".to_owned());
    let version: i64 = version.parse().map_err(|_no_number| not_found())?;
    let mut parameters = Parameters::parse(query.as_deref(), &["minutes"]);
    let minutes = parameters.number("minutes", (1, MAX_MINUTES), DEFAULT_MINUTES);
    parameters.finish()?;
    let mut tx = state.question(tenant.id).await?;
    let before_it = TenantSeq(
        version
            .checked_sub(1)
            .filter(|seq| *seq >= 0)
            .ok_or_else(not_found)?,
    );
    let event = read_since(&mut tx, before_it, 1).await?.pop();
    let event = event.filter(|event| event.tenant_seq.0 == version);
    let event = event.ok_or_else(not_found)?;
    let kept = kept(&mut tx).await?;
    let now = state.config().clock.now();
    let span = TimeDelta::minutes(i64::from(minutes));
    let at = event.recorded_at;
    let window = Window {
        from: at - span,
        to: (at + span).min(now).max(at),
    };
    // Read before the counts: what it promises must be in them.
    let fresh = freshness(&mut tx, window, Reads::Events).await?;
    let filter = concerned(&mut tx, &event, (window, kept)).await?;
    let effect = Effect {
        before: side(&mut tx, &filter, (window.from, at)).await?,
        after: side(&mut tx, &filter, (at, window.to)).await?,
    };
    let change = described(&mut tx, event).await?;
    let is_kept = window.from >= kept.events_from;
    let meta = MetaAnswer::new(window, fresh).kept(kept, is_kept);
    Ok(Json(ChangeWithEffect {
        change,
        effect,
        meta,
    }))
}

/// The failures that a change may have to do with.
async fn concerned(
    tx: &mut TenantTx,
    event: &StoredEvent,
    (window, kept): (Window, Kept),
) -> Result<FailureFilter, ApiError> {
    let mut filter = FailureFilter::all(window).within(kept);
    let id = event.stream_id.0;
    match event.event.stream_kind() {
        StreamKind::Origin => {
            let origin = delivery_config::origin(tx, OriginId(id)).await?;
            filter
                .include
                .origins
                .extend(origin.map(|origin| origin.no));
        }
        StreamKind::UrlEndpoint => {
            let name = UrlEndpointName::Id(UrlEndpointId(id));
            let endpoint = delivery_config::url_endpoint(tx, name).await?;
            let endpoints = &mut filter.include.endpoints;
            endpoints.extend(endpoint.map(|endpoint| endpoint.no));
        }
        StreamKind::Tenant
        | StreamKind::KeyPair
        | StreamKind::NamedTransformation
        | StreamKind::Purge
        | StreamKind::AlertRule
        | StreamKind::Webhook => {}
    }
    Ok(filter)
}

async fn side(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Side, ApiError> {
    let counts = summary(tx, &filter.over(Window { from, to })).await?;
    Ok(Side {
        from,
        to,
        attempts: counts.attempts,
        client_visible: counts.client_visible,
    })
}
