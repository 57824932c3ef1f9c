//! What `WEB_FOLDER` and `WEB_PROXY` have in common: our headers, the redirect loop, what statuses mean.

use std::time::Instant;

use chrono::{DateTime, Utc};
use http::header::{ACCEPT, ACCEPT_ENCODING, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use limpid_domain::failure::{AttemptFailure, Reason, after_redirects};
use opentelemetry::Context;
use opentelemetry::propagation::Injector;
use url::Url;

use crate::attempt::{Attempt, AttemptResult};
use crate::classify::challenge::is_challenge;
use crate::classify::s3::S3Error;
use crate::classify::status::{reason_of_status, retry_after};
use crate::classify::text::{excerpt, telling_headers};
use crate::exchange::{Answer, Outgoing};
use crate::existence::{self, Part};
use crate::fetch::{FetchContext, Original};
use crate::location;
use crate::redirect::{Journey, is_redirect};

/// The marker by which operators recognise us. Source: `imagekit.md` 3.5.
const REQUEST_MARKER: HeaderName = HeaderName::from_static("x-req-from");
/// By which a request that comes back to this installation is recognised. Source: RFC 8586.
const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
/// By which our own answer to that is told from somebody else's 508.
const IK_ERROR: HeaderName = HeaderName::from_static("ik-error");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: &str = "traceparent";
const IS_PRIVATE_FILE: HeaderName = HeaderName::from_static("is-private-file");

/// The longest code of an object store that is taken for one. Units: bytes.
const MAX_CODE_BYTES: usize = 64;

/// How much of an error page is looked at for the marks of a challenge.
const ERROR_PAGE_BYTES: usize = 16 * 1024;

/// Fetches a URL, following redirects. `configured` is the tenant's own base URL, where there is one; `host` replaces
/// the `Host` header towards the first URL.
pub(crate) async fn fetch(
    context: &FetchContext<'_>,
    first: Url,
    configured: Option<&Url>,
    host: Option<&str>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let mut journey = Journey::new(first, headers_for(context, Part::Whole, host));
    loop {
        let step = visit(context, Part::Whole, &journey, configured, attempt).await;
        let answer = step.map_err(|failed| at(failed, &journey))?;
        if !is_redirect(answer.status) {
            return finish(context, journey.url(), answer, attempt)
                .await
                .map_err(|failed| at(failed, &journey));
        }
        let started = Instant::now();
        let followed = journey.follow(&answer.headers);
        attempt
            .trace
            .step("redirect", followed.is_ok(), started, || match &followed {
                Ok(()) => location::of_url(journey.url()),
                Err(failed) => failed.note.clone().unwrap_or_default(),
            });
        followed.map_err(|mut failed| {
            failed.upstream_status = Some(answer.status.as_u16());
            at(failed, &journey)
        })?;
        // The page under a redirect is not worth reading, but a short one read to its end saves a connection.
        answer.body.read_excerpt(ERROR_PAGE_BYTES, attempt).await;
    }
}

/// What a web server says about a URL without sending what is there, following redirects like [`fetch`].
pub(crate) async fn status(
    context: &FetchContext<'_>,
    (part, first): (Part, Url),
    configured: Option<&Url>,
    host: Option<&str>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<StatusCode> {
    let mut journey = Journey::new(first, headers_for(context, part, host));
    loop {
        let answer = visit(context, part, &journey, configured, attempt).await?;
        if !is_redirect(answer.status) {
            return Ok(existence::status_of(answer, attempt).await);
        }
        journey.follow(&answer.headers)?;
        existence::status_of(answer, attempt).await;
    }
}

async fn visit(
    context: &FetchContext<'_>,
    part: Part,
    journey: &Journey,
    configured: Option<&Url>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Answer> {
    let outgoing = Outgoing {
        method: part.method(),
        url: journey.url(),
        configured,
        headers: journey.headers(),
        body: bytes::Bytes::new(),
    };
    context.exchanger().send(&outgoing, attempt).await
}

/// The original, or what the answer says instead.
async fn finish(
    context: &FetchContext<'_>,
    url: &Url,
    answer: Answer,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    if answer.status != StatusCode::OK {
        return Err(refusal(context, answer, attempt).await);
    }
    let (status, headers) = (answer.status, answer.headers);
    let body = answer.body.read(&headers, context.body_limits(), attempt);
    let read = body.await.map_err(|mut failed| {
        failed.upstream_status = Some(status.as_u16());
        failed.response_headers = telling_headers(&headers);
        failed
    })?;
    let is_private = headers
        .get(IS_PRIVATE_FILE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    Ok(Original::new(
        read,
        &headers,
        location::of_url(url),
        is_private,
    ))
}

async fn refusal(
    context: &FetchContext<'_>,
    answer: Answer,
    attempt: &mut Attempt<'_>,
) -> Box<AttemptFailure> {
    let (status, headers) = (answer.status, answer.headers);
    let started = Instant::now();
    let page = answer.body.read_page(ERROR_PAGE_BYTES, attempt).await;
    let failed = classified(status, &headers, &page, context.now());
    attempt.trace.step("classify", false, started, || {
        format!("status {} means {}", named(status), failed.reason)
    });
    failed
}

/// What a web server's answer other than 200 means.
pub(crate) fn classified(
    status: StatusCode,
    headers: &HeaderMap,
    page: &[u8],
    now: DateTime<Utc>,
) -> Box<AttemptFailure> {
    let store_code = code_of_store(headers, page);
    let is_ours = status == StatusCode::LOOP_DETECTED && headers.contains_key(IK_ERROR);
    let (reason, note) = if is_ours {
        let note = "the origin is this platform itself: the request came back to it (status 508)";
        (Reason::HostNotAllowed, note.to_owned())
    } else if is_challenge(status, headers, page) {
        (
            Reason::BotChallenge,
            format!("the origin answered {}", named(status)),
        )
    } else {
        let note = format!("the origin answered {}", named(status));
        let reason = store_code
            .as_deref()
            .and_then(|code| reason_of_store(status, code));
        (reason.unwrap_or_else(|| reason_of_status(status)), note)
    };
    let mut failed = AttemptFailure::new(reason).with_note(note);
    failed.upstream_status = Some(status.as_u16());
    failed.provider_code = store_code;
    failed.provider_request_id = ["x-request-id", "x-amz-request-id", "cf-ray", "x-amz-cf-id"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok())
        .map(crate::classify::text::printable);
    failed.retry_after = retry_after(headers, now);
    failed.response_headers = telling_headers(headers);
    failed.body_excerpt = excerpt(page);
    Box::new(failed)
}

/// The code of an object store that stands behind a web server, or is one: buckets are attached by their public address, too.
/// Source: the error documents of S3 and its look-alikes, Google Cloud Storage among them.
fn code_of_store(headers: &HeaderMap, page: &[u8]) -> Option<String> {
    let is_xml = headers.get(http::header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes().ends_with(b"/xml") || kind.as_bytes().starts_with(b"application/xml")
    });
    let code = S3Error::parse(page).code.filter(|_| is_xml)?;
    let is_code = code.len() <= MAX_CODE_BYTES
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    is_code.then_some(code)
}

/// What a store's code says more precisely than the status does to somebody who comes without credentials.
fn reason_of_store(status: StatusCode, code: &str) -> Option<Reason> {
    Some(match (status.as_u16(), code) {
        // Who may not list the bucket is not told which objects are missing.
        (403, "AccessDenied") => Reason::AccessDeniedOrMissing,
        (404, "NoSuchBucket") => Reason::BucketNotFound,
        (403, "InvalidObjectState") => Reason::ObjectArchived,
        (503, "SlowDown") => Reason::OriginRateLimited,
        _ => return None,
    })
}

/// A status as people read it: `404 Not Found`, and the number alone where no word goes with it.
fn named(status: StatusCode) -> String {
    status.canonical_reason().map_or_else(
        || status.as_str().to_owned(),
        |reason| format!("{} {reason}", status.as_str()),
    )
}

/// Adds where a failure happened, and after how many redirects.
fn at(mut failed: Box<AttemptFailure>, journey: &Journey) -> Box<AttemptFailure> {
    failed.location = Some(location::of_url(journey.url()));
    let note = failed.note.take();
    failed.note = match journey.followed() {
        0 => note,
        redirects => Some(after_redirects(redirects, &note.unwrap_or_default())),
    };
    failed
}

fn headers_for(context: &FetchContext<'_>, part: Part, host: Option<&str>) -> HeaderMap {
    let mut headers = part.headers(our_headers(context));
    if let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok()) {
        headers.insert(HOST, host);
    }
    headers
}

fn our_headers(context: &FetchContext<'_>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(ACCEPT, HeaderValue::from_static("image/*,*/*;q=0.8"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, context.user_agent());
    headers.insert(REQUEST_MARKER, context.request_marker());
    if let Some(token) = context.loop_token() {
        headers.insert(CDN_LOOP, token);
    }
    if let Ok(id) = HeaderValue::from_str(&context.request.request_id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(traceparent) = current_traceparent() {
        headers.insert(HeaderName::from_static(TRACEPARENT), traceparent);
    }
    headers
}

/// The current span as `traceparent`; nothing when tracing is off. `tracestate` and baggage stay inside.
fn current_traceparent() -> Option<HeaderValue> {
    struct OnlyTraceparent(Option<HeaderValue>);
    impl Injector for OnlyTraceparent {
        fn set(&mut self, key: &str, value: String) {
            if key == TRACEPARENT {
                self.0 = HeaderValue::from_str(&value).ok();
            }
        }
    }
    let mut carrier = OnlyTraceparent(None);
    opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&Context::current(), &mut carrier);
    });
    carrier.0
}
