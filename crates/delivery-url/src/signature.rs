//! Signed URLs: HMAC-SHA1 over what follows the endpoint, plus the expiry. Source: `imagekit.md` 3.9; `reliability.md` 2.6.
//!
//! Always over the raw request target, never over a normalised one: SDKs differ in the order and encoding of parameters, and each
//! signs what it sends.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use crate::target::{DeliveryTarget, Mount};

/// The expiry that is signed where a URL never expires.
pub const NEVER: u64 = 9_999_999_999;

/// A request whose signature is checked.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The request target as received.
    pub target: &'a DeliveryTarget,
    /// How the request's host stands to the account.
    pub mount: Mount<'a>,
    /// Prefix of the endpoint that was found; empty for the default one.
    pub endpoint_prefix: &'a str,
    /// Scheme and host as the client wrote them, such as `https://img.example.com`: SDKs sign the whole URL where its host is not
    /// the endpoint's. None leaves that form out.
    pub site: Option<&'a str>,
}

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

/// The signature of a path and query as sent, without the endpoint before it. Lower-case hex.
///
/// Units: `expires` in Unix seconds; [`NEVER`] where the URL gets no `ik-t`.
pub fn sign(private_key: &str, path_and_query: &str, expires: u64) -> String {
    hex::encode(mac(private_key, &[path_and_query, &expires.to_string()]))
}

/// Checks the signature of a request against every active private key of the tenant.
///
/// Units: `now` in Unix seconds.
///
/// # Errors
///
/// See [`SignatureError`].
pub fn verify<'k>(
    request: &SignedRequest<'_>,
    private_keys: impl IntoIterator<Item = &'k str>,
    now: u64,
) -> Result<(), SignatureError> {
    let parts = SignatureParts::read(request.target.query())?;
    let suffix = match parts.other_query.as_str() {
        "" => String::new(),
        query => format!("?{query}"),
    };
    let paths = request.signed_paths();
    let mut is_match = false;
    for key in private_keys {
        for path in &paths {
            let expected = mac(key, &[path, &suffix, parts.expires_text]);
            // Every candidate is computed: the time taken says nothing about which one was close.
            is_match |= bool::from(expected.ct_eq(&parts.signature));
        }
    }
    if !is_match {
        return Err(SignatureError::Mismatch);
    }
    if parts.expires < now {
        return Err(SignatureError::Expired);
    }
    Ok(())
}

/// What a signature of this request is made of, where it has none yet or a wrong one: path without account, query, end of its time.
pub fn text_to_sign(request: &SignedRequest<'_>) -> Option<String> {
    let (mut expires, mut others) = ("9999999999", Vec::new());
    for pair in request.target.query().unwrap_or_default().split('&') {
        match pair.split_once('=') {
            Some(("ik-s", _)) => {}
            Some(("ik-t", value)) => expires = value,
            _ => others.push(pair),
        }
    }
    let path = request.signed_paths().into_iter().next()?;
    let query = others.join("&");
    let query = if query.is_empty() {
        query
    } else {
        format!("?{query}")
    };
    Some(format!("{path}{query}{expires}"))
}

/// The query with its signature taken out.
struct SignatureParts<'q> {
    signature: [u8; 20],
    expires_text: &'q str,
    expires: u64,
    other_query: String,
}

impl<'q> SignatureParts<'q> {
    fn read(query: Option<&'q str>) -> Result<Self, SignatureError> {
        let (mut signature, mut expires, mut others) = (None, None, Vec::new());
        for pair in query.unwrap_or_default().split('&') {
            let slot = match pair.split_once('=').unwrap_or((pair, "")) {
                ("ik-s", value) => (&mut signature, value),
                ("ik-t", value) => (&mut expires, value),
                _ => {
                    others.push(pair);
                    continue;
                }
            };
            let (slot, value) = slot;
            if slot.replace(value).is_some() {
                return Err(SignatureError::Malformed);
            }
        }
        let expires_text = expires.unwrap_or("9999999999");
        let signature = signature.ok_or(SignatureError::Missing)?;
        Ok(Self {
            signature: lower_hex(signature).ok_or(SignatureError::Malformed)?,
            expires_text,
            expires: unix_seconds(expires_text).ok_or(SignatureError::Malformed)?,
            other_query: others.join("&"),
        })
    }
}

impl SignedRequest<'_> {
    /// The path without each prefix an SDK may have taken for the endpoint.
    fn signed_paths(&self) -> Vec<String> {
        let path = self.target.path();
        let root = match self.mount {
            Mount::Account => format!("/{}/", self.target.account().unwrap_or_default()),
            Mount::Domain | Mount::Endpoint(_) => "/".to_owned(),
        };
        let mut prefixes = vec![root.clone()];
        if !self.endpoint_prefix.is_empty() && !matches!(self.mount, Mount::Endpoint(_)) {
            prefixes.push(format!("{root}{}/", self.endpoint_prefix));
        }
        let with_seo: Vec<String> = prefixes
            .iter()
            .map(|prefix| format!("{prefix}ik-seo/"))
            .collect();
        prefixes.extend(with_seo);
        let mut paths: Vec<String> = prefixes
            .iter()
            .filter_map(|prefix| path.strip_prefix(prefix))
            .map(str::to_owned)
            .collect();
        paths.extend(self.site.map(|site| format!("{site}{path}")));
        paths
    }
}

fn mac(private_key: &str, parts: &[&str]) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(private_key.as_bytes())
        .expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

/// 40 lower-case hex digits.
fn lower_hex(text: &str) -> Option<[u8; 20]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; 20];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// 1 to 12 digits.
fn unix_seconds(text: &str) -> Option<u64> {
    let is_number =
        (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}
