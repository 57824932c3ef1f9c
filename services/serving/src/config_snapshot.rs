//! The configuration as requests see it: immutable, in memory, swapped as a whole.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use limpid_delivery_url::{Rewriter, Transformation};
use limpid_domain::caching::Caching;
use limpid_domain::failure::DetailLevel;
use limpid_domain::ids::{
    ImagekitId, OriginId, OriginNo, StreamVersion, TenantId, TenantSeq, UrlEndpointId,
    UrlEndpointNo,
};
use limpid_domain::named_transformation::NamedTransformationSettings;
use limpid_domain::origin::{OriginCredentials, OriginSettings};
use limpid_domain::purge::PurgeTarget;
use limpid_domain::restrictions::Restrictions;
use limpid_domain::tenant::{TenantLifecycle, TenantLimits, TenantSettings};
use limpid_domain::url_endpoint::UrlRewriter;
use limpid_imaging::{ImageSettings, Limits};
use limpid_origins::OriginAccess;
use secrecy::SecretString;

use crate::config::RequestLimits;

use purges::{Meaning, Purges};

pub(crate) mod build;
pub(crate) mod disk;
pub(crate) mod purges;
pub(crate) mod reconciler;

/// Every account and custom domain.
#[derive(Debug, Default)]
pub(crate) struct ConfigSnapshot {
    accounts: HashMap<String, Arc<Account>>,
    domains: HashMap<String, Domain>,
}

/// One account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) tenant_id: TenantId,
    pub(crate) imagekit_id: ImagekitId,
    pub(crate) config_version: TenantSeq,
    pub(crate) lifecycle: TenantLifecycle,
    pub(crate) settings: TenantSettings,
    /// Where they differ from the node's.
    pub(crate) limits: TenantLimits,
    /// The same settings as the imaging engine takes them.
    pub(crate) image_settings: ImageSettings,
    /// Private keys that sign URLs.
    pub(crate) private_keys: Vec<SecretString>,
    /// Every origin, attached or not.
    pub(crate) origins: Vec<Arc<Origin>>,
    /// By prefix; the default endpoint's is empty.
    pub(crate) endpoints: HashMap<String, Arc<Endpoint>>,
    /// Custom domains, each with the prefix of the endpoint it is bound to; none for an alias of the account.
    pub(crate) domains: Vec<(String, Option<String>)>,
    /// As stored, disabled ones included.
    pub(crate) named_transformations: Vec<NamedTransformationSettings>,
    /// What names in URLs stand for: the enabled ones, parsed.
    pub(crate) named: HashMap<String, Transformation>,
    /// What it purged since this node knows it.
    pub(crate) purges: Purges,
}

/// One URL endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) no: UrlEndpointNo,
    pub(crate) id: UrlEndpointId,
    pub(crate) version: StreamVersion,
    pub(crate) prefix: String,
    pub(crate) description: String,
    pub(crate) is_default: bool,
    pub(crate) detail_level: DetailLevel,
    /// Its own; the account's hold as well.
    pub(crate) restrictions: Restrictions,
    /// How long its answers may be answered again.
    pub(crate) caching: Caching,
    /// Whose URLs it understands besides our own.
    pub(crate) url_rewriter: Option<UrlRewriter>,
    /// In the order they are asked.
    pub(crate) origins: Vec<Arc<Origin>>,
    pub(crate) revision: Arc<Revision>,
}

/// One origin.
pub(crate) struct Origin {
    pub(crate) no: OriginNo,
    pub(crate) id: OriginId,
    pub(crate) version: StreamVersion,
    pub(crate) settings: OriginSettings,
    pub(crate) credentials: OriginCredentials,
}

/// What decides over the bytes of an endpoint's variants: a change makes older ones unreachable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Revision {
    pub(crate) endpoint: (UrlEndpointNo, StreamVersion),
    pub(crate) origins: Vec<(OriginNo, StreamVersion)>,
    pub(crate) image_settings: ImageSettings,
    pub(crate) limits: TenantLimits,
}

