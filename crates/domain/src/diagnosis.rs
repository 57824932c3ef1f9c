//! What can be asked about one delivery URL or one origin, and the answer step by step. Shared by serving, which walks the
//! steps, and the dashboard API, which asks.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::failure::advice::Snippet;
use crate::ids::{OriginId, TenantId};

/// Where serving nodes answer, by `POST`.
pub const PATH: &str = "/internal/v1/diagnosis";

/// What the question is sealed for.
pub const QUESTION_PURPOSE: &str = "diagnosis question";

/// What the answer is sealed for.
pub const ANSWER_PURPOSE: &str = "diagnosis answer";

/// Longest question and answer. Units: bytes.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// How far the clocks of two machines may be apart, and how long a question may have travelled. Units: seconds.
pub const MAX_AGE_SECONDS: i64 = 60;

/// A question in its envelope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiagnosisRequest {
    /// When it was asked; an old one is not answered.
    pub asked_at: DateTime<Utc>,
    /// For whom: only what belongs to this account is diagnosed. None for the operator, who may trace any URL, and nothing else.
    pub tenant_id: Option<TenantId>,
    /// What is asked.
    pub question: Question,
}

/// What is asked.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum Question {
    /// What happens to a request for this URL.
    Trace {
        /// An absolute delivery URL, or its path and query.
        url: String,
        /// Header fields of the request, e.g. `Accept`.
        fields: Vec<(String, String)>,
    },
    /// Whether a request for this URL, which failed before, is served now. What its node remembers of the failure is forgotten if it is.
    Verify {
        /// Path and query of a delivery URL.
        url: String,
    },
    /// Whether an origin with these values would work; nothing of it is kept.
    TestDraft {
        /// The origin as the management API takes it, credentials included.
        origin: Value,
        /// Path of a file that should be there.
        path: Option<String>,
    },
    /// Whether a stored origin works.
    TestStored {
        /// Which.
        origin_id: OriginId,
        /// Path of a file that should be there.
        path: Option<String>,
    },
}

/// Credentials in a draft are not for logs.
impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trace { .. } => "Trace",
            Self::Verify { .. } => "Verify",
            Self::TestDraft { .. } => "TestDraft",
            Self::TestStored { .. } => "TestStored",
        })
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum DiagnosisAnswer {
    /// The steps.
    Explained(Box<Explanation>),
    /// The URL is another account's, or nobody's.
    NotYours,
    /// The serving node does not know the account or the origin, perhaps not yet.
    Unknown,
    /// Too many diagnoses at once.
    Busy,
}

/// What happened to one delivery URL or one origin, step by step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The URL as it was asked for, without signature and token values; the path, where an origin is tested.
    pub url: String,
    /// The HTTP status a client would get.
    pub status: u16,
    /// The header fields a client would get.
    pub headers: Vec<(String, String)>,
    /// Length of the body a client would get. Units: bytes.
    pub body_bytes: u64,
    /// The steps in order.
    pub steps: Vec<ExplanationStep>,
    /// Position in `steps` of the one that decided: the first that failed, where the request did.
    pub failed_step: Option<usize>,
    /// `CODE - sentence` a client would get, where it failed.
    pub ik_error: Option<String>,
    /// The reason, from the table of failures.
    pub reason: Option<String>,
    /// What to do about it, where it failed.
    pub advice: Option<String>,
    /// The policy or command that goes with it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<FixSnippet>,
    /// Paths near the one asked for at which the origin does have a file.
    pub exists_as: Vec<NearMiss>,
}

/// Something to paste, as [`crate::failure::advice::Snippet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FixSnippet {
    /// Where it goes, a few words.
    pub title: String,
    /// What it is written in: `json`, `sh`.
    pub language: String,
    /// The text.
    pub text: String,
}

impl From<Snippet> for FixSnippet {
    fn from(snippet: Snippet) -> Self {
        Self {
            title: snippet.title.to_owned(),
            language: snippet.language.to_owned(),
            text: snippet.text,
        }
    }
}

/// A path at which there is a file, though not at the one asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NearMiss {
    /// Percent-encoded, as in a URL. With a leading slash it is one from the root of the bucket or server, which no request
    /// reaches as long as the origin puts a folder before every path.
    pub path: String,
    /// How it differs.
    pub difference: String,
}

/// One step of an [`Explanation`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplanationStep {
    /// Name of the step, e.g. `endpoint`, `origin 1: dns`.
    pub name: String,
    /// Whether it succeeded.
    pub ok: bool,
    /// How long it took. Units: microseconds.
    pub duration_us: u64,
    /// What it found.
    pub detail: String,
    /// What works today and soon will not, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The certificates a server sent in this step, its own first; also where they were refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificate>,
    /// The beginning of what the origin sent in this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bytes: Option<FirstBytes>,
}

/// The beginning of a body, safe to show: no control characters, no secrets of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirstBytes {
    /// At most [`FirstBytes::MAX`] bytes in hexadecimal, with spaces.
    pub hex: String,
    /// The same as printable ASCII, a dot for everything else.
    pub text: String,
    /// What the body looks like, by its bytes: `a JPEG image`, `an HTML page`.
    pub looks_like: String,
}

impl FirstBytes {
    /// How many are shown. Units: bytes.
    pub const MAX: usize = 48;

    /// The first of `body`, which was found to look like something.
    pub fn of(body: &[u8], looks_like: impl Into<String>) -> Self {
        let first = body.get(..Self::MAX).unwrap_or(body);
        let hex: Vec<String> = first.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = first.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        });
        Self {
            hex: hex.join(" "),
            text: text.collect(),
            looks_like: looks_like.into(),
        }
    }
}

