//! Signed URLs: HMAC-SHA1 over what follows the endpoint, plus the expiry. Source: `imagekit.md` 3.9.

use crate::target::{DeliveryTarget, Mount};

/// The expiry that is signed where a URL never expires.
pub const NEVER: u64 = 9_999_999_999;

/// Why a signature does not hold. Clients see one answer for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No `ik-s`.
    #[error("the URL is not signed")]
    Missing,
    /// `ik-s` or `ik-t` is not written as a signature or a time, or stands there twice.
    #[error("the signature parameters are malformed")]
    Malformed,
    /// No active key makes this signature for this URL.
    #[error("the signature does not match the URL")]
    Mismatch,
    /// The signature is right but its time is over.
    #[error("the signature has expired")]
    Expired,
}

/// The signature of `string_to_sign`: path after the endpoint with its query, as sent, directly followed by `expires`
/// (Unix seconds; [`NEVER`] without expiry). Lower-case hex.
pub fn sign(_private_key: &str, _path_and_query: &str, _expires: u64) -> String {
    todo!()
}

/// Checks the signature of a request against every active private key of the tenant.
///
/// Units: `now` in Unix seconds. `origin` is scheme and host as the client wrote them (`https://img.example.com`), for URLs
/// signed whole. Errors: see [`SignatureError`].
pub fn verify<'k>(
    _target: &DeliveryTarget,
    _mount: Mount<'_>,
    _endpoint_prefix: &str,
    _private_keys: impl IntoIterator<Item = &'k str>,
    _now: u64,
) -> Result<(), SignatureError> {
    todo!()
}
