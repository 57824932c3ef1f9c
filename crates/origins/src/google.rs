//! `GCS`: an object by key over Cloud Storage's XML interface, with a service account's token.
//!
//! The XML interface, because its error documents tell a missing bucket from a missing object and say which permission was
//! wanting; a download over the JSON interface answers errors as bare text.

mod address;
mod service_account;

use http::StatusCode;
use limpid_domain::origin::{OriginCredentials, OriginLocation};
use secrecy::ExposeSecret;

use crate::attempt::{Attempt, AttemptResult};
use crate::bearer::{self, Grant};
use crate::classify::google::{parse, reason_of};
use crate::fetch::{FetchContext, Original};
use crate::location;
use crate::path::FilePath;
use crate::store::{self, Marks, may_be_missing};
use address::Bucket;

pub(crate) use service_account::ServiceAccount;

const MARKS: Marks = Marks {
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
    let grant = Grant::Google(account(context));
    let headers = store::our_headers(context);
    let addressed = (&url, bucket.configured());
    let (answer, token) = bearer::get(context, &grant, addressed, headers, attempt)
        .await
        .map_err(at)?;
    if answer.status == StatusCode::OK {
        return store::read(context, answer, found.clone(), MARKS, attempt)
            .await
            .map_err(at);
    }
    let refused = store::refused(answer, MARKS, attempt).await;
    let error = parse(&refused.document);
    let reason = reason_of(refused.status, &error);
    let failed = refused.into_failure(context, reason, error, attempt);
    Err(at(bearer::without_token(failed, &token)))
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
