//! `AKENEO_PIM`: a media file by its code, with a token for user name and password.

mod password_grant;

use http::StatusCode;
use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::origin::OriginLocation;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use url::Url;

use crate::attempt::{Attempt, AttemptResult, failure};
use crate::bearer::{self, Grant};
use crate::classify::status::reason_of_status;
use crate::classify::text::printable;
use crate::fetch::{FetchContext, Original};
use crate::location;
use crate::path::FilePath;
use crate::store::{self, KEY, Marks, ProviderError};

pub(crate) use password_grant::PasswordGrant;

const MARKS: Marks = Marks {
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
    let OriginLocation::AkeneoPim { base_url } = &context.access.settings.location else {
        return Err(failure(Reason::Internal, "not an Akeneo origin"));
    };
    let path = FilePath::parse(context.request.path)?;
    let url = url_of(base_url, &path.decoded()?)?;
    let found = location::of_url(&url);
    let at = |mut failed: Box<AttemptFailure>| {
        failed.location.get_or_insert_with(|| found.clone());
        failed
    };
    let grant = Grant::Akeneo(PasswordGrant {
        base_url,
        credentials: context.access.credentials,
    });
    let headers = store::our_headers(context);
    let addressed: (&Url, &Url) = (&url, base_url);
    let (answer, token) = bearer::get(context, &grant, addressed, headers, attempt)
        .await
        .map_err(at)?;
    if answer.status == StatusCode::OK {
        return store::read(context, answer, found.clone(), MARKS, attempt)
            .await
            .map_err(at);
    }
    let refused = store::refused(answer, MARKS, attempt).await;
    let reason = reason_of_status(refused.status);
    let error = parse(&refused.document);
    let failed = refused.into_failure(context, reason, error, attempt);
    Err(at(bearer::without_token(failed, &token)))
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
