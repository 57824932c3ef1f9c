//! `GCS`: an object by key over Cloud Storage's XML interface, with a service account's token.
//!
//! The XML interface, because its error documents tell a missing bucket from a missing object and say which permission was
//! wanting; a download over the JSON interface answers errors as bare text.

mod address;
mod service_account;

use http::StatusCode;
use limpid_domain::failure::Reason;
use limpid_domain::origin::{OriginCredentials, OriginLocation};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::attempt::{Attempt, AttemptResult};
use crate::bearer::{self, Grant, Wanted};
use crate::classify::google::{parse, reason_of};
use crate::config::FetchConfig;
use crate::exchange::Answer;
use crate::existence::{self, Part};
use crate::fetch::{FetchContext, Original};
use crate::location;
use crate::path::FilePath;
use crate::store::{self, Marks, ProviderError, Refused, may_be_missing};
use address::Bucket;

pub(crate) use service_account::ServiceAccount;

pub(crate) const MARKS: Marks = Marks {
    request_id: "x-guploader-uploadid",
    is_private: "x-goog-meta-isprivatefile",
};

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
    let Some(raw) = path.raw_unless(&decoded) else {
        return Err(missing);
    };
    get(context, &bucket, raw, attempt)
        .await
        .map_err(|_also_missing| missing)
}

/// The URLs a path is asked for at, in this order.
pub(crate) fn urls(
    location: &OriginLocation,
    config: &FetchConfig,
    path: &str,
) -> AttemptResult<Vec<Url>> {
    let bucket = Bucket::of(location, config)?;
    FilePath::urls(path, |key| bucket.url(key))
}

/// What the store says about an object without sending it.
pub(crate) async fn status(
    context: &FetchContext<'_>,
    part: Part,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<StatusCode> {
    let bucket = Bucket::of(&context.access.settings.location, context.config())?;
    let url = bucket.url(&FilePath::parse(context.request.path)?.decoded()?)?;
    let (answer, _token) = send(context, &bucket, (part, &url), attempt).await?;
    Ok(existence::status_of(answer, attempt).await)
}

async fn send(
    context: &FetchContext<'_>,
    bucket: &Bucket,
    (part, url): (Part, &Url),
    attempt: &mut Attempt<'_>,
) -> AttemptResult<(Answer, SecretString)> {
    let grant = Grant::Google(account(context));
    let wanted = Wanted {
        part,
        url,
        configured: bucket.configured(),
    };
    bearer::send(
        context,
        &grant,
        wanted,
        store::our_headers(context),
        attempt,
    )
    .await
}

async fn get(
    context: &FetchContext<'_>,
    bucket: &Bucket,
    path: &str,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let url = bucket.url(path)?;
    let found = location::of_url(&url);
    let at = |mut failed: Box<limpid_domain::failure::AttemptFailure>| {
        failed.location.get_or_insert_with(|| found.clone());
        failed
    };
    let (answer, token) = send(context, bucket, (Part::Whole, &url), attempt)
        .await
        .map_err(at)?;
    if answer.status == StatusCode::OK {
        return store::read(context, answer, found.clone(), MARKS, attempt)
            .await
            .map_err(at);
    }
    let refused = store::refused(answer, MARKS, attempt).await;
    let (reason, error) = judged(&refused);
    let failed = refused.into_failure(context.now(), reason, error, attempt.trace);
    Err(at(bearer::without_token(failed, &token)))
}

/// What a refusal stands for.
pub(crate) fn judged(refused: &Refused) -> (Reason, ProviderError) {
    let error = parse(&refused.document);
    (reason_of(refused.status, &error), error)
}

fn account<'a>(context: &FetchContext<'a>) -> ServiceAccount<'a> {
    let client_email = match &context.access.settings.location {
        OriginLocation::Gcs { client_email, .. } => client_email.as_str(),
        _ => "",
    };
    let key = match context.access.credentials {
        OriginCredentials::ServiceAccountKey { private_key } => private_key.expose_secret(),
        _ => "",
    };
    ServiceAccount { client_email, key }
}
