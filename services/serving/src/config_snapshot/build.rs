//! From a tenant's configuration, as the read model or the disk gives it, to the form requests are answered from.

use std::collections::HashMap;
use std::sync::Arc;

use limpid_delivery_url::{Transformation, transformation};
use limpid_domain::caching::Caching;
use limpid_domain::failure::DetailLevel;
use limpid_domain::ids::{
    ImagekitId, OriginId, StreamVersion, TenantId, TenantSeq, UrlEndpointId, UrlEndpointNo,
};
use limpid_domain::named_transformation::NamedTransformationSettings;
use limpid_domain::origin::OriginKind;
use limpid_domain::restrictions::Restrictions;
use limpid_domain::tenant::{TenantLifecycle, TenantLimits, TenantSettings};
use limpid_domain::url_endpoint::UrlRewriter;
use limpid_imaging::ImageSettings;
use limpid_read_models::delivery_config::{OriginConfig, TenantConfig, UrlEndpointConfig};
use secrecy::SecretString;

use super::purges::Purges;
use super::{Account, Endpoint, Origin, Revision};

/// What an account is assembled from.
#[derive(Debug)]
pub(crate) struct AccountParts {
    pub(crate) tenant_id: TenantId,
    pub(crate) imagekit_id: ImagekitId,
    pub(crate) config_version: TenantSeq,
    pub(crate) lifecycle: TenantLifecycle,
    pub(crate) settings: TenantSettings,
    pub(crate) limits: TenantLimits,
    pub(crate) private_keys: Vec<SecretString>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) endpoints: Vec<EndpointParts>,
    /// Custom domains and the endpoint each is bound to.
    pub(crate) domains: Vec<(String, UrlEndpointId)>,
    pub(crate) named_transformations: Vec<NamedTransformationSettings>,
}

/// What an endpoint is assembled from.
#[derive(Debug)]
pub(crate) struct EndpointParts {
    pub(crate) no: UrlEndpointNo,
    pub(crate) id: UrlEndpointId,
    pub(crate) version: StreamVersion,
    pub(crate) is_default: bool,
    pub(crate) prefix: String,
    pub(crate) description: String,
    pub(crate) url_rewriter: Option<UrlRewriter>,
    pub(crate) restrictions: Restrictions,
    pub(crate) caching: Caching,
    pub(crate) origins: Vec<OriginId>,
}

impl From<TenantConfig> for AccountParts {
    fn from(config: TenantConfig) -> Self {
        let keys = config.key_pairs.into_iter();
        let domains = config.custom_domains.iter();
        let named = config.named_transformations.into_iter();
        Self {
            tenant_id: config.tenant_id,
            imagekit_id: config.imagekit_id,
            config_version: config.config_version,
            lifecycle: config.lifecycle,
            settings: config.settings,
            limits: config.limits,
            private_keys: keys.map(|key| key.private_key).collect(),
            origins: config.origins.into_values().map(Origin::from).collect(),
            endpoints: config
                .endpoints
                .into_iter()
                .map(EndpointParts::from)
                .collect(),
            domains: domains.map(|(name, id)| (name.to_string(), *id)).collect(),
            named_transformations: named.map(|named| named.settings).collect(),
        }
    }
}

impl From<OriginConfig> for Origin {
    fn from(config: OriginConfig) -> Self {
        Self {
            no: config.no,
            id: config.id,
            version: config.version,
            settings: config.settings,
            credentials: config.credentials,
        }
    }
}

impl From<UrlEndpointConfig> for EndpointParts {
    fn from(config: UrlEndpointConfig) -> Self {
        Self {
            no: config.no,
            id: config.id,
            version: config.version,
            is_default: config.is_default,
            prefix: config.settings.url_prefix,
            description: config.settings.description,
            url_rewriter: config.settings.url_rewriter,
            restrictions: config.restrictions,
            caching: config.caching,
            origins: config.settings.origins,
        }
    }
}

impl From<AccountParts> for Account {
    fn from(parts: AccountParts) -> Self {
        let image_settings = ImageSettings {
            default_quality: parts.settings.default_quality,
            auto_format: parts.settings.auto_format,
            auto_avif: parts.settings.auto_avif,
        };
        let origins: HashMap<OriginId, Arc<Origin>> = parts
            .origins
            .into_iter()
            .map(|origin| (origin.id, Arc::new(origin)))
            .collect();
        let bound = bound_domains(&parts.domains, &parts.endpoints);
        let endpoints = parts.endpoints.into_iter().map(|endpoint| {
            let prefix = endpoint.prefix.clone();
            let decides = (image_settings, parts.limits.of_pictures());
            (prefix, Arc::new(assemble(endpoint, &origins, decides)))
        });
        Self {
            tenant_id: parts.tenant_id,
            imagekit_id: parts.imagekit_id,
            config_version: parts.config_version,
            lifecycle: parts.lifecycle,
            settings: parts.settings,
            limits: parts.limits,
            image_settings,
            private_keys: parts.private_keys,
            endpoints: endpoints.collect(),
            origins: origins.into_values().collect(),
            domains: bound,
            named: usable(&parts.named_transformations),
            purges: Purges::default(),
            named_transformations: parts.named_transformations,
        }
    }
}

/// The enabled ones, parsed. One that an older program let in and that is none is as good as unknown.
fn usable(stored: &[NamedTransformationSettings]) -> HashMap<String, Transformation> {
    let enabled = stored.iter().filter(|named| named.enabled);
    let parsed = enabled.filter_map(|named| match transformation::parse(&named.transformation) {
        Ok(transformation) => Some((named.name.clone(), transformation)),
        Err(error) => {
            tracing::warn!(
                name = named.name,
                "a named transformation can't be used: {error}"
            );
            None
        }
    });
    parsed.collect()
}

/// A domain bound to the default endpoint stands for the account; bound to another one, for that endpoint alone.
fn bound_domains(
    domains: &[(String, UrlEndpointId)],
    endpoints: &[EndpointParts],
) -> Vec<(String, Option<String>)> {
    let bound = domains.iter().filter_map(|(name, id)| {
        let endpoint = endpoints.iter().find(|endpoint| endpoint.id == *id)?;
        let prefix = (!endpoint.is_default).then(|| endpoint.prefix.clone());
        Some((name.clone(), prefix))
    });
    bound.collect()
}

fn assemble(
    parts: EndpointParts,
    all: &HashMap<OriginId, Arc<Origin>>,
    (image_settings, limits): (ImageSettings, TenantLimits),
) -> Endpoint {
    let attached = parts.origins.iter().filter_map(|id| all.get(id));
    let origins: Vec<Arc<Origin>> = attached.map(Arc::clone).collect();
    let has_proxy = origins
        .iter()
        .any(|origin| origin.settings.location.kind() == OriginKind::WebProxy);
    let revision = Revision {
        endpoint: (parts.no, parts.version),
        origins: origins
            .iter()
            .map(|origin| (origin.no, origin.version))
            .collect(),
        image_settings,
        limits,
    };
    Endpoint {
        no: parts.no,
        id: parts.id,
        version: parts.version,
        prefix: parts.prefix,
        description: parts.description,
        is_default: parts.is_default,
        // Nobody shall scan networks through a web proxy by reading what exactly went wrong.
        detail_level: if has_proxy {
            DetailLevel::Code
        } else {
            DetailLevel::Reason
        },
        url_rewriter: parts.url_rewriter,
        restrictions: parts.restrictions,
        caching: parts.caching,
        origins,
        revision: Arc::new(revision),
    }
}
