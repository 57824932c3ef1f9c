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

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_domain::ids::TenantId;
use limpid_read_models::failure_log::latest_position;
use limpid_read_models::filter::{Facets, FailureFilter, Window};
use limpid_read_models::freshness::{Reads, freshness};
use limpid_read_models::retention::{Kept, kept};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::error::ApiError;
use crate::questions::QuestionTx;
use crate::router::ApiState;
pub(super) use filter::read_period;
use filter::{FacetRequest, FilterRequest};
pub(super) use meta::{META, MetaAnswer};
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
    tx: QuestionTx,
    names: Names,
    filter: FailureFilter,
    kept: Kept,
}

impl Question {
    /// Translates public ids of the request into the numbers that facts are stored under.
    async fn open(
        state: &ApiState,
        tenant: &Tenant,
        request: FilterRequest,
    ) -> Result<Self, ApiError> {
        Self::open_for(state, tenant.id, request).await
    }

    /// The same for a tenant that is known by something else than its key.
    async fn open_for(
        state: &ApiState,
        tenant_id: TenantId,
        request: FilterRequest,
    ) -> Result<Self, ApiError> {
        let mut tx = state.question(tenant_id).await?;
        let kept = kept(&mut tx).await?;
        let names = Names::load(&mut tx).await?;
        let filter = FailureFilter {
            window: Window {
                from: begin(request.from, kept),
                to: request.to,
            },
            include: facets(request.include, &names),
            exclude: facets(request.exclude, &names),
            path_contains: request.search,
            path_lacks: request.search_not,
            events_from: kept.events_from,
        };
        Ok(Self {
            tx,
            names,
            filter,
            kept,
        })
    }

    /// What an answer made of counts covers and how fresh it is; where it counts by buckets, of which width.
    async fn meta(&mut self, interval: Option<TimeDelta>) -> Result<MetaAnswer, ApiError> {
        let window = self.filter.window;
        let freshness = freshness(&mut self.tx, window, Reads::Groups).await?;
        let is_kept = window.from >= self.kept.counts_from && !self.filter.misses_events(interval);
        let meta = MetaAnswer::new(window, freshness).kept(self.kept, is_kept);
        let meta = match interval {
            Some(interval) => meta.in_buckets(interval),
            None => meta,
        };
        Ok(meta.after(&latest_position(&mut self.tx).await?))
    }

    /// What an answer made of single failures covers and how fresh it is.
    async fn meta_of_events(&mut self, window: Window) -> Result<MetaAnswer, ApiError> {
        let freshness = freshness(&mut self.tx, window, Reads::Events).await?;
        let is_kept = window.from >= self.kept.events_from;
        let meta = MetaAnswer::new(window, freshness).kept(self.kept, is_kept);
        Ok(meta.after(&latest_position(&mut self.tx).await?))
    }
}

/// Where a period begins of which the first single failures are gone: parts of an hour are counted from those, so at the next full hour.
fn begin(from: DateTime<Utc>, kept: Kept) -> DateTime<Utc> {
    if from >= kept.events_from {
        return from;
    }
    let hour = TimeDelta::hours(1);
    let floor = from.duration_trunc(hour).unwrap_or(from);
    if floor == from { from } else { floor + hour }
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
