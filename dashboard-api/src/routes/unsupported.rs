//! What is not there: unknown addresses, wrong methods, and the calls of ImageKit's SDKs that need a media library.

use axum::Router;
use axum::routing::any;

use crate::error::ApiError;
use crate::router::ApiState;

/// Calls of ImageKit's SDKs that have no counterpart here: media library, uploads, extensions, and what is still to come.
///
/// Source: the resources of `@imagekit/nodejs` 7.11 and `imagekitio` 5.11.
const UNSUPPORTED: [&str; 10] = [
    "/api/{*rest}",
    "/v1/bulkJobs/{*rest}",
    "/v1/customMetadataFields",
    "/v1/customMetadataFields/{*rest}",
    "/v1/files",
    "/v1/files/{*rest}",
    "/v1/folder",
    "/v1/metadata",
    "/v1/saved-extensions",
    "/v1/saved-extensions/{*rest}",
];

/// Routes that politely refuse.
pub(crate) fn routes() -> Router<ApiState> {
    UNSUPPORTED.into_iter().fold(Router::new(), |router, path| {
        router.route(path, any(not_supported))
    })
}

async fn not_supported() -> ApiError {
    ApiError::NotSupported
}

/// Fallback for addresses nothing answers at.
pub(crate) async fn route_not_found() -> ApiError {
    ApiError::RouteNotFound
}

/// Fallback for methods a route does not have; the router adds `Allow`.
pub(crate) async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}
