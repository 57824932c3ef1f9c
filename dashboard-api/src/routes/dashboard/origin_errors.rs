//! `/dashboard/v1/origin-errors`: why images failed.
//!
//! Whose failures are read follows from the private key alone; no parameter names an account.

mod blast_radius;
mod event_answer;
mod events;
mod export;
mod facets;
mod filter;
mod group_life;
mod groups;
mod life_choice;
mod meta;
mod names;
mod paths;
mod stream;
mod summary;
mod suspects;
mod timeseries;
mod verify;

use limpid_event_store::TenantTx;
use limpid_read_models::filter::{Facets, FailureFilter, Window};
use limpid_read_models::freshness::{Reads, freshness};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::error::ApiError;
use crate::router::ApiState;
pub(super) use filter::read_period;
use filter::{FacetRequest, FilterRequest};
pub(super) use meta::MetaAnswer;
use names::Names;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(summary::get_summary))
        .routes(routes!(timeseries::get_timeseries))
        .routes(routes!(events::list_events))
        .routes(routes!(events::get_event))
        .routes(routes!(facets::get_facets))
        .routes(routes!(groups::list_groups))
        .routes(routes!(groups::get_group))
        .routes(routes!(group_life::resolve_group))
        .routes(routes!(group_life::reopen_group))
        .routes(routes!(group_life::mute_group))
        .routes(routes!(group_life::unmute_group))
        .routes(routes!(group_life::list_group_events))
        .routes(routes!(verify::verify_group))
        .routes(routes!(paths::list_paths))
        .routes(routes!(export::export_events))
        .routes(routes!(stream::stream_events))
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
            include: facets(request.include, &names),
            exclude: facets(request.exclude, &names),
            path_contains: request.search,
            path_lacks: request.search_not,
        };
        Ok(Self { tx, names, filter })
    }

    /// What the answer covers and how fresh it is.
    async fn meta(&mut self, window: Window, reads: Reads) -> Result<MetaAnswer, ApiError> {
        let freshness = freshness(&mut self.tx, window, reads).await?;
        Ok(MetaAnswer::new(window, freshness))
    }
}

fn facets(request: FacetRequest, names: &Names) -> Facets {
    Facets {
        origins: names.origin_nos(&request.origins),
        endpoints: names.endpoint_nos(&request.endpoints),
        codes: request.codes,
        reasons: request.reasons,
        stages: request.stages,
        outcomes: request.outcomes,
        upstream_statuses: request.statuses,
        config_versions: request.versions,
        nodes: request.nodes,
        groups: request.groups,
    }
}
