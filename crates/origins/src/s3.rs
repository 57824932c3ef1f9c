//! `S3`, `S3_COMPATIBLE`, `CLOUDINARY_BACKUP`: an object by key, signed with Signature Version 4.
//!
//! The request travels over our own transport, so guard, time-outs, limits and timings are the same as for web origins;
//! from Amazon's SDK comes the signature, the part that must agree with the provider bit by bit.

mod address;
mod sign;

use std::borrow::Cow;
use std::time::Instant;

use http::StatusCode;
use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::origin::{OriginCredentials, OriginLocation};
use percent_encoding::{AsciiSet, percent_decode_str, utf8_percent_encode};
use secrecy::ExposeSecret;
use url::Url;

use crate::ambient::Keys;
use crate::attempt::{Attempt, AttemptResult};
use crate::classify::s3::{S3Error, reason_of};
use crate::classify::text::printable;
use crate::config::FetchConfig;
use crate::exchange::{Answer, Outgoing};
use crate::existence::{self, Part};
use crate::fetch::{FetchContext, Original};
use crate::location;
use crate::path::FilePath;
use crate::scrub;
use crate::store::{self, KEY, Marks, ProviderError, Refused, may_be_missing};
use address::Bucket;

/// What stands for itself in a query that is signed. Source: as for keys, whose slash is none here.
const VERSION: &AsciiSet = &KEY.add(b'/');

/// Objects whose metadata says `isprivatefile: true` need a signed URL.
pub(crate) const MARKS: Marks = Marks {
    request_id: "x-amz-request-id",
    is_private: "x-amz-meta-isprivatefile",
};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
struct Object<'a> {
    key: &'a str,
    /// Which version; the newest where none is named.
    version: Option<&'a str>,
}

/// A bucket and what opens it.
struct Opened {
    bucket: Bucket,
    keys: Option<Keys>,
}

impl std::ops::Deref for Opened {
    type Target = Bucket;

    fn deref(&self) -> &Bucket {
        &self.bucket
    }
}

/// Fetches an object: by the decoded path, then by the path as it came, for tools that store keys percent-encoded.
pub(crate) async fn fetch(
    context: &FetchContext<'_>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let bucket = Bucket::of(&context.access.settings.location, context.config())?;
    let path = FilePath::parse(context.request.path)?;
    let decoded = path.decoded()?;
    let keys = sign::signer(context, attempt).await?;
    if let Some(keys) = &keys {
        let session = keys.session_token.iter();
        for secret in session.chain([&keys.access_key, &keys.secret_key]) {
            attempt.trace.hide(secret);
        }
    }
    let store = Opened { bucket, keys };
    let fetched = by_either_key(context, &store, path, &decoded, attempt).await;
    fetched.map_err(|mut failed| {
        let Some(keys) = &store.keys else {
            return failed;
        };
        let are_the_machines = matches!(context.access.credentials, OriginCredentials::None);
        if are_the_machines && failed.reason == Reason::CredentialsExpired {
            context.forget_ambient_keys();
        }
        let session = keys.session_token.as_ref();
        let secrets = [Some(&keys.access_key), Some(&keys.secret_key), session];
        let secrets: Vec<Cow<'_, str>> = secrets
            .into_iter()
            .flatten()
            .map(|secret| secret.expose_secret().into())
            .collect();
        scrub::remove(&mut failed, &secrets);
        failed
    })
}

/// The URLs a path is asked for at, in this order.
pub(crate) fn urls(
    location: &OriginLocation,
    config: &FetchConfig,
    path: &str,
) -> AttemptResult<Vec<Url>> {
    let bucket = Bucket::of(location, config)?;
    FilePath::urls(path, |key| {
        bucket.url(&bucket.key(key)?, &bucket.default_region())
    })
}

