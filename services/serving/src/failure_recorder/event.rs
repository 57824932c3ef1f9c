//! From the failed attempts of one request to its failure events.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use limpid_delivery_url::debug_token::DebugTokenError;
use limpid_domain::failure::{
    AttemptFailure, DetailLevel, FailureDetail, FailureEvent, Outcome, PhaseTimings, Reason,
    headline,
};
use limpid_domain::ids::{
    EventId, OriginNo, RequestId, StreamVersion, TenantId, TenantSeq, UrlEndpointNo,
};
use limpid_domain::origin::OriginKind;

use super::redact::{redact_path, redact_target};
use crate::config_snapshot::Origin;

/// Longest stored URL and path. Units: bytes.
const MAX_URL_BYTES: usize = 4096;
/// Longest stored header value of the client. Units: bytes.
const MAX_CLIENT_TEXT_BYTES: usize = 512;

/// One failed attempt of one request.
#[derive(Debug, Clone)]
pub(crate) struct FailedAttempt {
    /// From 1; 0 where no origin was asked.
    pub(crate) attempt: i16,
    pub(crate) origin: Option<Arc<Origin>>,
    pub(crate) failure: AttemptFailure,
    pub(crate) ended_at: DateTime<Utc>,
    pub(crate) duration: Duration,
    /// Until when the same may be answered again without asking the origin.
    pub(crate) repeatable_until: DateTime<Utc>,
    /// Nobody was asked: this is what the origin said a moment ago.
    pub(crate) is_repeat: bool,
}

impl FailedAttempt {
    /// A failure before any origin was asked.
    pub(crate) fn before_any_origin(failure: AttemptFailure, ended_at: DateTime<Utc>) -> Self {
        Self {
            attempt: 0,
            origin: None,
            failure,
            ended_at,
            duration: Duration::ZERO,
            repeatable_until: ended_at,
            is_repeat: false,
        }
    }

    /// Kind of the origin that was asked.
    pub(crate) fn origin_kind(&self) -> Option<OriginKind> {
        let origin = self.origin.as_ref()?;
        Some(origin.settings.location.kind())
    }
}

/// A path with its leading slash as events have it.
pub(crate) fn stored_path(path: &str) -> String {
    redact_path(path, MAX_URL_BYTES)
}

/// The attempt the client is told about.
pub(crate) fn headline_of(attempts: &[FailedAttempt]) -> Option<&FailedAttempt> {
    let reasons: Vec<Reason> = attempts
        .iter()
        .map(|attempt| attempt.failure.reason)
        .collect();
    attempts.get(headline(&reasons)?)
}

/// Until when all of `attempts` may be repeated together, if at all.
pub(crate) fn repeatable_until(attempts: &[FailedAttempt]) -> Option<DateTime<Utc>> {
    let times = attempts.iter().map(|attempt| attempt.repeatable_until);
    times.min()
}

/// What all events of one request share.
#[derive(Debug, Clone)]
pub(crate) struct EventContext {
    pub(crate) tenant_id: TenantId,
    pub(crate) config_version: TenantSeq,
    pub(crate) endpoint: (UrlEndpointNo, StreamVersion),
    pub(crate) detail_level: DetailLevel,
    /// Whether the client may read more than that level, of errors only: pictures that stand in are kept by caches that others ask.
    pub(crate) debug: Debugging,
    pub(crate) request_id: RequestId,
    pub(crate) method: String,
    /// Path and query as received; redacted when the events are made.
    pub(crate) target: String,
    /// File path without transformation and query, with its leading slash.
    pub(crate) path: String,
    pub(crate) transformation: Option<String>,
    pub(crate) referrer: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) trace_id: Option<String>,
}

/// What a debug token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Debugging {
    /// No token was sent.
    #[default]
    Unasked,
    /// Everything about the failure is told.
    Granted,
    /// The token opens nothing.
    Refused(DebugTokenError),
}

