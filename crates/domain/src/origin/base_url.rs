//! The address of a web origin as its tenant wrote it, checked once.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

/// An absolute `http` or `https` address without user info, query and fragment.
///
/// Keeps the text as written, because the management API must answer with what was sent (`https://a.example`, where a
/// parsed URL prints `https://a.example/`). Dereferences to the parsed [`Url`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl {
    text: String,
    url: Url,
}

/// Why a text is not a [`BaseUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBaseUrl {
    /// Not an absolute URL at all.
    #[error("must be a valid URL")]
    NotAUrl,
    /// Another scheme, such as `ftp` or `file`.
    #[error("must be an http or https URL")]
    Scheme,
    /// Credentials belong into their own fields, where they are encrypted.
    #[error("must not contain a user name or password")]
    UserInfo,
    /// Paths are appended to it, so it must end with its path.
    #[error("must not contain a query or a fragment")]
    QueryOrFragment,
    /// Longer than [`BaseUrl::MAX_BYTES`].
    #[error("must be at most {} characters long", BaseUrl::MAX_BYTES)]
    TooLong,
}

impl BaseUrl {
    /// Longest accepted text. Source: our choice; common servers refuse request lines over 8 KB.
    pub const MAX_BYTES: usize = 2048;

    /// The text as the tenant wrote it.
    pub fn as_text(&self) -> &str {
        &self.text
    }

    /// The root of the same server.
    #[must_use]
    pub fn root(&self) -> Self {
        let mut url = self.url.clone();
        url.set_path("/");
        Self {
            text: url.to_string(),
            url,
        }
    }

    /// The parsed address.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = InvalidBaseUrl;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidBaseUrl::TooLong);
        }
        // The parser silently drops control characters and trims; what is stored must be what is dialled.
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(InvalidBaseUrl::NotAUrl);
        }
        let url = Url::parse(&text).map_err(|_| InvalidBaseUrl::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidBaseUrl::Scheme);
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(InvalidBaseUrl::NotAUrl);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidBaseUrl::UserInfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidBaseUrl::QueryOrFragment);
        }
        Ok(Self { text, url })
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<Url> for BaseUrl {
    type Error = InvalidBaseUrl;

    fn try_from(url: Url) -> Result<Self, Self::Error> {
        Self::try_from(String::from(url))
    }
}

impl From<BaseUrl> for String {
    fn from(url: BaseUrl) -> Self {
        url.text
    }
}

impl Deref for BaseUrl {
    type Target = Url;

    fn deref(&self) -> &Url {
        &self.url
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_kept_as_written() {
        for text in [
            "https://a.example",
            "http://127.0.0.1:9000/media/",
            "https://a.example/x%2Fy",
        ] {
            assert_eq!(text.parse::<BaseUrl>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn addresses_that_cannot_be_a_base_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", InvalidBaseUrl::NotAUrl),
            ("a.example/x", InvalidBaseUrl::NotAUrl),
            ("https://", InvalidBaseUrl::NotAUrl),
            ("https://a.example/\r\nHost: b", InvalidBaseUrl::NotAUrl),
            (" https://a.example", InvalidBaseUrl::NotAUrl),
            ("ftp://a.example", InvalidBaseUrl::Scheme),
            ("file:///etc/passwd", InvalidBaseUrl::Scheme),
            ("https://user@a.example", InvalidBaseUrl::UserInfo),
            ("https://:pw@a.example", InvalidBaseUrl::UserInfo),
            ("https://a.example?x=1", InvalidBaseUrl::QueryOrFragment),
            ("https://a.example/#top", InvalidBaseUrl::QueryOrFragment),
        ] {
            assert_eq!(text.parse::<BaseUrl>(), Err(reason), "{text:?}");
        }
    }
}
