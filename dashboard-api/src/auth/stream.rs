//! A tenant that reads a stream: by its private key, or by a token in the query.

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use limpid_domain::ids::TenantId;
use limpid_domain::tenant::TenantLifecycle;
use limpid_read_models::delivery_config;
use url::form_urlencoded;

use super::Tenant;
use crate::error::ApiError;
use crate::router::ApiState;
use crate::stream_tokens::StreamToken;

/// The query parameter that a token comes in.
pub(crate) const TOKEN: &str = "token";

/// Proof that the request may read this tenant's stream, and nothing else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamTenant(pub(crate) TenantId);

impl FromRequestParts<ApiState> for StreamTenant {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        let token = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == TOKEN);
        match token {
            Some((_, token)) if !parts.headers.contains_key(AUTHORIZATION) => {
                by_token(state, &token).await
            }
            _ => {
                let tenant = Tenant::from_request_parts(parts, state).await?;
                Ok(Self(tenant.id))
            }
        }
    }
}

async fn by_token(state: &ApiState, text: &str) -> Result<StreamTenant, ApiError> {
    let config = state.config();
    let tokens = (&config.vault, state.used_tokens());
    let token = StreamToken::redeem(tokens, text, config.clock.now())?;
    // A key that was revoked, or an account that was disabled, since.
    let mut tx = state.database().tenant_tx(token.tenant_id).await?;
    let key_pair = delivery_config::key_pair(&mut tx, token.key_pair_id).await?;
    let tenant = delivery_config::tenant(&mut tx).await?;
    let is_accepted = key_pair.is_some_and(|pair| pair.revoked_at.is_none())
        && tenant.is_some_and(|tenant| tenant.lifecycle == TenantLifecycle::Active);
    if is_accepted {
        Ok(StreamTenant(token.tenant_id))
    } else {
        Err(ApiError::StreamTokenInvalid)
    }
}
