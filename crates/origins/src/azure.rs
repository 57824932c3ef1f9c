//! `AZURE_BLOB`: a blob by name, opened with a shared access signature.

mod address;
mod sas;

use bytes::Bytes;
use http::{Method, StatusCode};
use limpid_domain::failure::Reason;
use limpid_domain::origin::OriginCredentials;
use secrecy::ExposeSecret;

use crate::attempt::{Attempt, AttemptResult};
use crate::classify::azure::{code_of, message_of, reason_of};
use crate::exchange::{Answer, Outgoing};
use crate::fetch::{FetchContext, Original};
use crate::location;
use crate::path::FilePath;
use crate::store::{self, Marks, ProviderError, may_be_missing};
use address::Container;
use sas::Sas;

const MARKS: Marks = Marks {
    request_id: "x-ms-request-id",
    is_private: "x-ms-meta-isprivatefile",
};

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

async fn get(
    context: &FetchContext<'_>,
    container: &Container,
    path: &str,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let mut url = container.url(path)?;
    let found = location::of_url(&url);
    let sas = match context.access.credentials {
        OriginCredentials::SasToken { sas_token } => Sas::parse(sas_token.expose_secret()),
        _ => Sas::default(),
    };
    url.set_query(sas.query());
    let headers = store::our_headers(context);
    let outgoing = Outgoing {
        method: Method::GET,
        url: &url,
        configured: Some(container.configured()),
        headers: &headers,
        body: Bytes::new(),
    };
    let outcome = match context.exchanger().send(&outgoing, attempt).await {
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
    let code = code_of(&refused.headers, &refused.document);
    let mut reason = reason_of(refused.status, code.as_deref(), &refused.document);
    let mut message = message_of(&refused.document);
    let refuses_the_token = matches!(
        reason,
        Reason::CredentialsInvalid | Reason::AccessDenied | Reason::CredentialsExpired
    );
    if refuses_the_token && let Some(end) = sas.ended_before(context.now()) {
        reason = Reason::CredentialsExpired;
        message = Some(format!("the SAS token was valid until {end}"));
    }
    let error = ProviderError {
        code,
        message,
        request_id: None,
    };
    refused.into_failure(context, reason, error, attempt)
}
