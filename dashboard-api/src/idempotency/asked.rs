//! The key of a request, and what of the request belongs to it.

use chrono::TimeDelta;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, header};
use limpid_domain::ids::KeyPairId;
use limpid_event_store::config_log::answers::{AnswerKey, AnswerScope};
use sha2::{Digest, Sha256};

use crate::auth::Tenant;
use crate::error::ApiError;

/// The header that a client names an attempt in. Source: draft-ietf-httpapi-idempotency-key-header.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How often the official SDKs have sent a request before: 0, 1, 2. They have no key of their own. Source: `dashboard.md` 2.1.
const SDK_RETRY_COUNT: HeaderName = HeaderName::from_static("x-stainless-retry-count");

/// Longest key; a UUID has 36 characters.
const MAX_KEY_CHARS: usize = 255;

/// How long answers are kept. Source: `dashboard.md` 2.6.
const KEPT_FOR: TimeDelta = TimeDelta::hours(24);
const SDK_KEPT_FOR: TimeDelta = TimeDelta::minutes(2);

/// How a request says that it must take effect once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// By a key.
    Key(String),
    /// By being the SDKs': the same body again within two minutes is the same command where it says that it is sent again.
    Sdk {
        /// Whether it is sent again.
        again: bool,
    },
}

/// A request as an attempt at something.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// By what its answer is kept.
    pub(super) key: AnswerKey,
    /// SHA-256 of what was asked.
    pub(super) digest: [u8; 32],
    /// Whether the sender chose the key.
    pub(super) is_the_senders: bool,
    /// Whether an answer may be known already.
    pub(super) may_be_known: bool,
    /// How long the answer is kept.
    pub(super) kept_for: TimeDelta,
}

impl Asked {
    /// What a request says; nothing where it does not change anything.
    ///
    /// Errors: [`ApiError::IdempotencyKeyInvalid`].
    pub(super) fn read(parts: &Parts) -> Result<Option<Self>, ApiError> {
        let changes = matches!(
            parts.method,
            Method::POST | Method::PUT | Method::PATCH | Method::DELETE
        );
        if !changes {
            return Ok(None);
        }
        match key_of(&parts.headers)? {
            Some(key) => Ok(Some(Self::Key(key))),
            None => Ok(sdk_retry(&parts.headers)),
        }
    }

    /// The request as an attempt: keys are the sender's own, for one method and path.
    pub(super) fn question(self, scope: AnswerScope, parts: &Parts, body: &[u8]) -> Question {
        let digest = digest_of(parts, body);
        let method = parts.method.as_str().as_bytes();
        let path = parts.uri.path().as_bytes();
        match self {
            Self::Key(key) => Question {
                key: AnswerKey {
                    scope,
                    digest: hash(&[b"key", method, path, key.as_bytes()]),
                },
                digest,
                is_the_senders: true,
                may_be_known: true,
                kept_for: KEPT_FOR,
            },
            Self::Sdk { again } => {
                let key_pair = parts.extensions.get::<Tenant>().map(|it| it.key_pair_id);
                let key_pair =
                    key_pair.map_or_else(Vec::new, |KeyPairId(id)| id.into_bytes().to_vec());
                Question {
                    key: AnswerKey {
                        scope,
                        digest: hash(&[b"sdk", method, path, &key_pair, &digest]),
                    },
                    digest,
                    is_the_senders: false,
                    may_be_known: again,
                    kept_for: SDK_KEPT_FOR,
                }
            }
        }
    }
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let invalid = |what: &str| ApiError::IdempotencyKeyInvalid(what.to_owned());
    if values.next().is_some() {
        return Err(invalid(
            "Idempotency-Key is given more than once; send one.",
        ));
    }
    let key = value.as_bytes();
    if key.is_empty() {
        return Err(invalid(
            "Idempotency-Key is empty; send a new UUID for every command.",
        ));
    }
    if key.len() > MAX_KEY_CHARS {
        let length = key.len();
        return Err(invalid(&format!(
            "Idempotency-Key has {length} characters; at most {MAX_KEY_CHARS} are read, and a UUID is enough."
        )));
    }
    match value.to_str() {
        Ok(key) if key.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(key.to_owned())),
        Ok(_) | Err(_) => Err(invalid(
            "Idempotency-Key must be of visible ASCII characters without spaces; a UUID is best.",
        )),
    }
}

fn sdk_retry(headers: &HeaderMap) -> Option<Asked> {
    let count = headers.get(SDK_RETRY_COUNT)?.to_str().ok()?;
    let count: u32 = count.parse().ok()?;
    Some(Asked::Sdk { again: count > 0 })
}

