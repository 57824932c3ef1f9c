//! The sentence after `ik-error: CODE - `. Built only from texts of ours: no byte of the request or the origin gets in.

use serde::{Deserialize, Serialize};

use super::attempt::{LayerInputNumber, LimitBreach};
use super::code::FailureCode;
use super::reason::{Reason, SentenceRule};
use crate::origin::OriginKind;

/// Longest `ik-error` value, code and separator included. Source: `imagekit.md` 1.4.
pub const MAX_IK_ERROR_BYTES: usize = 256;

/// How much an answer tells whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetailLevel {
    /// The code and a generic sentence: the default where a web proxy is attached, so that nobody scans networks through it.
    Code,
    /// The reason's own sentence and name: the default elsewhere.
    Reason,
}

/// What a sentence is about beside its reason.
#[derive(Debug, Clone, Copy, Default)]
pub struct SentenceSubject<'a> {
    /// Kind of the origin, where one was asked.
    pub kind: Option<OriginKind>,
    /// The limit, for `ELIMIT`.
    pub limit: Option<&'a LimitBreach>,
    /// Which file of the layers it was, where it was one of them.
    pub layer_input: Option<LayerInputNumber>,
}

/// The sentence for `reason`, without the code.
///
/// Shape: printable ASCII, short enough that `CODE - sentence` stays within [`MAX_IK_ERROR_BYTES`].
pub fn sentence(reason: Reason, about: &SentenceSubject<'_>, level: DetailLevel) -> String {
    let SentenceSubject {
        kind,
        limit,
        layer_input,
    } = *about;
    let row = reason.row();
    let text = match (row.sentence, limit, level) {
        (SentenceRule::Limit, Some(limit), _) => {
            format!("{}: {} exceeds {}", limit.name, limit.found, limit.allowed)
        }
        (SentenceRule::Limit, None, _) => "a limit was exceeded".to_owned(),
        (SentenceRule::Fixed(text), _, DetailLevel::Reason) => text.to_owned(),
        (SentenceRule::Fixed(text), _, DetailLevel::Code) if kind.is_none() => text.to_owned(),
        (SentenceRule::Fixed(_), _, DetailLevel::Code) | (SentenceRule::PerOriginKind, _, _) => {
            per_origin_kind(row.code, kind).to_owned()
        }
    };
    let which = layer_input.map_or_else(String::new, |input| {
        format!(" (layer input {} of {})", input.number, input.of)
    });
    to_header_text(
        &format!("{text}{which}"),
        MAX_IK_ERROR_BYTES - row.code.as_str().len() - " - ".len(),
    )
}

/// Replaces what is not printable ASCII by `?` and cuts at `max_bytes`.
fn to_header_text(text: &str, max_bytes: usize) -> String {
    text.chars()
        .map(|c| if (' '..='~').contains(&c) { c } else { '?' })
        .take(max_bytes)
        .collect()
}

/// The sentences of `imagekit.md` 1.4.
fn per_origin_kind(code: FailureCode, kind: Option<OriginKind>) -> &'static str {
    use OriginKind as K;
    match code {
        FailureCode::Enoent => match kind {
            Some(K::S3 | K::S3Compatible) => "No file was found on S3 at the specified path",
            Some(K::CloudinaryBackup) => {
                "No file was found on the Cloudinary backup bucket at the specified path"
            }
            Some(K::WebFolder) => "No file was found on the web server at the specified path",
            Some(K::WebProxy) => "No file was found at the specified URL",
            Some(K::Gcs) => "No file was found on Google Cloud Storage at the specified path",
            Some(K::AzureBlob) => "No file was found on Azure Blob Storage at the specified path",
            Some(K::AkeneoPim) => "No file was found on Akeneo PIM at the specified path",
            None => "No file was found at the specified path",
        },
        FailureCode::Eacces => match kind {
            Some(K::S3 | K::S3Compatible) => {
                "Access to S3 was denied, check the credentials of the origin"
            }
            Some(K::CloudinaryBackup) => {
                "Access to the Cloudinary backup bucket was denied, check the credentials of the origin"
            }
            Some(K::WebFolder) => "The web server denied access to the file",
            Some(K::WebProxy) => "The remote server denied access to the file",
            Some(K::Gcs) => {
                "Access to Google Cloud Storage was denied, check the credentials of the origin"
            }
            Some(K::AzureBlob) => {
                "Access to Azure Blob Storage was denied, check the SAS token of the origin"
            }
            Some(K::AkeneoPim) => {
                "Access to Akeneo PIM was denied, check the credentials of the origin"
            }
            None => "Access to the origin was denied",
        },
        FailureCode::Econnrefused => match kind {
            Some(K::S3 | K::S3Compatible) => "S3 refused the connection",
            Some(K::CloudinaryBackup) => "The Cloudinary backup bucket refused the connection",
            Some(K::WebFolder) => "The web server refused the connection",
            Some(K::WebProxy) => "The remote server refused the connection",
            Some(K::Gcs) => "Google Cloud Storage refused the connection",
            Some(K::AzureBlob) => "Azure Blob Storage refused the connection",
            Some(K::AkeneoPim) => "Akeneo PIM refused the connection",
            None => "The origin refused the connection",
        },
        FailureCode::Elimit => "A limit was exceeded",
        FailureCode::Unidentified => "The exact cause of the error could not be identified",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::reason::TABLE;

    #[test]
    fn the_one_public_sentence_is_literal() {
        let mut about = SentenceSubject {
            kind: Some(OriginKind::S3),
            ..SentenceSubject::default()
        };
        let text = sentence(Reason::ObjectNotFound, &about, DetailLevel::Reason);
        assert_eq!(text, "No file was found on S3 at the specified path");
        about.layer_input = Some(LayerInputNumber { number: 2, of: 3 });
        assert_eq!(
            sentence(Reason::LayerInputNotFound, &about, DetailLevel::Reason),
            "A picture or font that a layer of the transformation names was not found (layer input 2 of 3)"
        );
        assert_eq!(
            sentence(Reason::AccessDenied, &about, DetailLevel::Reason),
            "Access to S3 was denied, check the credentials of the origin (layer input 2 of 3)"
        );
    }

    #[test]
    fn every_sentence_is_one_short_line_of_ascii() {
        let hostile = LimitBreach {
            name: "x\r\nSet-Cookie: a=b\u{1b}\u{2028}ä".repeat(40),
            found: "1".to_owned(),
            allowed: "0".to_owned(),
        };
        let kinds = OriginKind::ALL.into_iter().map(Some).chain([None]);
        for kind in kinds {
            for row in TABLE {
                for level in [DetailLevel::Code, DetailLevel::Reason] {
                    let about = SentenceSubject {
                        kind,
                        limit: Some(&hostile),
                        layer_input: Some(LayerInputNumber {
                            number: u8::MAX,
                            of: u8::MAX,
                        }),
                    };
                    let text = sentence(row.reason, &about, level);
                    let line = format!("{} - {text}", row.code);
                    assert!(line.len() <= MAX_IK_ERROR_BYTES, "{line}");
                    assert!(line.bytes().all(|b| (0x20..0x7f).contains(&b)), "{line}");
                }
            }
        }
    }

    #[test]
    fn the_code_level_does_not_tell_reasons_apart() {
        let about = SentenceSubject {
            kind: Some(OriginKind::WebProxy),
            ..SentenceSubject::default()
        };
        let at = |reason| sentence(reason, &about, DetailLevel::Code);
        assert_eq!(at(Reason::ConnectionRefused), at(Reason::DnsNotFound));
        assert_eq!(at(Reason::AccessDenied), at(Reason::AddressProhibited));
    }
}