/// A custom domain.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    pub(crate) account: Arc<Account>,
    /// Prefix of the endpoint it is bound to; none for an alias of the account.
    pub(crate) endpoint_prefix: Option<String>,
}

impl ConfigSnapshot {
    /// A snapshot of these accounts.
    pub(crate) fn new(accounts: impl IntoIterator<Item = Arc<Account>>) -> Self {
        let mut snapshot = Self::default();
        for account in accounts {
            for (name, endpoint_prefix) in &account.domains {
                let domain = Domain {
                    account: Arc::clone(&account),
                    endpoint_prefix: endpoint_prefix.clone(),
                };
                snapshot.domains.insert(name.to_ascii_lowercase(), domain);
            }
            let name = account.imagekit_id.as_str().to_owned();
            snapshot.accounts.insert(name, account);
        }
        snapshot
    }

    /// The account with this name.
    pub(crate) fn account(&self, imagekit_id: &str) -> Option<&Arc<Account>> {
        self.accounts.get(imagekit_id)
    }

    /// The custom domain with this host name, in lower case.
    pub(crate) fn domain(&self, host: &str) -> Option<&Domain> {
        self.domains.get(host)
    }

    /// Every account, in no order.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts.values()
    }
}

impl Account {
    /// Whether its images are delivered at all.
    pub(crate) fn delivers(&self) -> bool {
        self.lifecycle == TenantLifecycle::Active
    }

    /// The endpoint with this prefix, else the default one.
    pub(crate) fn endpoint(&self, prefix: &str) -> Option<&Arc<Endpoint>> {
        self.endpoints
            .get(prefix)
            .or_else(|| self.endpoints.get(""))
    }

    /// Its own limits, else the node's.
    pub(crate) fn limits_within(&self, node: &RequestLimits) -> Limits {
        let own = self.limits;
        Limits {
            max_source_bytes: own.max_source_bytes.unwrap_or(node.max_source_bytes),
            max_pixels: own.max_pixels.unwrap_or(node.max_pixels),
            max_frame_pixels: own.max_frame_pixels.unwrap_or(node.max_frame_pixels),
        }
    }

    /// The same account after it purged these, which it did after what `earlier` knows of.
    pub(crate) fn purged(mut self, earlier: &Purges, newer: &[(TenantSeq, PurgeTarget)]) -> Self {
        let newer = newer.iter();
        let meant = newer.map(|(number, purged)| (*number, Meaning::of(purged, &self)));
        self.purges = earlier.and(meant);
        self
    }

    /// What URLs of `endpoint` may not ask for.
    pub(crate) fn restrictions_of(&self, endpoint: &Endpoint) -> Restrictions {
        self.settings.restrictions.and(endpoint.restrictions)
    }
}

impl Endpoint {
    /// Whose URLs it understands besides our own, as the translator knows them.
    pub(crate) fn rewriter(&self) -> Option<Rewriter> {
        Some(match self.url_rewriter? {
            UrlRewriter::Cloudinary {
                preserve_asset_delivery_types,
            } => Rewriter::Cloudinary {
                preserve_asset_delivery_types,
            },
            UrlRewriter::Imgix => Rewriter::Imgix,
            UrlRewriter::Akamai => Rewriter::Akamai,
        })
    }

    /// The id as the management API shows it.
    pub(crate) fn public_id(&self) -> String {
        if self.is_default {
            return "default".to_owned();
        }
        self.id.to_string()
    }
}

impl Origin {
    /// What the fetcher needs to know about it.
    pub(crate) fn access(&self, tenant_id: TenantId) -> OriginAccess<'_> {
        OriginAccess {
            tenant_id,
            origin_id: self.id,
            version: self.version,
            settings: &self.settings,
            credentials: &self.credentials,
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("no", &self.no)
            .field("id", &self.id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
