//! Every route, and the OpenAPI document made of the same list.

use std::any::Any;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::ApiConfig;
use crate::error::ApiError;
use crate::exchange::{ExchangeState, exchange};
use crate::routes::{health, unsupported};

/// What every handler may use. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ApiState(Arc<ApiConfig>);

impl ApiState {
    /// The configuration the service was started with.
    pub(crate) fn config(&self) -> &ApiConfig {
        &self.0
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
    OpenApiRouter::with_openapi(Document::openapi()).routes(routes!(health::livez))
}

#[derive(OpenApi)]
#[openapi(info(
    title = "Limpid dashboard API",
    description = "Origins, URL endpoints and why images failed."
))]
struct Document;
