//! `/dashboard/v1/origin-errors`: why images failed.
//!
//! Whose failures are read follows from the private key alone; no parameter names an account.

mod event_answer;
mod events;
mod filter;
mod meta;
mod names;
mod summary;
mod timeseries;

use limpid_event_store::TenantTx;
use limpid_read_models::filter::{FailureFilter, Window};
use limpid_read_models::freshness::freshness;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::error::ApiError;
use crate::router::ApiState;
use filter::FilterRequest;
use meta::MetaAnswer;
use names::Names;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(summary::get_summary))
        .routes(routes!(timeseries::get_timeseries))
        .routes(routes!(events::list_events))
        .routes(routes!(events::get_event))
}

/// A question about one tenant's failures: the transaction it is answered in, and public names on both sides.
#[derive(Debug)]
struct Question {
    tx: TenantTx,
    names: Names,
    filter: FailureFilter,
}

impl Question {
    /// Translates public ids of the request into the numbers that facts are stored under.
    async fn open(
        state: &ApiState,
        tenant: &Tenant,
        request: FilterRequest,
    ) -> Result<Self, ApiError> {
        let mut tx = state.database().tenant_tx(tenant.id).await?;
        let names = Names::load(&mut tx).await?;
        let filter = FailureFilter {
            window: Window {
                from: request.from,
                to: request.to,
            },
            codes: request.codes,
            reasons: request.reasons,
            origins: names.origin_nos(&request.origins),
            endpoints: names.endpoint_nos(&request.endpoints),
            outcomes: request.outcomes,
            path_contains: request.search,
        };
        Ok(Self { tx, names, filter })
    }

    /// What the answer covers and how fresh it is.
    async fn meta(&mut self, window: Window) -> Result<MetaAnswer, ApiError> {
        let freshness = freshness(&mut self.tx, window).await?;
        Ok(MetaAnswer::new(window, freshness))
    }
}
