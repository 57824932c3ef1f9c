//! The only place that writes header fields.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use limpid_domain::ids::{EventId, RequestId};
use sha2::{Digest, Sha256};

use crate::content_coding::{AcceptedCodings, Representation};
use crate::error::ErrorAnswer;
use crate::preferences::ChosenBy;
use crate::variant::Variant;

use conditional::{BodyRange, Conditions};

pub(crate) mod conditional;
pub(crate) mod disposition;

/// An answer on its way out.
pub(crate) type HttpResponse = Response<Full<Bytes>>;

/// How long a success may be kept. Source: `imagekit.md` 6.1.
const SUCCESS_CACHE_CONTROL: HeaderValue =
    HeaderValue::from_static("public, s-maxage=31536000, max-age=31536000, must-revalidate");
/// How long a stand-in may be kept: a repaired origin must show within a minute. Units: s.
const STAND_IN_SECONDS: u64 = 60;
/// Failures are never kept, so that a repaired origin works at once. Source: `imagekit.md` 1.1.
const ERROR_CACHE_CONTROL: HeaderValue = HeaderValue::from_static("no-cache,no-store");
/// What a page on another host may read of an error.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ik-error, ik-error-reason, ik-error-detail, ik-request-id, ik-event-id, ik-warning, proxy-status, retry-after",
);
/// Documents that could run scripts must not. Source: `reliability.md` 7.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
);
const ANY: HeaderValue = HeaderValue::from_static("*");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

const CONTENT_DPR: HeaderName = HeaderName::from_static("content-dpr");
const IK_ERROR: HeaderName = HeaderName::from_static("ik-error");
const IK_ERROR_REASON: HeaderName = HeaderName::from_static("ik-error-reason");
const IK_ERROR_DETAIL: HeaderName = HeaderName::from_static("ik-error-detail");
const IK_EVENT_ID: HeaderName = HeaderName::from_static("ik-event-id");
const IK_WARNING: HeaderName = HeaderName::from_static("ik-warning");
const IK_REQUEST_ID: HeaderName = HeaderName::from_static("ik-request-id");
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What a success depends on beside the variant.
#[derive(Debug, Clone)]
pub(crate) struct SuccessContext<'a> {
    pub(crate) request_id: RequestId,
    pub(crate) conditions: &'a Conditions,
    pub(crate) codings: AcceptedCodings,
    /// Name of the download where one is asked for, without regard to the delivered format.
    pub(crate) attachment: Option<&'a str>,
    /// Where a default image or an old copy stands in: why, if the endpoint's detail level tells, and the event that records it.
    pub(crate) stand_in: Option<StandIn>,
    /// Which header fields chose the variant, beside `Accept`.
    pub(crate) chosen_by: ChosenBy,
    /// `Content-DPR`
    pub(crate) content_dpr: Option<&'a str>,
    /// The moment of the request.
    pub(crate) now: DateTime<Utc>,
}

/// What is served in place of the file as it is now, why, and for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StandIn {
    pub(crate) kind: StandInKind,
    pub(crate) reason: Option<&'static str>,
    pub(crate) event_id: Option<EventId>,
}

/// What stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StandInKind {
    /// Another picture that the request names.
    DefaultImage,
    /// The file as it was this long ago.
    Stale { age: Duration },
}

/// The answer with a variant: 200, 206, 304 or 416.
pub(crate) fn success(variant: &Variant, context: &SuccessContext<'_>) -> HttpResponse {
    let conditions = context.conditions;
    let accepted = if conditions.asks_for_a_part() {
        // parts are parts of the body as it is, so that they fit together whoever compressed
        AcceptedCodings::default()
    } else {
        context.codings
    };
    let chosen = variant.coded.choose(&variant.body, accepted);
    let etag = etag_in(&variant.etag, chosen.coding);
    if conditions.is_not_modified(&etag, variant.last_modified) {
        let mut response = with_body(StatusCode::NOT_MODIFIED, Bytes::new());
        write_validators(response.headers_mut(), variant, &etag, context);
        return response;
    }
    let length = chosen.body.len();
    match conditions.body_range(length, &etag, variant.last_modified) {
        BodyRange::Whole => {
            let mut response = with_body(StatusCode::OK, chosen.body.clone());
            write_success(response.headers_mut(), variant, (&chosen, &etag), context);
            response
        }
        BodyRange::Part(range) => {
            let content_range = format!(
                "bytes {}-{}/{length}",
                range.start,
                range.end.saturating_sub(1)
            );
            let part = chosen.body.slice(range);
            let mut response = with_body(StatusCode::PARTIAL_CONTENT, part);
            write_success(response.headers_mut(), variant, (&chosen, &etag), context);
            put(
                response.headers_mut(),
                header::CONTENT_RANGE,
                &content_range,
            );
            response
        }
        BodyRange::Unsatisfiable => {
            let mut response = with_body(StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new());
            write_open_to_pages(response.headers_mut(), context.request_id);
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, ERROR_CACHE_CONTROL);
            put(headers, header::CONTENT_RANGE, &format!("bytes */{length}"));
            response
        }
    }
}

