//! Whether there is a file, without fetching it: `HEAD`, and one byte by `GET` from servers that do not answer that.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use limpid_domain::origin::OriginLocation;

use crate::attempt::{Attempt, AttemptResult};
use crate::exchange::Answer;
use crate::fetch::FetchContext;
use crate::{akeneo, azure, google, s3, web_folder, web_proxy};

/// How much of an answer nobody wants is read to keep its connection. Units: bytes.
const SHORT_ANSWER_BYTES: usize = 16 * 1024;

/// How much of a file is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it, by `GET`.
    Whole,
    /// Only its header fields, by `HEAD`.
    Nothing,
    /// One byte, by `GET`, of servers that know no `HEAD`.
    FirstByte,
}

/// Whether a file is there, and what it took to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Existence {
    /// The origin has a file at the path.
    pub is_there: bool,
    /// Requests sent for it, those for tokens and after redirects included.
    pub requests: usize,
}

impl Part {
    /// The method of the request.
    pub(crate) fn method(self) -> Method {
        match self {
            Self::Whole | Self::FirstByte => Method::GET,
            Self::Nothing => Method::HEAD,
        }
    }

    /// The header fields of the request.
    pub(crate) fn headers(self, mut others: HeaderMap) -> HeaderMap {
        if self == Self::FirstByte {
            others.insert(header::RANGE, HeaderValue::from_static("bytes=0-0"));
        }
        others
    }
}

/// Asks whether the requested file is there; `false` is every answer that is not the file, for whatever reason.
///
/// Errors: those of an exchange.
pub(crate) async fn ask(
    context: &FetchContext<'_>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<bool> {
    let mut status = status(context, Part::Nothing, attempt).await?;
    if matches!(
        status,
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
    ) {
        status = self::status(context, Part::FirstByte, attempt).await?;
    }
    Ok(matches!(
        status,
        StatusCode::OK | StatusCode::PARTIAL_CONTENT
    ))
}

async fn status(
    context: &FetchContext<'_>,
    part: Part,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<StatusCode> {
    match &context.access.settings.location {
        OriginLocation::WebFolder {
            base_url,
            forward_host_header_to_origin,
        } => {
            let folder = (base_url.url(), *forward_host_header_to_origin);
            web_folder::status(context, part, folder, attempt).await
        }
        OriginLocation::WebProxy => web_proxy::status(context, part, attempt).await,
        OriginLocation::S3 { .. }
        | OriginLocation::S3Compatible { .. }
        | OriginLocation::CloudinaryBackup { .. } => s3::status(context, part, attempt).await,
        OriginLocation::Gcs { .. } => google::status(context, part, attempt).await,
        OriginLocation::AzureBlob { .. } => azure::status(context, part, attempt).await,
        OriginLocation::AkeneoPim { .. } => akeneo::status(context, part, attempt).await,
    }
}

/// The status of an answer whose body nobody wants; a short one is read, so that its connection can be used again.
pub(crate) async fn status_of(answer: Answer, attempt: &Attempt<'_>) -> StatusCode {
    let status = answer.status;
    answer.body.read_excerpt(SHORT_ANSWER_BYTES, attempt).await;
    status
}