impl fmt::Display for FirstBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "it looks like {}: {} |{}|",
            self.looks_like, self.hex, self.text
        )
    }
}

/// A certificate as a server sent it, its texts made printable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// Whom it is about, e.g. `CN=images.example`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// From when on it is valid.
    pub not_before: DateTime<Utc>,
    /// Until when it is valid.
    pub not_after: DateTime<Utc>,
    /// Whole days until it ends; those since it ended, negative.
    pub days_left: i64,
    /// The names and addresses it is for; only servers' own have some.
    pub names: Vec<String>,
    /// SHA-256 of the whole certificate: 32 bytes in hexadecimal, with colons.
    pub fingerprint_sha256: String,
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.not_before.date_naive(), self.not_after.date_naive());
        write!(f, "{}, by {}, {from} to {to}, ", self.subject, self.issuer)?;
        write!(f, "{} days left", self.days_left)?;
        if !self.names.is_empty() {
            write!(f, ", for {}", self.names.join(" "))?;
        }
        write!(f, ", sha256 {}", self.fingerprint_sha256)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.url)?;
        for (at, step) in self.steps.iter().enumerate() {
            let mark = match (step.ok, &step.warning) {
                (true, None) => "ok  ",
                (true, Some(_)) => "warn",
                (false, _) => "FAIL",
            };
            let decided = if self.failed_step == Some(at) {
                "  <- here"
            } else {
                ""
            };
            let tenths = step.duration_us / 10;
            let millis = format!("{}.{:02}", tenths / 100, tenths % 100);
            writeln!(
                f,
                "  {mark} {:<20} {millis:>9} ms  {}{decided}",
                step.name, step.detail
            )?;
            for certificate in &step.certificates {
                writeln!(f, "         certificate: {certificate}")?;
            }
            if let Some(warning) = &step.warning {
                writeln!(f, "         warning: {warning}")?;
            }
        }
        writeln!(f, "answer: {}, {} bytes", self.status, self.body_bytes)?;
        for (name, value) in &self.headers {
            writeln!(f, "  {name}: {value}")?;
        }
        for near in &self.exists_as {
            writeln!(f, "exists as: {} ({})", near.path, near.difference)?;
        }
        if let Some(advice) = &self.advice {
            writeln!(f, "advice: {advice}")?;
        }
        let Some(snippet) = &self.snippet else {
            return Ok(());
        };
        writeln!(f, "{}:", snippet.title)?;
        for line in snippet.text.lines() {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

/// A URL as people copy it, as a client sends it: the host of other scripts in its ASCII form, other characters percent-encoded.
/// What is no such URL stays as it is; path and query are not touched otherwise, because their spelling decides.
pub fn ascii_url(text: &str) -> String {
    let text = text.trim();
    let (site, rest) = match text.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, rest) = rest.split_at(end);
            (ascii_site(scheme, authority), rest)
        }
        None => (String::new(), text),
    };
    let mut url = site;
    for c in rest.chars() {
        if matches!(c, '!' | '#'..=';' | '=' | '?'..='~') {
            url.push(c);
            continue;
        }
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).bytes();
        url.extend(bytes.map(|byte| format!("%{byte:02X}")));
    }
    url
}

fn ascii_site(scheme: &str, authority: &str) -> String {
    let as_it_is = || format!("{scheme}://{authority}");
    if authority.is_ascii() {
        return as_it_is();
    }
    let known = Url::parse(&format!("http://{authority}/")).ok();
    let known = known
        .as_ref()
        .and_then(|url| Some((url.host_str()?, url.port())));
    match known {
        Some((host, Some(port))) => format!("{scheme}://{host}:{port}"),
        Some((host, None)) => format!("{scheme}://{host}"),
        None => as_it_is(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_another_script_is_read_as_a_browser_sends_it() {
        for (copied, sent) in [
            (
                "https://Bücher.example:8443/ä b.jpg",
                "https://xn--bcher-kva.example:8443/%C3%A4%20b.jpg",
            ),
            (
                "https://IMG.example/demo/a.jpg?x=1",
                "https://IMG.example/demo/a.jpg?x=1",
            ),
            (
                "http://[::1]:8080/demo//a%2fb/../c.jpg",
                "http://[::1]:8080/demo//a%2fb/../c.jpg",
            ),
            (
                " /demo/tr:w-300,h-200:rt-90/a.jpg\n",
                "/demo/tr:w-300,h-200:rt-90/a.jpg",
            ),
            (
                "/demo/https://example/ü.jpg",
                "/demo/https://example/%C3%BC.jpg",
            ),
            ("", ""),
        ] {
            assert_eq!(ascii_url(copied), sent);
        }
    }

    #[test]
    fn the_first_bytes_are_few_and_one_line_whatever_they_are() {
        let hostile = b"\xff\xd8\r\nSet-Cookie: a=b\x1b[31m\xe2\x80\xae";
        let first = FirstBytes::of(hostile, "a JPEG image");
        assert_eq!(
            first.to_string(),
            "it looks like a JPEG image: ff d8 0d 0a 53 65 74 2d 43 6f 6f 6b 69 65 3a 20 61 3d 62 1b 5b 33 31 6d e2 80 ae \
             |....Set-Cookie: a=b.[31m...|"
        );
        assert_eq!(
            FirstBytes::of(&[b'x'; 1000], "text").text.len(),
            FirstBytes::MAX
        );
    }
}