/// Each coding of a body has a tag of its own: they are different bytes.
fn etag_in(etag: &str, coding: Option<&str>) -> String {
    match coding {
        Some(coding) => format!("{}-{coding}\"", etag.trim_end_matches('"')),
        None => etag.to_owned(),
    }
}

/// The answer with an error.
pub(crate) fn error(answer: &ErrorAnswer) -> HttpResponse {
    let mut response = with_body(answer.status, Bytes::from_static(answer.body.as_bytes()));
    let headers = response.headers_mut();
    write_open_to_pages(headers, answer.request_id);
    headers.insert(header::CONTENT_TYPE, PLAIN_TEXT);
    headers.insert(header::CACHE_CONTROL, ERROR_CACHE_CONTROL);
    headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    put(headers, header::ETAG, &error_etag(answer.body));
    write_error(headers, answer);
    if let Some(detail) = &answer.detail {
        put(headers, IK_ERROR_DETAIL, detail);
    }
    if let Some(event_id) = answer.event_id {
        put(headers, IK_EVENT_ID, &event_id.to_string());
    }
    if let Some(retry_after) = answer.retry_after {
        put(
            headers,
            header::RETRY_AFTER,
            &retry_after.as_secs().to_string(),
        );
    }
    match answer.status {
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(header::ALLOW, METHODS);
        }
        StatusCode::UNAUTHORIZED => {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("ik-signature"),
            );
        }
        _ => {}
    }
    response
}

/// The answer with a default image, saying too what it stands in for: whoever looks for the cause finds it where errors have it.
pub(crate) fn with_error(mut response: HttpResponse, error: &ErrorAnswer) -> HttpResponse {
    let status = response.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        write_error(response.headers_mut(), error);
    }
    response
}

fn write_error(headers: &mut HeaderMap, error: &ErrorAnswer) {
    put(headers, IK_ERROR, &error.ik_error);
    if let Some(reason) = error.reason {
        put(headers, IK_ERROR_REASON, reason);
    }
    if let Some(proxy_status) = &error.proxy_status {
        put(headers, PROXY_STATUS, proxy_status);
    }
}

/// The answer to `OPTIONS`.
pub(crate) fn options(request_id: RequestId) -> HttpResponse {
    let mut response = with_body(StatusCode::NO_CONTENT, Bytes::new());
    let headers = response.headers_mut();
    write_open_to_pages(headers, request_id);
    headers.insert(header::ALLOW, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ANY);
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("86400"),
    );
    response
}

/// A sealed answer to one of our own processes.
pub(crate) fn sealed(message: Vec<u8>) -> HttpResponse {
    let mut response = with_body(StatusCode::OK, Bytes::from(message));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::CACHE_CONTROL, ERROR_CACHE_CONTROL);
    response
}

/// The answer of a health check.
pub(crate) fn health(is_well: bool, json: String) -> HttpResponse {
    let status = if is_well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut response = with_body(status, Bytes::from(json));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, ERROR_CACHE_CONTROL);
    response
}

/// The same answer to `HEAD`: status and fields, no body.
pub(crate) fn without_body(response: HttpResponse) -> HttpResponse {
    let (parts, _) = response.into_parts();
    Response::from_parts(parts, Full::default())
}

