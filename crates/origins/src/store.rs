//! What the object stores have in common: how an object's body is read, and what a refusal is made of.

mod folder;

use std::time::Instant;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};
use limpid_domain::failure::{AttemptFailure, Reason};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use crate::attempt::{Attempt, AttemptResult};
use crate::classify::challenge::is_challenge;
use crate::classify::status::retry_after;
use crate::classify::text::{excerpt, printable, telling_headers};
use crate::exchange::Answer;
use crate::fetch::{FetchContext, Original};
use crate::trace::FetchTrace;

pub(crate) use folder::Folder;

/// How much of an error document is read. Source: `reliability.md` F52.
pub(crate) const MAX_ERROR_BYTES: usize = 64 * 1024;

/// What stands for itself in an object key. Source: RFC 3986 section 2.3 (unreserved), and the slash between folders; the
/// S3 API reference ("Signature calculations", `UriEncode`) asks for exactly this.
pub(crate) const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// The header fields by which one provider says the same things as the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    /// The request's id, for the provider's support.
    pub(crate) request_id: &'static str,
    /// The metadata that makes an original private.
    pub(crate) is_private: &'static str,
}

/// What a provider said instead of the object.
#[derive(Debug)]
pub(crate) struct Refused {
    /// How the provider names things.
    pub(crate) marks: Marks,
    /// The status.
    pub(crate) status: StatusCode,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// The beginning of the error document.
    pub(crate) document: Bytes,
}

/// A provider's own words for an error.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct ProviderError {
    /// `NoSuchKey`, `BlobNotFound`, …
    pub(crate) code: Option<String>,
    /// The provider's sentence.
    pub(crate) message: Option<String>,
    /// The provider's request id, where the document has it.
    pub(crate) request_id: Option<String>,
}

/// Whether another spelling of the key is worth a try.
pub(crate) fn may_be_missing(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ObjectNotFound | Reason::AccessDeniedOrMissing
    )
}

/// The header fields every request to a store carries.
pub(crate) fn our_headers(context: &FetchContext<'_>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(USER_AGENT, context.user_agent());
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

/// Reads the object behind a good answer.
pub(crate) async fn read(
    context: &FetchContext<'_>,
    answer: Answer,
    location: String,
    marks: Marks,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let headers = answer.headers;
    let body = answer.body.read(&headers, context.body_limits(), attempt);
    let read = body.await.map_err(|mut failed| {
        failed.upstream_status = Some(StatusCode::OK.as_u16());
        failed.provider_request_id = text(&headers, marks.request_id);
        failed.response_headers = telling_headers(&headers);
        failed
    })?;
    let is_private = headers
        .get(marks.is_private)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    Ok(Original::new(read, &headers, location, is_private))
}

/// Reads what the provider says instead of the object.
pub(crate) async fn refused(answer: Answer, marks: Marks, attempt: &mut Attempt<'_>) -> Refused {
    Refused {
        marks,
        status: answer.status,
        document: answer.body.read_page(MAX_ERROR_BYTES, attempt).await,
        headers: answer.headers,
    }
}

impl Refused {
    /// The failure, for `reason` unless the answer is a challenge page.
    pub(crate) fn into_failure(
        self,
        now: DateTime<Utc>,
        reason: Reason,
        error: ProviderError,
        trace: &mut FetchTrace,
    ) -> Box<AttemptFailure> {
        let Self {
            marks,
            status,
            headers,
            document,
        } = self;
        let started = Instant::now();
        let reason = if error.code.is_none() && is_challenge(status, &headers, &document) {
            Reason::BotChallenge
        } else {
            reason
        };
        trace.step("classify", false, started, || {
            let code = error.code.as_deref().unwrap_or("no code");
            format!("status {status}, {code}: {reason}")
        });
        let mut failed = AttemptFailure::new(reason);
        failed.note = error
            .message
            .or_else(|| Some(format!("the provider answered {status}")));
        failed.upstream_status = Some(status.as_u16());
        failed.provider_request_id = text(&headers, marks.request_id).or(error.request_id);
        // A document we understood is summed up by its code and message; the rest of it may quote the signed request.
        failed.body_excerpt = match error.code {
            Some(_) => None,
            None => excerpt(&document),
        };
        failed.provider_code = error.code;
        failed.retry_after = retry_after(&headers, now);
        failed.response_headers = telling_headers(&headers);
        Box::new(failed)
    }
}

/// A header field, printable.
pub(crate) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(printable(headers.get(name)?.to_str().ok()?))
}
