//! The operator: whoever sends `Authorization: Bearer <operator key>`.

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::ApiError;
use crate::router::ApiState;

/// Proof that the request carries the operator key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator;

impl FromRequestParts<ApiState> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ApiState,
    ) -> Result<Self, Self::Rejection> {
        let token = bearer_token(parts).ok_or(ApiError::OperatorKeyMissing)?;
        let expected = state.config().operator_key.expose_secret();
        if same_secret(token.as_bytes(), expected.as_bytes()) {
            Ok(Self)
        } else {
            Err(ApiError::OperatorKeyWrong)
        }
    }
}

fn bearer_token(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Compares digests, so that neither content nor length shows in the time taken. An empty expectation matches nothing.
fn same_secret(given: &[u8], expected: &[u8]) -> bool {
    let same: bool = Sha256::digest(given)
        .ct_eq(&Sha256::digest(expected))
        .into();
    same && !expected.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_non_empty_secret_matches() {
        assert!(same_secret(b"abc", b"abc"));
        assert!(!same_secret(b"abd", b"abc"));
        assert!(!same_secret(b"ab", b"abc"));
        assert!(!same_secret(b"", b""));
    }
}