/// The same answer on a connection that ends with it.
pub(crate) fn closing(mut response: HttpResponse) -> HttpResponse {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// The strong tag of a body.
pub(crate) fn etag_of(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    format!("\"{}\"", hex::encode(digest.get(..16).unwrap_or_default()))
}

fn with_body(status: StatusCode, body: Bytes) -> HttpResponse {
    let length = body.len();
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    if !matches!(status, StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT) {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

fn write_success(
    headers: &mut HeaderMap,
    variant: &Variant,
    (chosen, etag): (&Representation<'_>, &str),
    context: &SuccessContext<'_>,
) {
    write_validators(headers, variant, etag, context);
    if let Some(coding) = chosen.coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    put(headers, header::CONTENT_TYPE, &variant.content_type);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if !variant.is_raster {
        headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    }
    if let Some(link) = &variant.canonical_link {
        put(headers, header::LINK, link);
    }
    write_warning(headers, variant, context.stand_in);
    if let Some(name) = context.attachment {
        let name = disposition::with_extension(name, variant.extension);
        put(
            headers,
            header::CONTENT_DISPOSITION,
            &disposition::attachment(&name),
        );
    }
}

/// What about the picture is not as asked, the picture itself being another one first.
fn write_warning(headers: &mut HeaderMap, variant: &Variant, stand_in: Option<StandIn>) {
    let mut warnings = Vec::new();
    if let Some(stand_in) = stand_in {
        let reason = stand_in.reason.map(|reason| format!("; reason={reason}"));
        let kind = match stand_in.kind {
            StandInKind::DefaultImage => "default-image",
            StandInKind::Stale { .. } => "stale",
        };
        warnings.push(format!("{kind}{}", reason.unwrap_or_default()));
        if let Some(event_id) = stand_in.event_id {
            put(headers, IK_EVENT_ID, &event_id.to_string());
        }
    }
    if let Some(reason) = variant.focus_fallback {
        warnings.push(format!("focus-fallback; reason={reason}"));
    }
    if !warnings.is_empty() {
        put(headers, IK_WARNING, &warnings.join(", "));
    }
}

/// What a 304 says too.
fn write_validators(
    headers: &mut HeaderMap,
    variant: &Variant,
    etag: &str,
    context: &SuccessContext<'_>,
) {
    write_open_to_pages(headers, context.request_id);
    headers.insert(header::CACHE_CONTROL, cache_control(variant, context));
    let age = match context.stand_in {
        Some(stand_in) => age_of(stand_in),
        None => age_by_origin(variant, context.now),
    };
    if let Some(age) = age {
        headers.insert(header::AGE, HeaderValue::from(age.as_secs()));
    }
    put(headers, header::ETAG, etag);
    if let Some(modified) = variant.last_modified {
        put(headers, header::LAST_MODIFIED, &http_date(modified));
    }
    let mut fields = context.chosen_by.fields();
    if variant.varies_by_accept {
        fields.insert(0, "Accept");
    }
    if variant.coded.varies {
        fields.push("Accept-Encoding");
    }
    if !fields.is_empty() {
        put(headers, header::VARY, &fields.join(", "));
    }
    if let Some(ratio) = context.content_dpr {
        put(headers, CONTENT_DPR, ratio);
    }
}

/// Private files must not stay in caches that others ask, and stand-ins nowhere for long.
fn cache_control(variant: &Variant, context: &SuccessContext<'_>) -> HeaderValue {
    let decided = variant
        .lifetime
        .as_ref()
        .filter(|_| context.stand_in.is_none());
    if let Some(decided) = decided.and_then(|(lifetime, _)| lifetime.header(variant.is_private)) {
        return decided;
    }
    match (variant.is_private, context.stand_in) {
        (false, None) => SUCCESS_CACHE_CONTROL,
        (true, None) => HeaderValue::from_static("private, max-age=31536000, must-revalidate"),
        (is_private, Some(stand_in)) => {
            // A cache takes the age off: what is left is the same for every stand-in.
            let seconds = STAND_IN_SECONDS + age_of(stand_in).map_or(0, |age| age.as_secs());
            let text = if is_private {
                format!("private, max-age={seconds}, must-revalidate")
            } else {
                format!("public, s-maxage={seconds}, max-age={seconds}, must-revalidate")
            };
            HeaderValue::from_str(&text).unwrap_or(ERROR_CACHE_CONTROL)
        }
    }
}

/// How much of the time its origin gave it an answer has spent already; who keeps it takes that off. Source: RFC 9111 5.1.
fn age_by_origin(variant: &Variant, now: DateTime<Utc>) -> Option<Duration> {
    let (lifetime, until) = variant.lifetime.as_ref()?;
    let rest = *until - now;
    let age = TimeDelta::from_std(lifetime.shared()).ok()? - rest;
    age.to_std().ok().filter(|age| age.as_secs() > 0)
}

fn age_of(stand_in: StandIn) -> Option<Duration> {
    match stand_in.kind {
        StandInKind::Stale { age } => Some(age),
        StandInKind::DefaultImage => None,
    }
}

/// What every answer carries, so that pages on other hosts may use and measure it.
fn write_open_to_pages(headers: &mut HeaderMap, request_id: RequestId) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.insert(TIMING_ALLOW_ORIGIN, ANY);
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    put(headers, IK_REQUEST_ID, &request_id.to_string());
}

/// Weak, with the length before the hash, as ImageKit's error answers have it. Source: `imagekit.md` 1.1.
fn error_etag(body: &str) -> String {
    let digest = Sha256::digest(body.as_bytes());
    let short = hex::encode(digest.get(..11).unwrap_or_default());
    format!("W/\"{:x}-{short}\"", body.len())
}

fn http_date(time: SystemTime) -> String {
    httpdate::fmt_http_date(time)
}

/// Sets a field. A value that is no field value cannot occur, since all are built from printable ASCII; it would be left out.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use crate::content_coding::CodedBodies;

    use super::*;

    fn variant() -> Variant {
        Variant {
            coded: CodedBodies::default(),
            body: Bytes::from_static(b"0123456789"),
            content_type: "image/webp".to_owned(),
            etag: etag_of(b"0123456789"),
            last_modified: None,
            varies_by_accept: true,
            is_raster: true,
            extension: Some("webp"),
            canonical_link: None,
            focus_fallback: None,
            is_private: false,
            lifetime: None,
        }
    }

    fn context<'a>(conditions: &'a Conditions, attachment: Option<&'a str>) -> SuccessContext<'a> {
        SuccessContext {
            request_id: RequestId::mint(),
            conditions,
            codings: AcceptedCodings::default(),
            attachment,
            stand_in: None,
            chosen_by: ChosenBy::default(),
            content_dpr: None,
            now: DateTime::UNIX_EPOCH,
        }
    }

    fn answer(fields: &[(&'static str, &str)], attachment: Option<&str>) -> HttpResponse {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(*name, value.parse().unwrap());
        }
        let conditions = Conditions::from_headers(&headers);
        let context = context(&conditions, attachment);
        success(&variant(), &context)
    }

    fn value<'a>(response: &'a HttpResponse, name: &str) -> &'a str {
        response.headers()[name].to_str().unwrap()
    }

    #[test]
    fn a_success_says_how_long_it_lasts_and_what_chose_it() {
        let response = answer(&[], Some("photo.jpg"));
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            value(&response, "cache-control"),
            "public, s-maxage=31536000, max-age=31536000, must-revalidate"
        );
        assert_eq!(value(&response, "vary"), "Accept");
        assert_eq!(value(&response, "content-length"), "10");
        assert_eq!(
            value(&response, "content-disposition"),
            "attachment; filename=\"photo.webp\""
        );
        assert!(response.headers().get("content-security-policy").is_none());
    }

    #[test]
    fn a_copy_that_is_still_good_is_not_sent_again() {
        let response = answer(&[("if-none-match", &variant().etag)], None);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        for name in ["etag", "cache-control", "vary"] {
            assert!(response.headers().contains_key(name), "{name}");
        }
        assert!(!response.headers().contains_key("content-length"));
    }

    #[test]
    fn a_part_says_where_it_belongs() {
        let response = answer(&[("range", "bytes=2-4")], None);
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(value(&response, "content-range"), "bytes 2-4/10");
        assert_eq!(value(&response, "content-length"), "3");
        let beyond = answer(&[("range", "bytes=10-")], None);
        assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(value(&beyond, "content-range"), "bytes */10");
    }

    #[test]
    fn documents_that_could_run_scripts_are_sandboxed() {
        let document = Variant {
            is_raster: false,
            content_type: "image/svg+xml".to_owned(),
            ..variant()
        };
        let conditions = Conditions::default();
        let context = context(&conditions, None);
        let response = success(&document, &context);
        assert!(value(&response, "content-security-policy").contains("sandbox"));
    }

    #[test]
    fn a_picture_that_is_not_quite_as_asked_says_so() {
        let conditions = Conditions::default();
        let context = context(&conditions, None);
        let elsewhere = Variant {
            focus_fallback: Some("no-face"),
            ..variant()
        };
        assert_eq!(
            value(&success(&elsewhere, &context), "ik-warning"),
            "focus-fallback; reason=no-face"
        );
        let as_asked = success(&variant(), &context);
        assert!(!as_asked.headers().contains_key("ik-warning"));
    }
}