impl EventContext {
    /// The context of an answer that is an error: with a debug token its reason is told, whatever the endpoint's level.
    pub(crate) fn of_error(&self) -> Cow<'_, Self> {
        match self.debug {
            Debugging::Granted => Cow::Owned(Self {
                detail_level: DetailLevel::Reason,
                ..self.clone()
            }),
            Debugging::Unasked | Debugging::Refused(_) => Cow::Borrowed(self),
        }
    }

    /// The events of a request: one per attempt, the headline marked where the request failed.
    pub(crate) fn events(&self, attempts: &[FailedAttempt], outcome: Outcome) -> Vec<FailureEvent> {
        self.events_at(attempts, outcome, None)
    }

    /// The events of a request that was answered at `now` with what `attempts` of an earlier one had found.
    pub(crate) fn repeated_events(
        &self,
        attempts: &[FailedAttempt],
        outcome: Outcome,
        now: DateTime<Utc>,
    ) -> Vec<FailureEvent> {
        self.events_at(attempts, outcome, Some(now))
    }

    fn events_at(
        &self,
        attempts: &[FailedAttempt],
        outcome: Outcome,
        repeated_at: Option<DateTime<Utc>>,
    ) -> Vec<FailureEvent> {
        let reasons: Vec<Reason> = attempts
            .iter()
            .map(|attempt| attempt.failure.reason)
            .collect();
        let headline = headline(&reasons).filter(|_| outcome == Outcome::Failed);
        let path = stored_path(&self.path);
        attempts
            .iter()
            .enumerate()
            .map(|(index, attempt)| FailureEvent {
                event_id: EventId::mint(),
                tenant_id: self.tenant_id,
                occurred_at: repeated_at.unwrap_or(attempt.ended_at),
                request_id: self.request_id,
                attempt: attempt.attempt,
                headline: headline == Some(index),
                outcome,
                occurrences: 1,
                reason: attempt.failure.reason,
                endpoint_no: self.endpoint.0,
                origin_no: attempt
                    .origin
                    .as_ref()
                    .map_or(OriginNo::NONE, |origin| origin.no),
                origin_kind: attempt.origin_kind(),
                config_version: self.config_version,
                endpoint_version: self.endpoint.1,
                origin_version: attempt
                    .origin
                    .as_ref()
                    .map_or(StreamVersion(0), |origin| origin.version),
                upstream_status: attempt
                    .failure
                    .upstream_status
                    .and_then(|status| i16::try_from(status).ok())
                    .unwrap_or(0),
                duration_ms: match repeated_at {
                    Some(_) => 0,
                    None => i32::try_from(attempt.duration.as_millis()).unwrap_or(i32::MAX),
                },
                path: path.clone(),
                detail: Some(Box::new(self.detail(attempt, repeated_at.is_some()))),
            })
            .collect()
    }

    fn detail(&self, attempt: &FailedAttempt, is_repeat: bool) -> FailureDetail {
        let failure = &attempt.failure;
        let is_repeat = is_repeat || attempt.is_repeat;
        let url_text = |text: &String| redact_target(text, MAX_URL_BYTES);
        let client_text = |text: &String| redact_target(text, MAX_CLIENT_TEXT_BYTES);
        FailureDetail {
            detail_level: self.detail_level,
            method: self.method.clone(),
            url: url_text(&self.target),
            transformation: self.transformation.as_ref().map(url_text),
            location: failure.location.clone(),
            provider_code: failure.provider_code.clone(),
            provider_request_id: failure.provider_request_id.clone(),
            timings: if is_repeat {
                PhaseTimings::default()
            } else {
                failure.timings
            },
            response_headers: failure.response_headers.clone(),
            body_excerpt: failure.body_excerpt.clone(),
            looks_like: failure.looks_like,
            limit: failure.limit.clone(),
            layer_input: failure.layer_input,
            note: note(failure, is_repeat),
            retries: if is_repeat { 0 } else { failure.retries },
            referrer: self.referrer.as_ref().map(client_text),
            user_agent: self
                .user_agent
                .as_ref()
                .map(|text| printable(text, MAX_CLIENT_TEXT_BYTES)),
            trace_id: self.trace_id.clone(),
        }
    }
}

