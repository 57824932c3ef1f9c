//! What one failed attempt at one origin looked like, as the fetcher saw it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reason::{NegativeTtl, Reason};

/// How long a refusal for its rate is repeated where the origin names no time: as long as for an overloaded origin in the table.
const UNNAMED_RETRY_AFTER: Duration = Duration::from_secs(2);

/// One failed attempt. Everything in it may be stored; nothing in it is a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptFailure {
    /// The row of the table.
    pub reason: Reason,
    /// The origin's HTTP status, if an answer came.
    pub upstream_status: Option<u16>,
    /// The provider's own code, e.g. `NoSuchKey`.
    pub provider_code: Option<String>,
    /// The provider's request id, for its support.
    pub provider_request_id: Option<String>,
    /// Where we looked: object key or URL, without query secrets and user info.
    pub location: Option<String>,
    /// How long each phase took.
    pub timings: PhaseTimings,
    /// Header fields of the answer that help (server, content-type, retry-after, …), values escaped and capped.
    pub response_headers: Vec<(String, String)>,
    /// The first 512 bytes of a text body, control characters escaped.
    pub body_excerpt: Option<String>,
    /// What the bytes looked like, when they were no usable image.
    pub looks_like: Option<LooksLike>,
    /// The limit and what was found, for `ELIMIT`.
    pub limit: Option<LimitBreach>,
    /// Which of the files that layers need it was, where it was one of them.
    pub layer_input: Option<LayerInputNumber>,
    /// The origin's `Retry-After`.
    pub retry_after: Option<Duration>,
    /// One line for people about what exactly went wrong (`certificate expired 3 days ago`). Never sent to clients.
    pub note: Option<String>,
    /// How often the request was repeated before giving up.
    pub retries: u8,
    /// This server had no room for the original: nobody's failure, and never recorded.
    #[serde(skip)]
    pub is_overload: bool,
}

impl AttemptFailure {
    /// A failure of which nothing but the reason is known yet.
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            upstream_status: None,
            provider_code: None,
            provider_request_id: None,
            location: None,
            timings: PhaseTimings::default(),
            response_headers: Vec::new(),
            body_excerpt: None,
            looks_like: None,
            limit: None,
            layer_input: None,
            retry_after: None,
            note: None,
            retries: 0,
            is_overload: false,
        }
    }

    /// Adds the line for people.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// How long the answer may be repeated without asking the origin again; zero means not at all. A breaker that is open names
    /// the time until its probe as `retry_after`.
    pub fn negative_ttl(&self) -> Duration {
        match self.reason.row().negative_ttl {
            NegativeTtl::For(time) => time,
            NegativeTtl::RetryAfterAtMost(most) => {
                self.retry_after.unwrap_or(UNNAMED_RETRY_AFTER).min(most)
            }
            NegativeTtl::UntilProbe => self.retry_after.unwrap_or_default(),
        }
    }

    /// Adds the limit that was exceeded.
    #[must_use]
    pub fn with_limit(mut self, limit: LimitBreach) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// How a note begins that is about a URL another one redirected to.
const REDIRECTED: [&str; 2] = ["after 1 redirect: ", " redirects: "];

/// A note about a URL that was reached by redirects, so that everybody who reads it, the advice too, looks for the fault there.
pub fn after_redirects(followed: usize, note: &str) -> String {
    match followed {
        1 => format!("{}{note}", REDIRECTED[0]),
        _ => format!("after {followed}{}{note}", REDIRECTED[1]),
    }
}

/// Whether a note is one of [`after_redirects`].
pub(super) fn is_after_redirects(note: &str) -> bool {
    REDIRECTED.iter().any(|mark| note.contains(mark))
}

/// How long the phases of one attempt took; `None` where a phase did not happen (a reused connection has no `dns`).
///
/// Units: microseconds.
#[expect(clippy::struct_field_names, reason = "the unit belongs in the name")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseTimings {
    /// Name resolution.
    pub dns_us: Option<u32>,
    /// TCP connect.
    pub connect_us: Option<u32>,
    /// TLS handshake.
    pub tls_us: Option<u32>,
    /// From sending the request to the head of the answer.
    pub first_byte_us: Option<u32>,
    /// Reading the body.
    pub body_us: Option<u32>,
    /// The whole attempt.
    pub total_us: u32,
}

/// What bytes that are no usable image look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LooksLike {
    /// An HTML page.
    Html,
    /// JSON.
    Json,
    /// XML other than SVG.
    Xml,
    /// Plain text.
    Text,
    /// PDF.
    Pdf,
    /// Audio or video.
    Media,
    /// An archive.
    Archive,
    /// An image format we know by name but don't decode.
    OtherImage,
    /// Anything else.
    Binary,
}

impl LooksLike {
    /// The kind in `lower_snake_case`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Text => "text",
            Self::Pdf => "pdf",
            Self::Media => "media",
            Self::Archive => "archive",
            Self::OtherImage => "other_image",
            Self::Binary => "binary",
        }
    }
}

/// Which of the files that a transformation's layers need: the second of three, in the order in which the URL first names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LayerInputNumber {
    /// From 1.
    pub number: u8,
    /// How many different files there are.
    pub of: u8,
}

/// A limit and what exceeded it. The sentence is `<name>: <found> exceeds <allowed>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitBreach {
    /// Name of the limit, e.g. `input image size`.
    pub name: String,
    /// What was found, with its unit, e.g. `52428800 bytes`.
    pub found: String,
    /// What is allowed, with its unit.
    pub allowed: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_origin_say_how_long_a_failure_is_repeated() {
        let seconds = |reason, retry_after: Option<u64>| {
            let mut failure = AttemptFailure::new(reason);
            failure.retry_after = retry_after.map(Duration::from_secs);
            failure.negative_ttl().as_secs()
        };
        assert_eq!(seconds(Reason::ObjectNotFound, Some(40)), 5);
        assert_eq!(seconds(Reason::Internal, None), 0);
        assert_eq!(seconds(Reason::CircuitOpen, None), 0);
        assert_eq!(seconds(Reason::CircuitOpen, Some(9)), 9);
        let limited = [None, Some(0), Some(7), Some(3600)];
        let limited = limited.map(|asked| seconds(Reason::OriginRateLimited, asked));
        assert_eq!(limited, [2, 0, 7, 60]);
    }
}
