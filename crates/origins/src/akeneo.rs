//! `AKENEO_PIM`: a media file by its code, with a token for user name and password.

mod password_grant;

use http::StatusCode;
use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::origin::{BaseUrl, OriginLocation};
use percent_encoding::utf8_percent_encode;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use crate::attempt::{Attempt, AttemptResult, failure};
use crate::bearer::{self, Grant, Wanted};
use crate::classify::status::reason_of_status;
use crate::classify::text::printable;
use crate::exchange::Answer;
use crate::existence::{self, Part};
use crate::fetch::{FetchContext, Original};
use crate::location;
use crate::path::FilePath;
use crate::store::{self, KEY, Marks, ProviderError, Refused};

pub(crate) use password_grant::PasswordGrant;

pub(crate) const MARKS: Marks = Marks {
    request_id: "x-request-id",
    is_private: "is-private-file",
};

/// The first segment of a path, and what follows the code in the interface. Source: `imagekit.md` 3.3; Akeneo REST API
/// reference, "Media files", "Asset media files", "Reference entity media files".
const MEDIA: [(&str, &str); 3] = [
    ("media-files", "/download"),
    ("asset-media-files", ""),
    ("reference-entities-media-files", ""),
];

/// Fetches a media file.
pub(crate) async fn fetch(
    context: &FetchContext<'_>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Original> {
    let url = url(&context.access.settings.location, context.request.path)?;
    let found = location::of_url(&url);
    let at = |mut failed: Box<AttemptFailure>| {
        failed.location.get_or_insert_with(|| found.clone());
        failed
    };
    let (answer, token) = send(context, (Part::Whole, &url), attempt)
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

/// What the PIM says about a media file without sending it.
pub(crate) async fn status(
    context: &FetchContext<'_>,
    part: Part,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<StatusCode> {
    let url = url(&context.access.settings.location, context.request.path)?;
    let (answer, _token) = send(context, (part, &url), attempt).await?;
    Ok(existence::status_of(answer, attempt).await)
}

async fn send(
    context: &FetchContext<'_>,
    (part, url): (Part, &Url),
    attempt: &mut Attempt<'_>,
) -> AttemptResult<(Answer, SecretString)> {
    let base_url = base_url(&context.access.settings.location)?;
    let grant = Grant::Akeneo(PasswordGrant {
        base_url,
        credentials: context.access.credentials,
    });
    let wanted = Wanted {
        part,
        url,
        configured: base_url,
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

/// The URL a path is asked for at.
pub(crate) fn url(location: &OriginLocation, path: &str) -> AttemptResult<Url> {
    url_of(base_url(location)?, &FilePath::parse(path)?.decoded()?)
}

fn base_url(location: &OriginLocation) -> AttemptResult<&BaseUrl> {
    let OriginLocation::AkeneoPim { base_url } = location else {
        return Err(failure(Reason::Internal, "not an Akeneo origin"));
    };
    Ok(base_url)
}

/// The URL of a media file.
///
/// Errors: `object_not_found` when the path names no kind of media.
fn url_of(base_url: &Url, path: &str) -> AttemptResult<Url> {
    let (kind, code) = path.split_once('/').unwrap_or((path, ""));
    let known = MEDIA.iter().find(|(name, _)| *name == kind);
    let (Some((kind, after)), false) = (known, code.is_empty()) else {
        let kinds = MEDIA.map(|(name, _)| name).join(", ");
        let note =
            format!("the path must be one of {kinds}, a slash and a code; no origin was asked");
        return Err(failure(Reason::ObjectNotFound, note));
    };
    let mut url = base_url.clone();
    let folder = base_url.path().trim_end_matches('/');
    let code = utf8_percent_encode(code, KEY);
    url.set_path(&format!("{folder}/api/rest/v1/{kind}/{code}{after}"));
    Ok(url)
}

/// What a refusal stands for.
pub(crate) fn judged(refused: &Refused) -> (Reason, ProviderError) {
    (reason_of_status(refused.status), parse(&refused.document))
}

/// Source: Akeneo REST API, "Responses": `{"code": 404, "message": "…"}`.
fn parse(document: &[u8]) -> ProviderError {
    let answer: Value = serde_json::from_slice(document).unwrap_or_default();
    ProviderError {
        code: answer
            .get("code")
            .and_then(Value::as_u64)
            .map(|code| code.to_string()),
        message: answer.get("message").and_then(Value::as_str).map(printable),
        request_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(path: &str) -> AttemptResult<String> {
        let base = Url::parse("https://pim.example/sub/").unwrap();
        url_of(&base, path).map(String::from)
    }

    #[test]
    fn the_first_segment_chooses_the_interface() {
        for (path, expected) in [
            (
                "media-files/b/9/f/a b.jpg",
                "media-files/b/9/f/a%20b.jpg/download",
            ),
            ("asset-media-files/0/2/x.png", "asset-media-files/0/2/x.png"),
            (
                "reference-entities-media-files/2/x.png",
                "reference-entities-media-files/2/x.png",
            ),
        ] {
            let expected = format!("https://pim.example/sub/api/rest/v1/{expected}");
            assert_eq!(url(path).unwrap(), expected);
        }
    }

    #[test]
    fn other_paths_name_nothing() {
        for path in [
            "a.jpg",
            "media-files",
            "media-files/",
            "products/1",
            "Media-Files/a",
            "",
        ] {
            assert_eq!(
                url(path).unwrap_err().reason,
                Reason::ObjectNotFound,
                "{path}"
            );
        }
    }
}
