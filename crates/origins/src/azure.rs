//! `AZURE_BLOB`: a blob by name, opened with a shared access signature.

mod address;
mod sas;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::StatusCode;
use limpid_domain::failure::Reason;
use limpid_domain::origin::{OriginCredentials, OriginLocation};
use secrecy::ExposeSecret;
use url::Url;

use crate::attempt::{Attempt, AttemptResult};
use crate::classify::azure::{code_of, message_of, reason_of};
use crate::config::FetchConfig;
use crate::exchange::{Answer, Outgoing};
use crate::existence::{self, Part};
use crate::fetch::{FetchContext, Original};
use crate::location;
use crate::path::FilePath;
use crate::store::{self, Marks, ProviderError, Refused, may_be_missing};
use address::Container;
pub(crate) use sas::Sas;

pub(crate) const MARKS: Marks = Marks {
    request_id: "x-ms-request-id",
    is_private: "x-ms-meta-isprivatefile",
};

/// When credentials end by themselves, as far as they say so: only shared access signatures do.
pub fn credentials_end(credentials: &OriginCredentials) -> Option<DateTime<Utc>> {
    match credentials {
        OriginCredentials::SasToken { sas_token } => Sas::parse(sas_token.expose_secret()).end(),
        _ => None,
    }
}

/// Fetches a blob: by the decoded path, then by the path as it came, for tools that store names percent-encoded.
pub(crate) async fn fetch(
    context: &FetchContext<'_>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let container = Container::of(&context.access.settings.location, context.config())?;
    let path = FilePath::parse(context.request.path)?;
    let decoded = path.decoded()?;
    let missing = match get(context, &container, &decoded, attempt).await {
        Err(failed) if may_be_missing(failed.reason) => failed,
        settled => return settled,
    };
    let Some(raw) = path.raw_unless(&decoded) else {
        return Err(missing);
    };
    get(context, &container, raw, attempt)
        .await
        .map_err(|_also_missing| missing)
}

/// The URLs a path is asked for at, in this order; without the signature.
pub(crate) fn urls(
    location: &OriginLocation,
    config: &FetchConfig,
    path: &str,
) -> AttemptResult<Vec<Url>> {
    let container = Container::of(location, config)?;
    FilePath::urls(path, |key| container.url(key))
}

/// What the store says about a blob without sending it.
pub(crate) async fn status(
    context: &FetchContext<'_>,
    part: Part,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<StatusCode> {
    let container = Container::of(&context.access.settings.location, context.config())?;
    let url = container.url(&FilePath::parse(context.request.path)?.decoded()?)?;
    let sas = sas_of(context);
    let answer = send(context, (part, url), &container, &sas, attempt).await?;
    Ok(existence::status_of(answer, attempt).await)
}

fn sas_of<'a>(context: &FetchContext<'a>) -> Sas<'a> {
    match context.access.credentials {
        OriginCredentials::SasToken { sas_token } => Sas::parse(sas_token.expose_secret()),
        _ => Sas::default(),
    }
}

async fn send(
    context: &FetchContext<'_>,
    (part, mut url): (Part, Url),
    container: &Container,
    sas: &Sas<'_>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Answer> {
    url.set_query(sas.query());
    let headers = part.headers(store::our_headers(context));
    let outgoing = Outgoing {
        method: part.method(),
        url: &url,
        configured: Some(container.configured()),
        headers: &headers,
        body: Bytes::new(),
    };
    context.exchanger().send(&outgoing, attempt).await
}

async fn get(
    context: &FetchContext<'_>,
    container: &Container,
    path: &str,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let url = container.url(path)?;
    let found = location::of_url(&url);
    let sas = sas_of(context);
    let outcome = match send(context, (Part::Whole, url), container, &sas, attempt).await {
        Ok(answer) if answer.status == StatusCode::OK => {
            store::read(context, answer, found.clone(), MARKS, attempt).await
        }
        Ok(answer) => Err(refusal(context, answer, &sas, attempt).await),
        Err(failed) => Err(failed),
    };
    outcome.map_err(|mut failed| {
        failed.location = Some(found);
        failed
    })
}

async fn refusal(
    context: &FetchContext<'_>,
    answer: Answer,
    sas: &Sas<'_>,
    attempt: &mut Attempt<'_>,
) -> Box<limpid_domain::failure::AttemptFailure> {
    let refused = store::refused(answer, MARKS, attempt).await;
    let (reason, error) = judged(&refused, sas, context.now());
    refused.into_failure(context.now(), reason, error, attempt.trace)
}

/// What a refusal stands for.
pub(crate) fn judged(
    refused: &Refused,
    sas: &Sas<'_>,
    now: DateTime<Utc>,
) -> (Reason, ProviderError) {
    let code = code_of(&refused.headers, &refused.document);
    let mut reason = reason_of(refused.status, code.as_deref(), &refused.document);
    let mut message = message_of(&refused.document);
    let refuses_the_token = matches!(
        reason,
        Reason::CredentialsInvalid | Reason::AccessDenied | Reason::CredentialsExpired
    );
    if refuses_the_token && let Some(end) = sas.ended_before(now) {
        reason = Reason::CredentialsExpired;
        message = Some(format!("the SAS token was valid until {end}"));
    }
    let error = ProviderError {
        code,
        message,
        request_id: None,
    };
    (reason, error)
}
