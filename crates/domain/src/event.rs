//! Configuration events: what happened, in the past tense, as stored for ever. Failures are facts of another kind and
//! live in [`crate::failure`].

mod upcast;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::alert_rule::AlertRuleSettings;
use crate::caching::Caching;
use crate::ids::{CommandId, ImagekitId, OriginId, RequestId, StreamVersion};
use crate::key_pair::{KeyHash, PublicKey};
use crate::named_transformation::NamedTransformationSettings;
use crate::origin::OriginSettings;
use crate::purge::PurgeTarget;
use crate::restrictions::Restrictions;
use crate::secret::SecretRef;
use crate::tenant::{TenantLimits, TenantSettings};
use crate::url_endpoint::{CustomDomain, UrlEndpointSettings};
use crate::webhook::{WebhookDisabledReason, WebhookSettings};

/// One change of a tenant's configuration. Never holds a secret in the clear.
///
/// Stored rows hold the payload as JSON beside [`ConfigEvent::kind`] and [`ConfigEvent::schema_version`]. Changing a payload
/// means: a new schema version, an upcaster from the old one, and a golden file that is kept for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    content = "data",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum ConfigEvent {
    /// A tenant came into being.
    TenantCreated {
        /// Its public name.
        imagekit_id: ImagekitId,
        /// Its display name.
        name: String,
        /// Its settings.
        settings: TenantSettings,
    },
    /// A tenant changed settings of its own.
    TenantSettingsChanged {
        /// All of them as they are from then on.
        #[serde(flatten)]
        settings: TenantSettings,
    },
    /// The operator set a tenant's limits, the earlier ones forgotten.
    TenantLimitsSet {
        /// All of them.
        #[serde(flatten)]
        limits: TenantLimits,
    },
    /// The operator had a tenant erased: its names, keys, secrets and settings are gone with this event, everything else soon after.
    TenantErased {},
    /// A pair of API keys was issued.
    KeyPairCreated {
        /// Display name.
        name: String,
        /// The public half.
        public_key: PublicKey,
        /// SHA-256 of the private half, by which requests are authenticated.
        private_key_hash: KeyHash,
        /// The first characters of the private half, to recognise it by.
        private_key_hint: String,
        /// Where the private half is sealed (signed URLs need it in the clear).
        private_key: SecretRef,
    },
    /// A pair of API keys stopped being accepted.
    KeyPairRevoked {},
    /// An origin was added.
    OriginCreated {
        /// Everything that is not secret.
        settings: OriginSettings,
        /// Where its credentials are sealed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        credentials: Option<SecretRef>,
    },
    /// An origin was replaced as a whole, credentials included.
    OriginReplaced {
        /// Everything that is not secret.
        settings: OriginSettings,
        /// Where its credentials are sealed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        credentials: Option<SecretRef>,
    },
    /// An origin was deleted; its credentials were destroyed with it.
    OriginDeleted {},
    /// A URL endpoint was added.
    UrlEndpointCreated {
        /// Whether it is the account's default endpoint, which has no prefix and stays for ever.
        is_default: bool,
        /// What the tenant chose.
        #[serde(flatten)]
        settings: UrlEndpointSettings,
    },
    /// A URL endpoint was replaced as a whole.
    UrlEndpointReplaced {
        /// What the tenant chose.
        #[serde(flatten)]
        settings: UrlEndpointSettings,
    },
    /// An origin was appended to a URL endpoint, because it was the account's first.
    OriginAttached {
        /// The origin.
        origin_id: OriginId,
    },
    /// A URL endpoint was deleted.
    UrlEndpointDeleted {},
    /// The custom domains of a URL endpoint were set, the earlier ones forgotten.
    CustomDomainsSet {
        /// All of them.
        domains: Vec<CustomDomain>,
    },
    /// What URLs of an endpoint may not ask for was set.
    UrlEndpointRestrictionsSet {
        /// All of it.
        #[serde(flatten)]
        restrictions: Restrictions,
    },
    /// How long answers of an endpoint may be answered again was set.
    UrlEndpointCachingSet {
        /// All of it.
        #[serde(flatten)]
        caching: Caching,
    },
    /// A named transformation was added.
    NamedTransformationCreated {
        /// What the tenant chose.
        #[serde(flatten)]
        settings: NamedTransformationSettings,
    },
    /// Fields of a named transformation were changed.
    NamedTransformationChanged {
        /// All of them as they are from then on.
        #[serde(flatten)]
        settings: NamedTransformationSettings,
    },
    /// A named transformation was deleted; its name is free again.
    NamedTransformationDeleted {},
    /// Delivered URLs were to be forgotten by every cache; what is cached of them from before is not given any more.
    CachePurged {
        /// As it was asked for.
        url: String,
        /// What is meant by it.
        #[serde(flatten)]
        target: PurgeTarget,
    },
    /// A rule that says when to alert was added.
    AlertRuleCreated {
        /// What the tenant chose.
        #[serde(flatten)]
        settings: AlertRuleSettings,
    },
    /// An alert rule was replaced as a whole.
    AlertRuleReplaced {
        /// What the tenant chose.
        #[serde(flatten)]
        settings: AlertRuleSettings,
    },
    /// An alert rule was deleted.
    AlertRuleDeleted {},
    /// A receiver of messages was added.
    WebhookCreated {
        /// What the tenant chose.
        #[serde(flatten)]
        settings: WebhookSettings,
        /// The first characters of its signing secret, to recognise it by.
        secret_hint: String,
        /// Where the signing secret is sealed.
        secret: SecretRef,
    },
    /// Fields of a webhook were changed; whatever had disabled it is over when it is enabled by this.
    WebhookChanged {
        /// All of them as they are from then on.
        #[serde(flatten)]
        settings: WebhookSettings,
    },
    /// A webhook's messages are signed by another secret from then on.
    WebhookSecretRotated {
        /// The first characters of the new secret.
        secret_hint: String,
        /// Where the new secret is sealed.
        secret: SecretRef,
    },
    /// A webhook was disabled because of what its receiver answered.
    WebhookDisabled {
        /// Why.
        reason: WebhookDisabledReason,
    },
    /// A webhook was deleted and its secret destroyed.
    WebhookDeleted {},
}