/// The line for people; says where nobody was asked.
fn note(failure: &AttemptFailure, is_repeat: bool) -> Option<String> {
    if !is_repeat {
        return failure.note.clone();
    }
    let note = failure.note.as_ref().map(|note| format!(": {note}"));
    Some(format!(
        "repeated from the negative cache{}",
        note.unwrap_or_default()
    ))
}

/// Printable ASCII of `text`, at most `max_bytes` long.
fn printable(text: &str, max_bytes: usize) -> String {
    text.chars()
        .map(|c| if (' '..='~').contains(&c) { c } else { '?' })
        .take(max_bytes)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> EventContext {
        EventContext {
            tenant_id: TenantId(1),
            config_version: TenantSeq(7),
            endpoint: (UrlEndpointNo(2), StreamVersion(3)),
            detail_level: DetailLevel::Reason,
            debug: Debugging::Unasked,
            request_id: RequestId::mint(),
            method: "GET".to_owned(),
            target: "/demo/a.jpg?ik-s=abc&token=t".to_owned(),
            path: "/a.jpg".to_owned(),
            transformation: None,
            referrer: Some("https://shop.example/?session=1".to_owned()),
            user_agent: Some("curl\u{1b}/8".to_owned()),
            trace_id: None,
        }
    }

    fn attempt(number: i16, reason: Reason) -> FailedAttempt {
        FailedAttempt {
            attempt: number,
            ..FailedAttempt::before_any_origin(AttemptFailure::new(reason), DateTime::UNIX_EPOCH)
        }
    }

    #[test]
    fn a_failed_request_has_one_headline_and_an_event_per_attempt() {
        let attempts = [
            attempt(1, Reason::ObjectNotFound),
            attempt(2, Reason::AccessDenied),
        ];
        let events = context().events(&attempts, Outcome::Failed);
        let headlines: Vec<_> = events.iter().map(|event| event.headline).collect();
        assert_eq!(headlines, [false, true]);
        assert!(events.iter().all(|event| event.occurrences == 1));
        assert_eq!(headline_of(&attempts).unwrap().attempt, 2);
    }

    #[test]
    fn a_rescued_request_has_no_headline() {
        let events = context().events(&[attempt(1, Reason::AccessDenied)], Outcome::Rescued);
        assert!(!events[0].headline);
    }

    #[test]
    fn a_repeat_happens_now_and_says_that_nobody_was_asked() {
        let mut asked = attempt(1, Reason::AccessDenied);
        asked.duration = Duration::from_millis(40);
        asked.failure.retries = 1;
        let now = DateTime::UNIX_EPOCH + Duration::from_secs(3);
        let events = context().repeated_events(&[asked], Outcome::Failed, now);
        assert_eq!((events[0].occurred_at, events[0].duration_ms), (now, 0));
        assert!(events[0].headline);
        let detail = events[0].detail.as_ref().unwrap();
        assert_eq!(detail.retries, 0);
        assert_eq!(
            detail.note.as_deref(),
            Some("repeated from the negative cache")
        );
    }

    #[test]
    fn nothing_secret_or_unprintable_is_stored() {
        let events = context().events(&[attempt(1, Reason::AccessDenied)], Outcome::Failed);
        let detail = events[0].detail.as_ref().unwrap();
        assert_eq!(detail.url, "/demo/a.jpg?token=REDACTED");
        assert_eq!(
            detail.referrer.as_deref(),
            Some("https://shop.example/?session=REDACTED")
        );
        assert_eq!(detail.user_agent.as_deref(), Some("curl?/8"));
    }
}
