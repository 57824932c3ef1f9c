//! The only place that chooses the status of an answer that is not an image.

use std::time::Duration;

use http::StatusCode;
use limpid_domain::failure::advice::RefusalCause;
use limpid_domain::failure::{DetailLevel, RefusalCode, SentenceSubject, sentence};
use limpid_domain::ids::{EventId, RequestId};
use limpid_imaging::ImagingError;

use crate::failure_recorder::NotRecorded;
use crate::failure_recorder::event::{Debugging, FailedAttempt};
use crate::image_request::BadRequest;

/// Longest `ik-error` value. Source: `imagekit.md` 1.4.
const MAX_IK_ERROR_BYTES: usize = sentence::MAX_IK_ERROR_BYTES;

/// Longest `ik-error-detail` value.
const MAX_DETAIL_BYTES: usize = 1024;

/// A request refused for what it is, not for what an origin did. Recorded as no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    code: RefusalCode,
    sentence: String,
    retry_after: Option<Duration>,
    /// What to do about it depends on this; clients are not told.
    cause: RefusalCause,
}

impl Refusal {
    /// `EINVAL`: the transformation, or with another [`Refusal::because`] the URL, makes no sense.
    pub(crate) fn invalid(sentence: impl Into<String>) -> Self {
        Self {
            cause: RefusalCause::Transformation,
            code: RefusalCode::Einval,
            sentence: sentence.into(),
            retry_after: None,
        }
    }

    /// `EUNSIGNED`: a signature is missing, wrong or expired; which of them is not told.
    pub(crate) fn unsigned() -> Self {
        Self {
            cause: RefusalCause::SignatureMissing,
            code: RefusalCode::Eunsigned,
            sentence: "The URL needs a valid signature".to_owned(),
            retry_after: None,
        }
    }

    /// `EFORBIDDEN`: the account does not deliver.
    pub(crate) fn forbidden(sentence: impl Into<String>) -> Self {
        Self {
            cause: RefusalCause::AccountClosed,
            code: RefusalCode::Eforbidden,
            sentence: sentence.into(),
            retry_after: None,
        }
    }

    /// `EBUSY`: too much at once, here and now.
    pub(crate) fn busy(sentence: impl Into<String>) -> Self {
        Self {
            cause: RefusalCause::Busy,
            code: RefusalCode::Ebusy,
            sentence: sentence.into(),
            retry_after: Some(Duration::from_secs(1)),
        }
    }

    /// The same, with what exactly is wrong.
    #[must_use]
    pub(crate) fn because(mut self, cause: RefusalCause) -> Self {
        self.cause = cause;
        self
    }

    /// What exactly is wrong.
    pub(crate) fn cause(&self) -> RefusalCause {
        self.cause
    }

    /// Whether it is about too much at once, and not about the request.
    pub(crate) fn is_busy(&self) -> bool {
        self.code == RefusalCode::Ebusy
    }

    /// The code, for metrics.
    pub(crate) fn code(&self) -> RefusalCode {
        self.code
    }

    /// The sentence, for people.
    pub(crate) fn sentence(&self) -> &str {
        &self.sentence
    }
}

impl From<NotRecorded> for Refusal {
    /// Without its record a failure must not be answered as if it had one.
    fn from(_: NotRecorded) -> Self {
        Self::busy("The failure of this request could not be recorded, try again")
    }
}

/// An answer that is not an image, complete but for its header fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorAnswer {
    pub(crate) status: StatusCode,
    pub(crate) body: &'static str,
    /// The code, for metrics and spans.
    pub(crate) code: &'static str,
    /// `CODE - sentence`.
    pub(crate) ik_error: String,
    pub(crate) reason: Option<&'static str>,
    pub(crate) request_id: RequestId,
    pub(crate) event_id: Option<EventId>,
    pub(crate) proxy_status: Option<String>,
    /// Everything about the failure, for who may read it.
    pub(crate) detail: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

