//! URL endpoints in the OpenAPI document. Requests are read by `limpid_domain::url_endpoint`, whose sentences are
//! ImageKit's; these types only describe them.

#![expect(dead_code, reason = "described, never built")]

use utoipa::ToSchema;
use uuid::Uuid;

/// A URL endpoint as it is sent.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct UrlEndpointRequest {
    /// What it is for.
    #[schema(min_length = 1, max_length = 1000)]
    description: String,
    /// The path segment that selects it; empty for the default endpoint only.
    #[schema(max_length = 100, default = "")]
    url_prefix: Option<String>,
    /// Where to look for originals, in this order.
    #[schema(max_items = 10)]
    origins: Option<Vec<Uuid>>,
    /// Whose URLs it understands besides ImageKit's.
    url_rewriter: Option<UrlRewriter>,
}

/// A URL endpoint as it is answered.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct UrlEndpointResponse {
    /// An id, or `default`.
    #[schema(example = "default")]
    id: String,
    /// What it is for.
    description: String,
    /// The path segment that selects it; empty for the default endpoint only.
    url_prefix: String,
    /// Where originals are looked for, in this order.
    origins: Vec<Uuid>,
    /// Whose URLs it understands besides ImageKit's.
    #[schema(nullable = false)]
    url_rewriter: Option<UrlRewriter>,
}

/// Whose URLs an endpoint understands.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(tag = "type")]
enum UrlRewriter {
    /// Cloudinary's.
    #[schema(rename_all = "camelCase")]
    Cloudinary {
        /// Keep asset and delivery type in the origin path.
        #[schema(default = false)]
        preserve_asset_delivery_types: Option<bool>,
    },
    /// Imgix's.
    Imgix,
    /// Akamai's.
    Akamai,
}
