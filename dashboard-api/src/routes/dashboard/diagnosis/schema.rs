//! The shapes of questions and answers, for the OpenAPI document.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use limpid_domain::diagnosis::{Certificate, Explanation, FirstBytes, FixSnippet};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Which URL.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "read by the OpenAPI document only")]
pub(super) struct TraceRequest {
    /// A delivery URL of the account, or its path and query.
    #[schema(example = "http://127.0.0.1:8080/demo/tr:w-300/shoes/red.jpg")]
    url: String,
    /// Header fields of the request, for what depends on them.
    #[schema(example = json!({"accept": "image/avif,image/webp,*/*"}))]
    headers: Option<BTreeMap<String, String>>,
}

/// The fields of an origin, credentials included, and `path`.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "read by the OpenAPI document only")]
pub(super) struct OriginTestRequest {
    /// Path of a file that should be there.
    #[schema(example = "/shoes/red.jpg")]
    path: Option<String>,
    /// As for creating an origin.
    #[schema(example = "WEB_FOLDER")]
    r#type: String,
    /// The other fields of that type.
    #[schema(additional_properties)]
    #[serde(flatten)]
    fields: BTreeMap<String, Value>,
}

/// What to fetch.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "read by the OpenAPI document only")]
pub(super) struct StoredOriginTestRequest {
    /// Path of a file that should be there.
    #[schema(example = "/shoes/red.jpg")]
    path: Option<String>,
}

/// What happened, step by step.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DiagnosisResponse {
    /// The URL or path, without signature and token values.
    url: String,
    /// The HTTP status a client would get.
    status: u16,
    /// The header fields a client would get.
    headers: BTreeMap<String, String>,
    /// Length of the body a client would get. Units: bytes.
    body_bytes: u64,
    /// The steps in order.
    steps: Vec<DiagnosisStep>,
    /// Position in `steps` of the one that decided over a failure.
    failed_step: Option<usize>,
    /// `CODE - sentence` a client would get.
    #[schema(example = "ENOENT - No file was found at the specified path")]
    ik_error: Option<String>,
    /// The reason of the failure.
    #[schema(example = "object_not_found")]
    reason: Option<String>,
    /// What to do about it, also where the request was refused for what it is and so has no reason.
    fix: Option<String>,
    /// The policy or command that goes with the fix, where there is one.
    snippet: Option<SnippetResponse>,
    /// Paths near the one asked for at which the origin does have a file.
    exists_as: Vec<NearMissResponse>,
}

/// One step.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DiagnosisStep {
    #[schema(example = "origin 1: tls")]
    name: String,
    ok: bool,
    /// Units: milliseconds.
    ms: f64,
    detail: String,
    /// What works today and soon will not.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The certificates the server sent, its own first; also where they were refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificates: Vec<CertificateResponse>,
    /// The beginning of what the origin sent, without secrets it quoted.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_bytes: Option<FirstBytesResponse>,
}

/// Something to paste.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiagnosisSnippet)]
struct SnippetResponse {
    /// Where it goes.
    #[schema(example = "Look for the object")]
    title: String,
    /// `json` or `sh`.
    #[schema(example = "sh")]
    language: String,
    text: String,
}

impl From<FixSnippet> for SnippetResponse {
    fn from(snippet: FixSnippet) -> Self {
        Self {
            title: snippet.title,
            language: snippet.language,
            text: snippet.text,
        }
    }
}

/// The first bytes of a body and what they look like.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FirstBytesResponse {
    /// At most 48 bytes.
    #[schema(example = "ff d8 ff e0 00 10 4a 46 49 46")]
    hex: String,
    /// The same as printable ASCII, a dot for everything else.
    #[schema(example = "......JFIF")]
    text: String,
    /// What the body is by its bytes, whatever it was declared as.
    #[schema(example = "a JPEG image")]
    looks_like: String,
}

impl From<FirstBytes> for FirstBytesResponse {
    fn from(first: FirstBytes) -> Self {
        Self {
            hex: first.hex,
            text: first.text,
            looks_like: first.looks_like,
        }
    }
}

/// A certificate as the server sent it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CertificateResponse {
    #[schema(example = "CN=images.example")]
    subject: String,
    issuer: String,
    not_before: DateTime<Utc>,
    not_after: DateTime<Utc>,
    /// Whole days until it ends; below zero since it ended.
    days_left: i64,
    /// The names and addresses it is for.
    names: Vec<String>,
    /// Hexadecimal, with colons.
    fingerprint_sha256: String,
}

impl From<Certificate> for CertificateResponse {
    fn from(certificate: Certificate) -> Self {
        Self {
            subject: certificate.subject,
            issuer: certificate.issuer,
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            days_left: certificate.days_left,
            names: certificate.names,
            fingerprint_sha256: certificate.fingerprint_sha256,
        }
    }
}

/// A path at which there is a file.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NearMissResponse {
    #[schema(example = "shoes/red.JPG")]
    path: String,
    #[schema(example = "with its extension in upper case")]
    difference: String,
}

impl From<Explanation> for DiagnosisResponse {
    fn from(explanation: Explanation) -> Self {
        let steps = explanation.steps.into_iter().map(|step| DiagnosisStep {
            name: step.name,
            ok: step.ok,
            ms: f64::from(u32::try_from(step.duration_us).unwrap_or(u32::MAX)) / 1000.0,
            detail: step.detail,
            warning: step.warning,
            certificates: step.certificates.into_iter().map(Into::into).collect(),
            first_bytes: step.first_bytes.map(Into::into),
        });
        let near = explanation
            .exists_as
            .into_iter()
            .map(|near| NearMissResponse {
                path: near.path,
                difference: near.difference,
            });
        Self {
            url: explanation.url,
            status: explanation.status,
            headers: explanation.headers.into_iter().collect(),
            body_bytes: explanation.body_bytes,
            steps: steps.collect(),
            failed_step: explanation.failed_step,
            ik_error: explanation.ik_error,
            reason: explanation.reason,
            fix: explanation.advice,
            snippet: explanation.snippet.map(Into::into),
            exists_as: near.collect(),
        }
    }
}