/// What makes two requests the same: query, condition and body.
fn digest_of(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let condition = parts.headers.get(header::IF_MATCH);
    let condition = condition.map_or(&b""[..], |value| value.as_bytes());
    hash(&[query, condition, body])
}

/// Each part with its length, so that no two lists share a hash.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};
    use limpid_domain::ids::TenantId;

    use super::*;

    fn parts(method: Method, headers: &[(HeaderName, &[u8])]) -> Parts {
        let mut request = Request::new(());
        *request.method_mut() = method;
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value).unwrap();
            request.headers_mut().append(name.clone(), value);
        }
        request.into_parts().0
    }

    #[test]
    fn a_key_is_up_to_255_visible_characters_and_there_is_one_of_it() {
        let longest = "k".repeat(255);
        for good in ["x", "0199a-…".trim_end_matches('…'), "\"quoted\"", &longest] {
            let read = Asked::read(&parts(Method::POST, &[(IDEMPOTENCY_KEY, good.as_bytes())]));
            assert_eq!(read.unwrap(), Some(Asked::Key(good.to_owned())));
        }
        let too_long = "k".repeat(256);
        for bad in ["", "two words", "schlüssel", "tab\tbed", &too_long] {
            let read = Asked::read(&parts(Method::POST, &[(IDEMPOTENCY_KEY, bad.as_bytes())]));
            let text = read.unwrap_err().to_string();
            assert!(
                text.starts_with("Idempotency-Key ") && text.contains("UUID"),
                "{bad}: {text}"
            );
        }
        let twice = [(IDEMPOTENCY_KEY, &b"a"[..]), (IDEMPOTENCY_KEY, &b"a"[..])];
        assert!(Asked::read(&parts(Method::PUT, &twice)).is_err());
    }

    #[test]
    fn what_changes_nothing_is_no_attempt() {
        let key = [(IDEMPOTENCY_KEY, &b"k"[..])];
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert_eq!(Asked::read(&parts(method, &key)).unwrap(), None);
        }
        assert_eq!(Asked::read(&parts(Method::POST, &[])).unwrap(), None);
    }

    #[test]
    fn the_sdks_say_whether_they_send_a_request_again_and_a_key_says_more() {
        for (count, expected) in [
            ("0", Some(Asked::Sdk { again: false })),
            ("2", Some(Asked::Sdk { again: true })),
            ("-1", None),
            ("many", None),
        ] {
            let read = Asked::read(&parts(
                Method::DELETE,
                &[(SDK_RETRY_COUNT, count.as_bytes())],
            ));
            assert_eq!(read.unwrap(), expected, "{count}");
        }
        let both = [(SDK_RETRY_COUNT, &b"1"[..]), (IDEMPOTENCY_KEY, &b"k"[..])];
        let read = Asked::read(&parts(Method::POST, &both)).unwrap();
        assert_eq!(read, Some(Asked::Key("k".to_owned())));
    }

    #[test]
    fn a_key_belongs_to_method_and_path_and_a_question_to_query_condition_and_body() {
        let scope = AnswerScope::Tenant(TenantId(1));
        let asked = |method: Method, uri: &str, condition: &str, body: &str| {
            let mut request = Request::new(());
            *request.method_mut() = method;
            *request.uri_mut() = uri.parse().unwrap();
            let condition = HeaderValue::from_str(condition).unwrap();
            request.headers_mut().insert(header::IF_MATCH, condition);
            let parts = request.into_parts().0;
            Asked::Key("k".to_owned()).question(scope, &parts, body.as_bytes())
        };
        let first = asked(Method::POST, "/a?b=c", "\"1\"", "{}");
        let same = asked(Method::POST, "/a?b=c", "\"1\"", "{}");
        assert_eq!((first.key, first.digest), (same.key, same.digest));
        for (method, path) in [(Method::PUT, "/a?b=c"), (Method::POST, "/b?b=c")] {
            assert_ne!(asked(method, path, "\"1\"", "{}").key, first.key, "{path}");
        }
        for (uri, condition, body) in [
            ("/a", "\"1\"", "{}"),
            ("/a?b=c", "\"2\"", "{}"),
            ("/a?b=c", "\"1\"", "{ }"),
        ] {
            let other = asked(Method::POST, uri, condition, body);
            assert_eq!(other.key, first.key);
            assert_ne!(other.digest, first.digest, "{uri} {condition} {body}");
        }
    }
}
