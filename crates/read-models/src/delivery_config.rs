//! The configuration in force: what serving delivers by and the management API shows.
//!
//! Tables `tenant`, `key_pair`, `origin`, `url_endpoint`, `custom_domain`, `named_transformation`, `alert_rule`, `webhook`. Updated by [`apply`] in the transaction that appends the
//! events, so nobody ever sees half a change. Deleted origins and endpoints stay, marked, because old failures name them.

mod apply;
mod load;
mod lookup;
mod named_transformations;
mod notifications;
mod rebuild;
mod replica;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use limpid_domain::caching::Caching;
use limpid_domain::ids::{
    ImagekitId, KeyPairId, NamedTransformationId, OriginId, OriginNo, StreamVersion, TenantId,
    TenantSeq, UrlEndpointId, UrlEndpointNo,
};
use limpid_domain::key_pair::PublicKey;
use limpid_domain::named_transformation::NamedTransformationSettings;
use limpid_domain::origin::{OriginCredentials, OriginSettings};
use limpid_domain::restrictions::Restrictions;
use limpid_domain::tenant::{TenantLifecycle, TenantLimits, TenantSettings};
use limpid_domain::url_endpoint::{CustomDomain, UrlEndpointSettings};
use secrecy::SecretString;

pub use apply::apply;
pub use load::{changed_since, load_all, load_tenant};
pub use lookup::{
    DomainUse, KeyPairOwner, custom_domains, endpoints_using, find_by_private_key,
    imagekit_id_is_taken, key_pair, key_pairs, origin, origins, tenant, tenant_by_imagekit_id,
    tenants, url_endpoint, url_endpoints,
};
pub use named_transformations::{named_transformation, named_transformations};
pub use notifications::{
    AlertRuleConfig, WebhookConfig, alert_rule, alert_rules, webhook, webhooks,
};
pub use rebuild::{Drift, rebuild, verify};
pub use replica::follow;

/// Everything serving knows about one tenant, at one moment.
#[derive(Debug, Clone)]
pub struct TenantConfig {
    /// Whose.
    pub tenant_id: TenantId,
    /// First path segment of its URLs.
    pub imagekit_id: ImagekitId,
    /// Whether it is served.
    pub lifecycle: TenantLifecycle,
    /// The newest event applied.
    pub config_version: TenantSeq,
    /// What it tuned.
    pub settings: TenantSettings,
    /// What the operator set for it.
    pub limits: TenantLimits,
    /// Its key pairs in force, oldest first. Signed URLs are checked against each.
    pub key_pairs: Vec<KeyPairConfig>,
    /// Its URL endpoints, oldest first, without deleted ones.
    pub endpoints: Vec<UrlEndpointConfig>,
    /// Its origins, without deleted ones.
    pub origins: HashMap<OriginId, OriginConfig>,
    /// Its custom domains and the endpoint each is bound to.
    pub custom_domains: HashMap<CustomDomain, UrlEndpointId>,
    /// Its named transformations, oldest first, disabled ones included.
    pub named_transformations: Vec<NamedTransformationConfig>,
}

impl TenantConfig {
    /// The endpoint without prefix, that every account has.
    pub fn default_endpoint(&self) -> Option<&UrlEndpointConfig> {
        self.endpoints.iter().find(|endpoint| endpoint.is_default)
    }

    /// The origins of an endpoint, in the order in which they are asked.
    pub fn origins_of<'a>(
        &'a self,
        endpoint: &'a UrlEndpointConfig,
    ) -> impl Iterator<Item = &'a OriginConfig> {
        endpoint
            .settings
            .origins
            .iter()
            .filter_map(|id| self.origins.get(id))
    }
}

/// A key pair, with the private half opened.
#[derive(Debug, Clone)]
pub struct KeyPairConfig {
    /// Its id.
    pub id: KeyPairId,
    /// Its public half.
    pub public_key: PublicKey,
    /// Its private half.
    pub private_key: SecretString,
}

/// A URL endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlEndpointConfig {
    /// Its number in fact tables.
    pub no: UrlEndpointNo,
    /// Its id.
    pub id: UrlEndpointId,
    /// Its own version.
    pub version: StreamVersion,
    /// Whether it is the account's default endpoint.
    pub is_default: bool,
    /// What the tenant chose.
    pub settings: UrlEndpointSettings,
    /// What its URLs may not ask for, beside the account's own.
    pub restrictions: Restrictions,
    /// How long its answers may be answered again.
    pub caching: Caching,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Deleted endpoints are only seen by those who ask for history.
    pub deleted: bool,
}

impl UrlEndpointConfig {
    /// Its id as the management API shows it.
    pub fn api_id(&self) -> String {
        if self.is_default {
            limpid_domain::url_endpoint::DEFAULT_ENDPOINT_NAME.to_owned()
        } else {
            self.id.to_string()
        }
    }
}

/// A named transformation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTransformationConfig {
    /// Its id.
    pub id: NamedTransformationId,
    /// Its own version.
    pub version: StreamVersion,
    /// What the tenant chose.
    pub settings: NamedTransformationSettings,
    /// When it came into being.
    pub created_at: DateTime<Utc>,
}

/// An origin, with its credentials opened.
#[derive(Debug, Clone)]
pub struct OriginConfig {
    /// Its number in fact tables.
    pub no: OriginNo,
    /// Its id.
    pub id: OriginId,
    /// Its own version.
    pub version: StreamVersion,
    /// What is not secret.
    pub settings: OriginSettings,
    /// What is.
    pub credentials: OriginCredentials,
}

/// An origin as the management API shows it: nothing secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginView {
    /// Its number in fact tables.
    pub no: OriginNo,
    /// Its id.
    pub id: OriginId,
    /// Its own version.
    pub version: StreamVersion,
    /// What is not secret.
    pub settings: OriginSettings,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Deleted origins are only seen by those who ask for history.
    pub deleted: bool,
}

/// A tenant as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantView {
    /// Its number inside the system.
    pub tenant_id: TenantId,
    /// Its public name.
    pub imagekit_id: ImagekitId,
    /// Its display name.
    pub name: String,
    /// Whether it is served.
    pub lifecycle: TenantLifecycle,
    /// Its own version: of settings and limits.
    pub version: StreamVersion,
    /// What it tuned.
    pub settings: TenantSettings,
    /// What the operator set for it.
    pub limits: TenantLimits,
    /// When it came into being.
    pub created_at: DateTime<Utc>,
}

/// A key pair as the management API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPairView {
    /// Its id.
    pub id: KeyPairId,
    /// Its display name.
    pub name: String,
    /// Its public half.
    pub public_key: PublicKey,
    /// The first characters of its private half.
    pub private_key_hint: String,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// When it stopped being accepted.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Which of the two copies of the projection a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// What is in force.
    Live,
    /// Built aside by a rebuild, seen by nobody else.
    Shadow,
}

impl Generation {
    fn number(self) -> i16 {
        match self {
            Self::Live => 0,
            Self::Shadow => 1,
        }
    }
}
