//! **The** table: every reason an image can fail for, one row each, every property a column.
//!
//! The header text, HTTP status, retry, negative-cache time, `Proxy-Status` token, advice, `docs/ERRORS.md` and every
//! label in the API are read from here. A new reason is one row and one test. Names and numbers are append-only and
//! never renamed: they stand in stored events.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::code::FailureCode;

mod table;

pub use table::{Reason, TABLE};

/// Where on the way from socket to bytes a failure arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Finding the account, endpoint and origins.
    Route,
    /// Our own rules about where we may connect.
    Policy,
    /// Name resolution.
    Dns,
    /// TCP.
    Connect,
    /// TLS.
    Tls,
    /// Sending the request.
    Request,
    /// Waiting for and reading the answer's head.
    Headers,
    /// Reading the body.
    Body,
    /// Looking at the first bytes.
    Sniff,
    /// Reading the picture.
    Decode,
    /// Working out sizes.
    Plan,
    /// Changing pixels.
    Transform,
    /// Writing the picture.
    Encode,
}

impl Stage {
    /// Every stage, in their order.
    pub const ALL: [Self; 13] = [
        Self::Route,
        Self::Policy,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Request,
        Self::Headers,
        Self::Body,
        Self::Sniff,
        Self::Decode,
        Self::Plan,
        Self::Transform,
        Self::Encode,
    ];

    /// The stage with this name, or `None`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }

    /// The stage in `lower_snake_case`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Policy => "policy",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Request => "request",
            Self::Headers => "headers",
            Self::Body => "body",
            Self::Sniff => "sniff",
            Self::Decode => "decode",
            Self::Plan => "plan",
            Self::Transform => "transform",
            Self::Encode => "encode",
        }
    }
}

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The tenant's configuration.
    TenantConfig,
    /// The tenant's files.
    TenantContent,
    /// The origin's operator.
    Origin,
    /// The network in between.
    Network,
    /// Who hosts Limpid.
    Platform,
    /// Who wrote the URL.
    Client,
}

impl Blame {
    /// The blame in `lower_snake_case`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TenantConfig => "tenant_config",
            Self::TenantContent => "tenant_content",
            Self::Origin => "origin",
            Self::Network => "network",
            Self::Platform => "platform",
            Self::Client => "client",
        }
    }
}

/// Whether a failed attempt is repeated inside the same request (with jitter, within its deadline).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryRule {
    /// Not.
    Never,
    /// One more time.
    Once,
    /// One more time after the origin's `Retry-After`, when that is short.
    RetryAfterIfShort,
}

/// How long the answer may be repeated without asking the origin again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NegativeTtl {
    /// A fixed time; zero means not at all.
    For(Duration),
    /// The origin's `Retry-After`, at most this long.
    RetryAfterAtMost(Duration),
    /// Until the breaker's probe.
    UntilProbe,
}

/// The sentence of a reason, without the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentenceRule {
    /// Depends on the origin's kind and the code (`imagekit.md` 1.4).
    PerOriginKind,
    /// Always this one.
    Fixed(&'static str),
    /// `<limit name>: <found> exceeds <allowed>`.
    Limit,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct ReasonRow {
    /// The reason itself.
    pub reason: Reason,
    /// Stable number, stored in events. Append-only.
    pub number: i16,
    /// Stable name, `lower_snake_case`, sent as `ik-error-reason`. Append-only.
    pub name: &'static str,
    /// The public code.
    pub code: FailureCode,
    /// Where it arises.
    pub stage: Stage,
    /// Who has to act.
    pub blame: Blame,
    /// Repeated inside the request?
    pub retry: RetryRule,
    /// How long it may be repeated from the negative cache.
    pub negative_ttl: NegativeTtl,
    /// `Proxy-Status` error type (RFC 9209, section 2.3), where one fits.
    pub proxy_status: Option<&'static str>,
    /// The sentence after the code.
    pub sentence: SentenceRule,
    /// A label of two to four words.
    pub title: &'static str,
    /// What happened, for people who never heard of it.
    pub meaning: &'static str,
    /// What to do; `{placeholders}` are filled by [`super::advice`].
    pub advice: &'static str,
}

impl Reason {
    /// The reason's row.
    pub fn row(self) -> &'static ReasonRow {
        TABLE
            .get(self as usize)
            .expect("a test asserts that variants and rows stand in the same order")
    }

    /// The stable name, e.g. `tls_certificate_expired`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The public code.
    pub fn code(self) -> FailureCode {
        self.row().code
    }

    /// The stable number.
    pub fn number(self) -> i16 {
        self.row().number
    }

    /// The reason with this name, or `None`.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.reason)
    }

    /// The reason with this number, or `None`.
    pub fn from_number(number: i16) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.number == number)
            .map(|row| row.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.name())
        } else {
            serializer.serialize_i16(self.number())
        }
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let unknown = |what: String| serde::de::Error::custom(format!("unknown reason {what}"));
        if deserializer.is_human_readable() {
            let name = String::deserialize(deserializer)?;
            Self::from_name(&name).ok_or_else(|| unknown(name))
        } else {
            let number = i16::deserialize(deserializer)?;
            Self::from_number(number).ok_or_else(|| unknown(number.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn variants_rows_and_numbers_stand_in_the_same_order() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.reason as usize, index, "{}", row.name);
            assert_eq!(
                usize::from(row.number.unsigned_abs()),
                index + 1,
                "{}",
                row.name
            );
            assert_eq!(Reason::from_name(row.name), Some(row.reason));
            assert_eq!(Reason::from_number(row.number), Some(row.reason));
        }
    }

    #[test]
    fn every_column_of_every_row_is_filled_and_safe_to_send() {
        let printable = |text: &str| text.bytes().all(|b| (0x20..0x7f).contains(&b));
        for row in TABLE {
            assert!(
                row.name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{}",
                row.name
            );
            for text in [row.title, row.meaning, row.advice] {
                assert!(!text.is_empty() && printable(text), "{}: {text}", row.name);
            }
            if let SentenceRule::Fixed(text) = row.sentence {
                assert!(
                    !text.is_empty() && text.len() <= 200 && printable(text),
                    "{}",
                    row.name
                );
            }
        }
        let names: HashSet<_> = TABLE.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), TABLE.len());
    }

    #[test]
    fn only_limits_answer_400() {
        for row in TABLE {
            let is_limit = row.sentence == SentenceRule::Limit;
            assert_eq!(row.code.http_status() == 400, is_limit, "{}", row.name);
        }
    }
}
