//! An answer on its way into the table and back: sealed, since it may hold a secret that is shown once.

use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::response::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use limpid_domain::ids::TenantId;
use limpid_event_store::config_log::answers::{AnswerKey, AnswerScope};
use limpid_event_store::vault::{Vault, VaultError};
use serde::{Deserialize, Serialize};

use super::asked::Question;
use crate::error::ApiError;

/// On an answer that was given before.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Headers that belong to the answer itself; the others are made for each request.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// Question and answer as they are sealed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeptAnswer {
    question: [u8; 32],
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl KeptAnswer {
    /// The answer to a question.
    pub(super) fn of(question: &Question, parts: &Parts, body: &Bytes) -> Result<Self, ApiError> {
        let headers = KEPT_HEADERS.iter().filter_map(|name| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        let body = String::from_utf8(body.to_vec());
        Ok(Self {
            question: question.digest,
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: body.map_err(|error| ApiError::Internal(error.into()))?,
        })
    }

    /// Whether this was the question.
    pub(super) fn answers(&self, question: &[u8; 32]) -> bool {
        self.question == *question
    }

    /// The answer once more, marked as such.
    pub(super) fn replay(self) -> Result<Response, ApiError> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).map_err(|error| ApiError::Internal(error.into()))?;
        let headers = response.headers_mut();
        for (name, value) in self.headers {
            let name = HeaderName::try_from(name);
            let value = HeaderValue::try_from(value);
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.insert(name, value);
            }
        }
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }

    /// Seals it for its place: a row moved to another account or key does not open.
    pub(super) fn seal(
        &self,
        vault: &Vault,
        address: (TenantId, &AnswerKey),
    ) -> Result<Vec<u8>, ApiError> {
        let text = serde_json::to_vec(self).map_err(|error| ApiError::Internal(error.into()))?;
        let sealed = vault.seal_message(&purpose(address), &text);
        sealed.map_err(|error: VaultError| ApiError::Internal(error.into()))
    }

    /// Opens what was sealed for this place.
    pub(super) fn open(
        vault: &Vault,
        address: (TenantId, &AnswerKey),
        sealed: &[u8],
    ) -> Result<Self, ApiError> {
        let opened = vault.open_message(&purpose(address), sealed);
        let opened = opened.map_err(|error| ApiError::Internal(error.into()))?;
        serde_json::from_slice(&opened).map_err(|error| ApiError::Internal(error.into()))
    }
}

fn purpose((tenant_id, key): (TenantId, &AnswerKey)) -> String {
    let whose = match key.scope {
        AnswerScope::Tenant(_) => "tenant",
        AnswerScope::Operator => "operator",
    };
    let digest = STANDARD_NO_PAD.encode(key.digest);
    format!("command answer {tenant_id} {whose} {digest}")
}