/// Who did it, from where, and as part of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventMeta {
    /// Who.
    pub actor: Actor,
    /// With what: the user agent, or the name of the tool. At most 200 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<String>,
    /// The request it arrived in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<RequestId>,
    /// The command: all events of one command share it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command_id: Option<CommandId>,
    /// The version of the stream that it was meant for; without one it was meant for whichever was there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expected_version: Option<StreamVersion>,
    /// Why, in the words of whoever did it. At most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
}

/// Who gave a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of actor.
    pub kind: ActorKind,
    /// How people recognise it: the public key, a user's name, `limpid tenant create`.
    pub label: String,
}

/// Kinds of [`Actor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A program with an API key of the tenant.
    ApiKey,
    /// Whoever runs the installation.
    Operator,
    /// The program itself (demo data, upgrades).
    System,
}

/// A stored event that this version of the program can't read.
#[derive(Debug, thiserror::Error)]
pub enum EventDecodeError {
    /// Written by a newer version.
    #[error("event kind {kind} version {schema_version} is newer than this program")]
    Newer {
        /// Its kind.
        kind: String,
        /// Its schema version.
        schema_version: i16,
    },
    /// Not what its kind and version promise: the row was damaged, or an upcaster is missing.
    #[error("event kind {kind} version {schema_version} is malformed")]
    Malformed {
        /// Its kind.
        kind: String,
        /// Its schema version.
        schema_version: i16,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl ConfigEvent {
    /// Every kind, for tests that must not forget one.
    pub const KINDS: [&str; 28] = [
        "tenant_created",
        "tenant_settings_changed",
        "tenant_limits_set",
        "key_pair_created",
        "key_pair_revoked",
        "origin_created",
        "origin_replaced",
        "origin_deleted",
        "url_endpoint_created",
        "url_endpoint_replaced",
        "origin_attached",
        "url_endpoint_deleted",
        "custom_domains_set",
        "url_endpoint_restrictions_set",
        "named_transformation_created",
        "named_transformation_changed",
        "named_transformation_deleted",
        "cache_purged",
        "url_endpoint_caching_set",
        "alert_rule_created",
        "alert_rule_replaced",
        "alert_rule_deleted",
        "webhook_created",
        "webhook_changed",
        "webhook_secret_rotated",
        "webhook_disabled",
        "webhook_deleted",
        "tenant_erased",
    ];

    /// Its name in storage.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TenantCreated { .. } => "tenant_created",
            Self::TenantSettingsChanged { .. } => "tenant_settings_changed",
            Self::TenantLimitsSet { .. } => "tenant_limits_set",
            Self::TenantErased {} => "tenant_erased",
            Self::KeyPairCreated { .. } => "key_pair_created",
            Self::KeyPairRevoked {} => "key_pair_revoked",
            Self::OriginCreated { .. } => "origin_created",
            Self::OriginReplaced { .. } => "origin_replaced",
            Self::OriginDeleted {} => "origin_deleted",
            Self::UrlEndpointCreated { .. } => "url_endpoint_created",
            Self::UrlEndpointReplaced { .. } => "url_endpoint_replaced",
            Self::OriginAttached { .. } => "origin_attached",
            Self::UrlEndpointDeleted {} => "url_endpoint_deleted",
            Self::CustomDomainsSet { .. } => "custom_domains_set",
            Self::UrlEndpointRestrictionsSet { .. } => "url_endpoint_restrictions_set",
            Self::UrlEndpointCachingSet { .. } => "url_endpoint_caching_set",
            Self::NamedTransformationCreated { .. } => "named_transformation_created",
            Self::NamedTransformationChanged { .. } => "named_transformation_changed",
            Self::NamedTransformationDeleted {} => "named_transformation_deleted",
            Self::CachePurged { .. } => "cache_purged",
            Self::AlertRuleCreated { .. } => "alert_rule_created",
            Self::AlertRuleReplaced { .. } => "alert_rule_replaced",
            Self::AlertRuleDeleted {} => "alert_rule_deleted",
            Self::WebhookCreated { .. } => "webhook_created",
            Self::WebhookChanged { .. } => "webhook_changed",
            Self::WebhookSecretRotated { .. } => "webhook_secret_rotated",
            Self::WebhookDisabled { .. } => "webhook_disabled",
            Self::WebhookDeleted {} => "webhook_deleted",
        }
    }

