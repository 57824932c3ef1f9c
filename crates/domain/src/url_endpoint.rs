//! URL endpoints: a prefix under the account, and the origins behind it, in order.

mod decide;
mod domain_name;
mod draft;

use serde::{Deserialize, Serialize};

use crate::ids::{OriginId, UrlEndpointId};

pub use decide::{UrlEndpointCommand, UrlEndpointContext, UrlEndpointState, decide, evolve};
pub use domain_name::{CustomDomain, InvalidCustomDomain};
pub use draft::{MAX_CUSTOM_DOMAINS, UrlEndpointDraft, parse_custom_domains};

/// Most origins of one endpoint. Source: `imagekit.md` 4.3.
pub const MAX_ORIGINS: usize = 10;

/// What the management API calls the default endpoint, whatever its real id.
pub const DEFAULT_ENDPOINT_NAME: &str = "default";

/// How the management API addresses a URL endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlEndpointName {
    /// `default`.
    Default,
    /// Any by its id.
    Id(UrlEndpointId),
}

impl UrlEndpointName {
    /// Reads the last segment of `/v1/accounts/url-endpoints/{id}`; `None` for what names no endpoint of anybody.
    pub fn parse(text: &str) -> Option<Self> {
        if text == DEFAULT_ENDPOINT_NAME {
            return Some(Self::Default);
        }
        text.parse().ok().map(Self::Id)
    }
}

/// Everything about a URL endpoint that its tenant chooses. Serialises as the management API shows it, without the id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UrlEndpointSettings {
    /// What it is for, 1 to 1000 characters.
    pub description: String,
    /// The path segment that selects it; empty for the default endpoint only.
    pub url_prefix: String,
    /// Where to look for originals, in this order; at most [`MAX_ORIGINS`].
    pub origins: Vec<OriginId>,
    /// Whether URLs are written in another service's way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub url_rewriter: Option<UrlRewriter>,
}

/// Whose URLs an endpoint understands besides our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase"
)]
pub enum UrlRewriter {
    /// Cloudinary's.
    Cloudinary {
        /// Keep `<asset_type>/<delivery_type>` in the origin path.
        preserve_asset_delivery_types: bool,
    },
    /// Imgix's.
    Imgix,
    /// Akamai's.
    Akamai,
}
