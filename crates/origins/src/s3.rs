//! `S3`, `S3_COMPATIBLE`, `CLOUDINARY_BACKUP`: an object by key, signed with Signature Version 4.
//!
//! The request travels over our own transport, so guard, time-outs, limits and timings are the same as for web origins;
//! from Amazon's SDK comes the signature, the part that must agree with the provider bit by bit.

mod address;
mod sign;

use std::borrow::Cow;
use std::time::Instant;

use http::{HeaderMap, Method, StatusCode};
use limpid_domain::failure::{AttemptFailure, Reason};
use percent_encoding::percent_decode_str;

use crate::attempt::{Attempt, AttemptResult, failure};
use crate::classify::challenge::is_challenge;
use crate::classify::s3::{MAX_ERROR_BYTES, S3Error, reason_of};
use crate::classify::status::retry_after;
use crate::classify::text::{excerpt, printable, telling_headers};
use crate::exchange::{Answer, Outgoing};
use crate::fetch::{FetchContext, Original};
use crate::location;
use crate::path::FilePath;
use address::Bucket;

/// Longest key. Source: S3 user guide, "Naming Amazon S3 objects". Units: bytes of UTF-8.
const MAX_KEY_BYTES: usize = 1024;

/// Objects whose metadata says `isprivatefile: true` need a signed URL.
const IS_PRIVATE_FILE: &str = "x-amz-meta-isprivatefile";

/// Fetches an object: by the decoded path, then by the path as it came, for tools that store keys percent-encoded.
pub(crate) async fn fetch(
    context: &FetchContext<'_>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let bucket = Bucket::of(&context.access.settings.location, context.config())?;
    let path = FilePath::parse(context.request.path)?;
    let decoded = path.decoded()?;
    let missing = match get(context, &bucket, &decoded, attempt).await {
        Err(failed) if may_be_missing(failed.reason) => failed,
        settled => return settled,
    };
    if decoded != path.raw() {
        let started = Instant::now();
        let as_it_came = get(context, &bucket, path.raw(), attempt).await;
        attempt.trace.step("key", as_it_came.is_ok(), started, || {
            "tried the key as it stands in the URL".to_owned()
        });
        if as_it_came.is_ok() {
            return as_it_came;
        }
    }
    if missing.reason == Reason::ObjectNotFound
        && let Some(existing) = find_other_encoding(context, &bucket, &decoded, attempt).await
    {
        let mut mismatch = missing;
        mismatch.reason = Reason::KeyEncodingMismatch;
        mismatch.note = Some(printable(&format!("the object is stored as {existing}")));
        return Err(mismatch);
    }
    Err(missing)
}

/// Whether another key is worth a try.
fn may_be_missing(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ObjectNotFound | Reason::AccessDeniedOrMissing
    )
}

/// A key that a careless encoder would have meant: `+` for a space, or encoded twice. Asked for with `HEAD`, and only
/// for paths that could be such.
async fn find_other_encoding(
    context: &FetchContext<'_>,
    bucket: &Bucket,
    path: &str,
    attempt: &mut Attempt<'_>,
) -> Option<String> {
    let with_spaces = path.replace('+', " ");
    let decoded_twice = percent_decode_str(path)
        .decode_utf8()
        .map_or_else(|_| path.to_owned(), Cow::into_owned);
    for other in [with_spaces, decoded_twice] {
        if other == path || FilePath::parse(&other).is_err() {
            continue;
        }
        let key = bucket.key(&other);
        let answer = send(context, bucket, &key, Method::HEAD, attempt).await;
        if answer.is_ok_and(|answer| answer.status == StatusCode::OK) {
            return Some(key);
        }
    }
    None
}

