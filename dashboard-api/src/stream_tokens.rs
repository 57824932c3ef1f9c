//! Tokens that open one stream. A browser's `EventSource` cannot send a header, and a private key must not stand in a URL: whoever has the key
//! gets a token that is good for a minute, once, and for reading a stream only. Source: `dashboard.md` 2.4.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::ids::{KeyPairId, StreamTokenId, TenantId};
use limpid_event_store::vault::{Vault, VaultError};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// How long a token is good for.
pub(crate) const LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// Longest text that is looked at; a token is about 350 characters.
const MAX_TOKEN_CHARS: usize = 1_000;

const PURPOSE: &str = "stream token";

/// What a token says, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StreamToken {
    /// Whose stream.
    pub(crate) tenant_id: TenantId,
    /// The key pair that asked for it: revoked, it opens nothing.
    pub(crate) key_pair_id: KeyPairId,
    expires_at: DateTime<Utc>,
    id: StreamTokenId,
}

/// The tokens that were used and could be tried again. This process's: with several dashboards a token may open one stream at each.
#[derive(Debug, Clone, Default)]
pub(crate) struct UsedTokens(Arc<Mutex<HashMap<StreamTokenId, DateTime<Utc>>>>);

impl StreamToken {
    /// A fresh one, with the moment from which on it is worth nothing.
    ///
    /// Errors: the machine gives no random numbers.
    pub(crate) fn issue(
        vault: &Vault,
        (tenant_id, key_pair_id): (TenantId, KeyPairId),
        now: DateTime<Utc>,
    ) -> Result<(String, DateTime<Utc>), ApiError> {
        let expires_at = now + LIFETIME;
        let token = Self {
            tenant_id,
            key_pair_id,
            expires_at,
            id: StreamTokenId::mint(),
        };
        let token = serde_json::to_vec(&token).map_err(|error| ApiError::Internal(error.into()))?;
        let sealed = vault.seal_message(PURPOSE, &token);
        let sealed = sealed.map_err(|error: VaultError| ApiError::Internal(error.into()))?;
        Ok((URL_SAFE_NO_PAD.encode(sealed), expires_at))
    }

    /// Reads a token and takes it: the same text opens nothing again.
    ///
    /// Errors: [`ApiError::StreamTokenInvalid`] for every reason alike.
    pub(crate) fn redeem(
        (vault, used): (&Vault, &UsedTokens),
        text: &str,
        now: DateTime<Utc>,
    ) -> Result<Self, ApiError> {
        let invalid = ApiError::StreamTokenInvalid;
        if text.len() > MAX_TOKEN_CHARS {
            return Err(invalid);
        }
        let Ok(sealed) = URL_SAFE_NO_PAD.decode(text) else {
            return Err(invalid);
        };
        let Ok(opened) = vault.open_message(PURPOSE, &sealed) else {
            return Err(invalid);
        };
        let token: Self =
            serde_json::from_slice(&opened).map_err(|_| ApiError::StreamTokenInvalid)?;
        if token.expires_at <= now || !used.take(&token, now) {
            return Err(invalid);
        }
        Ok(token)
    }
}

impl UsedTokens {
    /// Whether it was not used before.
    fn take(&self, token: &StreamToken, now: DateTime<Utc>) -> bool {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, expires_at| *expires_at > now);
        used.insert(token.id, token.expires_at).is_none()
    }
}

#[cfg(test)]
mod tests {
    use limpid_event_store::vault::KeyRing;

    use super::*;

    #[test]
    fn a_token_opens_once_and_within_its_minute() {
        let vault = Vault::new(KeyRing::generate().unwrap());
        let used = UsedTokens::default();
        let now: DateTime<Utc> = "2026-11-27T06:00:00Z".parse().unwrap();
        let whose = (TenantId(7), KeyPairId::mint());
        let (token, expires_at) = StreamToken::issue(&vault, whose, now).unwrap();
        assert_eq!(expires_at, now + LIFETIME);
        let redeem = |token: &str, now| StreamToken::redeem((&vault, &used), token, now);
        assert!(redeem(&token, expires_at).is_err());
        let read = redeem(&token, now + TimeDelta::seconds(59)).unwrap();
        assert_eq!((read.tenant_id, read.key_pair_id), whose);
        assert!(redeem(&token, now).is_err());
        let (other, _) = StreamToken::issue(&vault, whose, now).unwrap();
        let stranger = Vault::new(KeyRing::generate().unwrap());
        assert!(StreamToken::redeem((&stranger, &used), &other, now).is_err());
        for garbage in ["", "x", "AAAA", other.get(1..).unwrap(), &"A".repeat(2_000)] {
            assert!(redeem(garbage, now).is_err(), "{garbage}");
        }
        assert!(redeem(&other, now).is_ok());
    }
}