    /// The kind of the stream it belongs to.
    pub fn stream_kind(&self) -> StreamKind {
        match self {
            Self::TenantCreated { .. }
            | Self::TenantSettingsChanged { .. }
            | Self::TenantLimitsSet { .. }
            | Self::TenantErased {} => StreamKind::Tenant,
            Self::KeyPairCreated { .. } | Self::KeyPairRevoked {} => StreamKind::KeyPair,
            Self::OriginCreated { .. } | Self::OriginReplaced { .. } | Self::OriginDeleted {} => {
                StreamKind::Origin
            }
            Self::UrlEndpointCreated { .. }
            | Self::UrlEndpointReplaced { .. }
            | Self::OriginAttached { .. }
            | Self::UrlEndpointDeleted {}
            | Self::CustomDomainsSet { .. }
            | Self::UrlEndpointRestrictionsSet { .. }
            | Self::UrlEndpointCachingSet { .. } => StreamKind::UrlEndpoint,
            Self::NamedTransformationCreated { .. }
            | Self::NamedTransformationChanged { .. }
            | Self::NamedTransformationDeleted {} => StreamKind::NamedTransformation,
            Self::CachePurged { .. } => StreamKind::Purge,
            Self::AlertRuleCreated { .. }
            | Self::AlertRuleReplaced { .. }
            | Self::AlertRuleDeleted {} => StreamKind::AlertRule,
            Self::WebhookCreated { .. }
            | Self::WebhookChanged { .. }
            | Self::WebhookSecretRotated { .. }
            | Self::WebhookDisabled { .. }
            | Self::WebhookDeleted {} => StreamKind::Webhook,
        }
    }

    /// The payload version written today.
    pub fn schema_version(&self) -> i16 {
        upcast::current_version(self.kind())
    }

    /// The payload as stored.
    pub fn to_data(&self) -> Value {
        let tagged = serde_json::to_value(self).expect("payloads have text keys only");
        match tagged {
            Value::Object(mut fields) => fields.remove("data").unwrap_or_default(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Value::Null,
        }
    }

    /// Reads a stored payload of any version ever written.
    ///
    /// Errors: [`EventDecodeError`].
    pub fn from_stored(
        kind: &str,
        schema_version: i16,
        data: Value,
    ) -> Result<Self, EventDecodeError> {
        let data = upcast::to_current(kind, schema_version, data)?;
        serde_json::from_value(json!({ "kind": kind, "data": data })).map_err(|source| {
            EventDecodeError::Malformed {
                kind: kind.to_owned(),
                schema_version,
                source,
            }
        })
    }
}

/// What a stream is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// The tenant itself.
    Tenant,
    /// A pair of API keys.
    KeyPair,
    /// An origin.
    Origin,
    /// A URL endpoint, with its custom domains.
    UrlEndpoint,
    /// A named transformation.
    NamedTransformation,
    /// One purge.
    Purge,
    /// A rule that says when to alert.
    AlertRule,
    /// A receiver of messages.
    Webhook,
}

impl StreamKind {
    /// Its name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::KeyPair => "key_pair",
            Self::Origin => "origin",
            Self::UrlEndpoint => "url_endpoint",
            Self::NamedTransformation => "named_transformation",
            Self::Purge => "purge",
            Self::AlertRule => "alert_rule",
            Self::Webhook => "webhook",
        }
    }
}