/// What the store says about an object without sending it.
pub(crate) async fn status(
    context: &FetchContext<'_>,
    part: Part,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<StatusCode> {
    let bucket = Bucket::of(&context.access.settings.location, context.config())?;
    let key = bucket.key(&FilePath::parse(context.request.path)?.decoded()?)?;
    let keys = sign::signer(context, attempt).await?;
    let store = Opened { bucket, keys };
    let object = Object {
        key: &key,
        version: context.request.object_version,
    };
    let answer = send(context, &store, object, part, attempt).await?;
    Ok(existence::status_of(answer, attempt).await)
}

async fn by_either_key(
    context: &FetchContext<'_>,
    bucket: &Opened,
    path: FilePath<'_>,
    decoded: &str,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let missing = match get(context, bucket, decoded, attempt).await {
        Err(failed) if may_be_missing(failed.reason) => failed,
        settled => return settled,
    };
    if decoded != path.raw() {
        let started = Instant::now();
        let as_it_came = get(context, bucket, path.raw(), attempt).await;
        attempt.trace.step("key", as_it_came.is_ok(), started, || {
            "tried the key as it stands in the URL".to_owned()
        });
        if as_it_came.is_ok() {
            return as_it_came;
        }
    }
    if missing.reason == Reason::ObjectNotFound
        && let Some(existing) = find_other_encoding(context, bucket, decoded, attempt).await
    {
        let mut mismatch = missing;
        mismatch.reason = Reason::KeyEncodingMismatch;
        mismatch.note = Some(printable(&format!("the object is stored as {existing}")));
        return Err(mismatch);
    }
    Err(missing)
}

/// A key that a careless encoder would have meant: `+` for a space, or encoded twice. Asked for with `HEAD`, and only
/// for paths that could be such.
async fn find_other_encoding(
    context: &FetchContext<'_>,
    bucket: &Opened,
    path: &str,
    attempt: &mut Attempt<'_>,
) -> Option<String> {
    let with_spaces = path.replace('+', " ");
    let decoded_twice = percent_decode_str(path)
        .decode_utf8()
        .map_or_else(|_| path.to_owned(), Cow::into_owned);
    for other in [with_spaces, decoded_twice] {
        let Some(key) = bucket.key(&other).ok().filter(|_| other != path) else {
            continue;
        };
        let object = Object {
            key: &key,
            version: None,
        };
        let answer = send(context, bucket, object, Part::Nothing, attempt).await;
        if answer.is_ok_and(|answer| answer.status == StatusCode::OK) {
            return Some(key);
        }
    }
    None
}

/// One object, in the version that the request names if the store takes that for the id of one. Publishers also make up
/// versions to get round caches; such a text stands for the object as it is.
async fn get(
    context: &FetchContext<'_>,
    bucket: &Opened,
    path: &str,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let version = context.request.object_version;
    let fetched = get_version(context, bucket, (path, version), attempt).await;
    let is_no_id = |failed: &AttemptFailure| {
        failed.reason == Reason::ObjectNotFound
            && failed.provider_code.as_deref() == Some("InvalidArgument")
    };
    if version.is_none() || !fetched.as_ref().is_err_and(|failed| is_no_id(failed)) {
        return fetched;
    }
    let started = Instant::now();
    let newest = get_version(context, bucket, (path, None), attempt).await;
    attempt.trace.step("version", newest.is_ok(), started, || {
        "the version is no version id of this store: asked for the object as it is".to_owned()
    });
    newest
}

/// One object, with one more try in the region the provider names.
async fn get_version(
    context: &FetchContext<'_>,
    bucket: &Opened,
    (path, version): (&str, Option<&str>),
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let key = bucket.key(path)?;
    let at = |mut failed: Box<AttemptFailure>| {
        failed.location = Some(location::of_object(bucket.name(), &key));
        failed
    };
    let object = Object { key: &key, version };
    let answer = send(context, bucket, object, Part::Whole, attempt)
        .await
        .map_err(at)?;
    if answer.status == StatusCode::OK {
        let found = location::of_object(bucket.name(), &key);
        return store::read(context, answer, found, MARKS, attempt)
            .await
            .map_err(at);
    }
    let (refused, region) = refusal(context, answer, attempt).await;
    let (Reason::WrongRegion, Some(region)) = (refused.reason, region) else {
        return Err(at(refused));
    };
    let started = Instant::now();
    context.state.learn_region(region.clone());
    let answer = send(context, bucket, object, Part::Whole, attempt)
        .await
        .map_err(at)?;
    let healed = if answer.status == StatusCode::OK {
        let found = location::of_object(bucket.name(), &key);
        store::read(context, answer, found, MARKS, attempt).await
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
    bucket: &Opened,
    object: Object<'_>,
    part: Part,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Answer> {
    let region = context
        .state
        .region()
        .unwrap_or_else(|| bucket.default_region());
    let mut url = bucket.url(object.key, &region)?;
    if let Some(version) = object.version {
        let version = utf8_percent_encode(version, VERSION);
        url.set_query(Some(&format!("versionId={version}")));
    }
    let method = part.method();
    let mut headers = part.headers(store::our_headers(context));
    if let Some(keys) = &bucket.keys {
        sign::sign(context, keys, (&method, &url), &region, &mut headers)?;
    }
    let outgoing = Outgoing {
        method,
        url: &url,
        configured: Some(&url),
        headers: &headers,
        body: bytes::Bytes::new(),
    };
    context.exchanger().send(&outgoing, attempt).await
}

/// What an answer other than 200 means, and the region it names.
async fn refusal(
    context: &FetchContext<'_>,
    answer: Answer,
    attempt: &mut Attempt<'_>,
) -> (Box<AttemptFailure>, Option<String>) {
    let refused = store::refused(answer, MARKS, attempt).await;
    let (reason, error, region) = judged(&refused);
    let failed = refused.into_failure(context.now(), reason, error, attempt.trace);
    (failed, region)
}

/// What a refusal stands for, and the region it names.
pub(crate) fn judged(refused: &Refused) -> (Reason, ProviderError, Option<String>) {
    let error = S3Error::parse(&refused.document);
    let reason = reason_of(refused.status, &error);
    let region = store::text(&refused.headers, "x-amz-bucket-region")
        .or_else(|| error.region.clone())
        .filter(|region| address::is_region(region));
    let error = ProviderError {
        code: error.code,
        message: error.message,
        request_id: error.request_id,
    };
    (reason, error, region)
}