/// The answer to a request whose original could not be had or used.
pub(crate) fn failed(
    headline: &FailedAttempt,
    level: DetailLevel,
    request_id: RequestId,
    event_id: Option<EventId>,
) -> ErrorAnswer {
    let failure = &headline.failure;
    let code = failure.reason.code();
    let about = SentenceSubject {
        kind: headline.origin_kind(),
        limit: failure.limit.as_ref(),
        layer_input: failure.layer_input,
    };
    let text = sentence(failure.reason, &about, level);
    let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::NOT_FOUND);
    ErrorAnswer {
        status,
        body: body_of(status),
        code: code.as_str(),
        ik_error: ik_error(code.as_str(), &text),
        reason: told_reason(headline, level),
        request_id,
        event_id,
        proxy_status: Some(proxy_status(headline, level)),
        detail: None,
        retry_after: None,
    }
}

/// The reason, where the endpoint's detail level tells reasons.
pub(crate) fn told_reason(headline: &FailedAttempt, level: DetailLevel) -> Option<&'static str> {
    (level == DetailLevel::Reason).then(|| headline.failure.reason.name())
}

/// What a debug token opens: where we looked, what the provider said, what exactly went wrong. Secrets were taken out of all of it when
/// the attempt ended. Of a token that opens nothing, why.
pub(crate) fn detail(headline: &FailedAttempt, debug: Debugging) -> Option<String> {
    match debug {
        Debugging::Unasked => return None,
        Debugging::Refused(error) => return Some(error.to_string()),
        Debugging::Granted => {}
    }
    let failure = &headline.failure;
    let origin = headline.origin.as_ref().map(|origin| {
        let kind = origin.settings.location.kind().as_str();
        format!("origin \"{}\" ({kind})", origin.settings.name)
    });
    let status = failure
        .upstream_status
        .map(|status| format!("status {status}"));
    let request = failure.provider_request_id.as_ref();
    let parts = [
        origin,
        failure.location.as_ref().map(|at| format!("at {at}")),
        status,
        failure.provider_code.clone(),
        failure.note.clone(),
        request.map(|id| format!("provider's request {id}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Some(one_line(&parts.join("; "), MAX_DETAIL_BYTES))
}

/// The answer to a refused request.
pub(crate) fn refused(refusal: &Refusal, request_id: RequestId) -> ErrorAnswer {
    let status = match refusal.code {
        RefusalCode::Einval => StatusCode::BAD_REQUEST,
        RefusalCode::Eunsigned => StatusCode::UNAUTHORIZED,
        RefusalCode::Eforbidden => StatusCode::FORBIDDEN,
        RefusalCode::Ebusy => StatusCode::SERVICE_UNAVAILABLE,
    };
    ErrorAnswer {
        status,
        body: body_of(status),
        code: refusal.code.as_str(),
        ik_error: ik_error(refusal.code.as_str(), &refusal.sentence),
        reason: None,
        request_id,
        event_id: None,
        proxy_status: None,
        detail: None,
        retry_after: refusal.retry_after,
    }
}

/// The answer to what is no image request at all.
pub(crate) fn bad_request(error: BadRequest, request_id: RequestId) -> ErrorAnswer {
    refused(&Refusal::invalid(error.to_string()), request_id)
}

/// The answer to a method other than `GET`, `HEAD` and `OPTIONS`.
pub(crate) fn method_not_allowed(request_id: RequestId) -> ErrorAnswer {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    ErrorAnswer {
        status,
        body: body_of(status),
        ..bad_request_like("only GET, HEAD and OPTIONS are answered here", request_id)
    }
}

/// The answer to a request that one of us sent to an origin and that came back here.
pub(crate) fn loop_detected(request_id: RequestId) -> ErrorAnswer {
    let sentence = "The origin of this URL is this platform itself: the request came back to it";
    let status = StatusCode::LOOP_DETECTED;
    ErrorAnswer {
        status,
        body: body_of(status),
        ..refused(&Refusal::forbidden(sentence), request_id)
    }
}

fn bad_request_like(sentence: &str, request_id: RequestId) -> ErrorAnswer {
    refused(&Refusal::invalid(sentence), request_id)
}

/// The refusal for a transformation that makes no sense for the picture it meets, if `error` is that.
pub(crate) fn refusal_of(error: &ImagingError) -> Option<Refusal> {
    match error {
        ImagingError::InvalidTransformation { sentence } => Some(Refusal::invalid(sentence)),
        _ => None,
    }
}

/// Fixed texts, so that no byte of a request or an origin stands in a body.
fn body_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Not Found",
        StatusCode::UNAUTHORIZED => "Unauthorised Image Access",
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::METHOD_NOT_ALLOWED => "Method Not Allowed",
        StatusCode::SERVICE_UNAVAILABLE => "Service Unavailable",
        StatusCode::LOOP_DETECTED => "Loop Detected",
        _ => "Bad Request",
    }
}

/// One line of printable ASCII, cut to the contract's length.
fn ik_error(code: &str, sentence: &str) -> String {
    one_line(&format!("{code} - {sentence}"), MAX_IK_ERROR_BYTES)
}

fn one_line(text: &str, max_bytes: usize) -> String {
    text.chars()
        .map(|c| if (' '..='~').contains(&c) { c } else { '?' })
        .take(max_bytes)
        .collect()
}

/// `Proxy-Status` (RFC 9209): who we are, and at level `reason` what went wrong between us and the origin.
fn proxy_status(headline: &FailedAttempt, level: DetailLevel) -> String {
    let failure = &headline.failure;
    match (
        level,
        failure.reason.row().proxy_status,
        failure.upstream_status,
    ) {
        (DetailLevel::Code, _, _) | (DetailLevel::Reason, None, None) => "limpid".to_owned(),
        (DetailLevel::Reason, Some(error), _) => format!("limpid; error={error}"),
        (DetailLevel::Reason, None, Some(status)) => format!("limpid; received-status={status}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;
    use limpid_domain::failure::{AttemptFailure, Reason};
    use limpid_domain::ids::{OriginId, OriginNo, StreamVersion};
    use limpid_domain::origin::{OriginCredentials, OriginLocation, OriginSettings};

    use crate::config_snapshot::Origin;

    use super::*;

    fn attempt(reason: Reason, upstream_status: Option<u16>) -> FailedAttempt {
        let mut failure = AttemptFailure::new(reason);
        failure.upstream_status = upstream_status;
        FailedAttempt::before_any_origin(failure, DateTime::UNIX_EPOCH)
    }

    fn web_proxy() -> Arc<Origin> {
        Arc::new(Origin {
            no: OriginNo(1),
            id: OriginId::mint(),
            version: StreamVersion(1),
            settings: OriginSettings {
                name: "proxy".to_owned(),
                location: OriginLocation::WebProxy,
                include_canonical_header: false,
                base_url_for_canonical_header: None,
            },
            credentials: OriginCredentials::None,
        })
    }

    fn answer(reason: Reason, status: Option<u16>, level: DetailLevel) -> ErrorAnswer {
        failed(&attempt(reason, status), level, RequestId::mint(), None)
    }

    #[test]
    fn failures_are_404_and_limits_400() {
        let missing = answer(Reason::ObjectNotFound, Some(404), DetailLevel::Reason);
        assert_eq!((missing.status.as_u16(), missing.body), (404, "Not Found"));
        assert_eq!(missing.reason, Some("object_not_found"));
        assert_eq!(
            missing.proxy_status.as_deref(),
            Some("limpid; received-status=404")
        );
        let large = answer(Reason::SourceTooLarge, None, DetailLevel::Reason);
        assert_eq!((large.status.as_u16(), large.code), (400, "ELIMIT"));
        assert!(large.ik_error.starts_with("ELIMIT - "));
    }

    #[test]
    fn the_code_level_tells_nothing_about_networks() {
        let through_proxy = |reason| {
            let attempt = FailedAttempt {
                attempt: 1,
                origin: Some(web_proxy()),
                ..attempt(reason, None)
            };
            failed(&attempt, DetailLevel::Code, RequestId::mint(), None)
        };
        let refused = through_proxy(Reason::ConnectionRefused);
        let unknown = through_proxy(Reason::DnsNotFound);
        assert_eq!(refused.ik_error, unknown.ik_error);
        assert_eq!((refused.reason, unknown.reason), (None, None));
        assert_eq!(refused.proxy_status, unknown.proxy_status);
    }

    #[test]
    fn a_hostile_sentence_stays_one_line_of_ascii() {
        let refusal = Refusal::invalid("a\r\nSet-Cookie: b\u{1b}ä".repeat(50));
        let answer = refused(&refusal, RequestId::mint());
        assert_eq!(answer.ik_error.len(), MAX_IK_ERROR_BYTES);
        assert!(answer.ik_error.bytes().all(|b| (0x20..0x7f).contains(&b)));
    }
}