/// One object, with one more try in the region the provider names.
async fn get(
    context: &FetchContext<'_>,
    bucket: &Bucket,
    path: &str,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let key = bucket.key(path);
    if key.len() > MAX_KEY_BYTES {
        let note = format!("the key is longer than {MAX_KEY_BYTES} bytes; no origin was asked");
        return Err(failure(Reason::ObjectNotFound, note));
    }
    let at = |mut failed: Box<AttemptFailure>| {
        failed.location = Some(location::of_object(bucket.name(), &key));
        failed
    };
    let answer = send(context, bucket, &key, Method::GET, attempt)
        .await
        .map_err(at)?;
    if answer.status == StatusCode::OK {
        return finish(context, bucket, &key, answer, attempt)
            .await
            .map_err(at);
    }
    let (refused, region) = refusal(context, answer, attempt).await;
    let (Reason::WrongRegion, Some(region)) = (refused.reason, region) else {
        return Err(at(refused));
    };
    let started = Instant::now();
    context.state.learn_region(region.clone());
    let answer = send(context, bucket, &key, Method::GET, attempt)
        .await
        .map_err(at)?;
    let healed = if answer.status == StatusCode::OK {
        finish(context, bucket, &key, answer, attempt).await
    } else {
        Err(refusal(context, answer, attempt).await.0)
    };
    attempt.trace.step("region", healed.is_ok(), started, || {
        format!("asked again in region {region}")
    });
    healed
        .map(|original| Original {
            retries: 1,
            ..original
        })
        .map_err(|mut failed| {
            failed.retries = 1;
            at(failed)
        })
}

async fn send(
    context: &FetchContext<'_>,
    bucket: &Bucket,
    key: &str,
    method: Method,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Answer> {
    let region = context
        .state
        .region()
        .unwrap_or_else(|| bucket.default_region());
    let url = bucket.url(key, &region)?;
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(http::header::USER_AGENT, context.user_agent());
    headers.insert(
        http::header::ACCEPT_ENCODING,
        http::HeaderValue::from_static("identity"),
    );
    sign::sign(context, &method, &url, &region, &mut headers)?;
    let outgoing = Outgoing {
        method,
        url: &url,
        configured: Some(&url),
        headers: &headers,
    };
    context.exchanger().send(&outgoing, attempt).await
}

async fn finish(
    context: &FetchContext<'_>,
    bucket: &Bucket,
    key: &str,
    answer: Answer,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let headers = answer.headers;
    let body = answer.body.read(&headers, context.body_limits(), attempt);
    let bytes = body.await.map_err(|mut failed| {
        failed.upstream_status = Some(StatusCode::OK.as_u16());
        failed.provider_request_id = request_id(&headers);
        failed.response_headers = telling_headers(&headers);
        failed
    })?;
    let is_private = headers
        .get(IS_PRIVATE_FILE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    let found = location::of_object(bucket.name(), key);
    Ok(Original::new(bytes, &headers, found, is_private))
}

/// What an answer other than 200 means, and the region it names.
async fn refusal(
    context: &FetchContext<'_>,
    answer: Answer,
    attempt: &mut Attempt<'_>,
) -> (Box<AttemptFailure>, Option<String>) {
    let (status, headers) = (answer.status, answer.headers);
    let started = Instant::now();
    let document = answer.body.read_excerpt(MAX_ERROR_BYTES, attempt).await;
    let error = S3Error::parse(&document);
    let reason = if error.code.is_none() && is_challenge(status, &headers, &document) {
        Reason::BotChallenge
    } else {
        reason_of(status, &error)
    };
    attempt.trace.step("classify", false, started, || {
        let code = error.code.as_deref().unwrap_or("no code");
        format!("status {status}, {code}: {reason}")
    });
    let region = headers
        .get("x-amz-bucket-region")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
        .or_else(|| error.region.clone())
        .filter(|region| address::is_region(region));
    let mut failed = AttemptFailure::new(reason);
    failed.note = error
        .message
        .clone()
        .or_else(|| Some(format!("the provider answered {status}")));
    failed.upstream_status = Some(status.as_u16());
    failed.provider_request_id = request_id(&headers).or(error.request_id);
    // A document we understood is summed up by its code and message; the rest of it may quote the signed request.
    failed.body_excerpt = match error.code {
        Some(_) => None,
        None => excerpt(&document),
    };
    failed.provider_code = error.code;
    failed.retry_after = retry_after(&headers, context.now());
    failed.response_headers = telling_headers(&headers);
    (Box::new(failed), region)
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-amz-request-id")?.to_str().ok()?;
    Some(printable(value))
}
