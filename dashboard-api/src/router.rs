//! Every route, and the OpenAPI document made of the same list.

mod description;

use std::any::Any;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use limpid_domain::event::EventMeta;
use limpid_event_store::Database;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::commands::CommandContext;
use crate::config::ApiConfig;
use crate::error::ApiError;
use crate::exchange::{ExchangeState, exchange};
use crate::routes::{
    accounts, dashboard, health, named_transformations, operator, problems, unsupported,
};

/// What every handler may use. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ApiState(Arc<ApiConfig>);

impl ApiState {
    /// The configuration the service was started with.
    pub(crate) fn config(&self) -> &ApiConfig {
        &self.0
    }

    /// The log and its projections.
    pub(crate) fn database(&self) -> &Database {
        &self.0.database
    }

    /// Where a command takes effect and what the log says about it.
    pub(crate) fn command_context(&self, meta: EventMeta) -> CommandContext<'_> {
        CommandContext {
            database: &self.0.database,
            vault: &self.0.vault,
            meta,
        }
    }
}

/// The whole API as a tower service.
pub fn router(config: ApiConfig) -> Router {
    let surroundings = ExchangeState::new(&config.help);
    let (documented, _document) = documented_routes().split_for_parts();
    documented
        .merge(unsupported::routes())
        .fallback(unsupported::route_not_found)
        .method_not_allowed_fallback(unsupported::method_not_allowed)
        .with_state(ApiState(Arc::new(config)))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(middleware::from_fn_with_state(surroundings, exchange))
}

/// A handler that panicked answers like any other fault of ours; the panic hook has logged where.
#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
fn answer_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text");
    ApiError::Internal(format!("a handler panicked: {text}").into()).into_response()
}

/// The API's description, OpenAPI 3.1.
pub fn openapi() -> utoipa::openapi::OpenApi {
    documented_routes().split_for_parts().1
}

fn documented_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(description::Description::openapi())
        .merge(accounts::origins::routes())
        .merge(accounts::url_endpoints::routes())
        .merge(named_transformations::routes())
        .merge(dashboard::origin_errors::routes())
        .merge(dashboard::custom_domains::routes())
        .merge(dashboard::changes::routes())
        .merge(operator::tenants::routes())
        .merge(health::routes())
        .merge(problems::routes())
}
