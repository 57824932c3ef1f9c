//! A tenant, by its private key.

use axum::extract::FromRequestParts;
use http::request::Parts;
use limpid_delivery_url::signature::{NEVER, sign};
use limpid_domain::event::{Actor, ActorKind, EventMeta};
use limpid_domain::ids::{ImagekitId, KeyPairId, TenantId};
use limpid_domain::key_pair::{PrivateKey, PublicKey};
use limpid_domain::tenant::TenantLifecycle;
use limpid_read_models::delivery_config::{KeyPairOwner, find_by_private_key};
use secrecy::{ExposeSecret, SecretString};
use tracing::Span;

use super::basic;
use crate::error::ApiError;
use crate::exchange::Exchange;
use crate::router::ApiState;

/// Proof that the request carries a valid private key of this tenant. Whose data a request may touch is known from here
/// and from nowhere else.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    /// Whose key it is.
    pub(crate) id: TenantId,
    /// Which of its key pairs.
    pub(crate) key_pair_id: KeyPairId,
    /// Its public name, the first piece of its URLs.
    pub(crate) imagekit_id: ImagekitId,
    /// The key itself: what it may sign.
    private_key: SecretString,
    public_key: PublicKey,
    exchange: Option<Exchange>,
}

impl Tenant {
    /// The signature of a delivery URL's path and query, without the endpoint before it, that never expires.
    pub(crate) fn sign(&self, path_and_query: &str) -> String {
        sign(self.private_key.expose_secret(), path_and_query, NEVER)
    }

    /// What a configuration event says about who made it.
    pub(crate) fn event_meta(&self) -> EventMeta {
        let (request_id, source) = match &self.exchange {
            Some(exchange) => (Some(exchange.request_id), exchange.source.clone()),
            None => (None, None),
        };
        EventMeta {
            actor: Actor {
                kind: ActorKind::ApiKey,
                label: self.public_key.to_string(),
            },
            source,
            request_id,
            command_id: None,
            expected_version: None,
            note: None,
        }
    }
}

impl FromRequestParts<ApiState> for Tenant {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Self, Self::Rejection> {
        // Found by whoever looked at this very request before.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let text = basic::private_key(&parts.headers).ok_or(ApiError::PrivateKeyMissing)?;
        // The check sum tells a typing error without a look-up; the answer is the same.
        let key: PrivateKey = text
            .expose_secret()
            .parse()
            .map_err(|_malformed| ApiError::PrivateKeyUnknown)?;
        // Found by the hash of 256 random bits: how long the index takes tells nothing about any key.
        let owner = find_by_private_key(state.database(), key.hash())
            .await?
            .ok_or(ApiError::PrivateKeyUnknown)?;
        refuse_unusable(&owner)?;
        Span::current().record("tenant", owner.imagekit_id.as_str());
        Ok(Self {
            id: owner.tenant_id,
            key_pair_id: owner.key_pair_id,
            imagekit_id: owner.imagekit_id,
            private_key: text,
            public_key: owner.public_key,
            exchange: parts.extensions.get::<Exchange>().cloned(),
        })
    }
}

fn refuse_unusable(owner: &KeyPairOwner) -> Result<(), ApiError> {
    if owner.revoked {
        return Err(ApiError::PrivateKeyExpired);
    }
    match owner.lifecycle {
        TenantLifecycle::Active => Ok(()),
        TenantLifecycle::Disabled => Err(ApiError::AccountDisabled),
        TenantLifecycle::Erased => Err(ApiError::PrivateKeyUnknown),
    }
}
