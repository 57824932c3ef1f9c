//! Why a URL is not purged: in ImageKit's words for its API, in our own where people read it.

use super::MAX_PURGES_A_MONTH;
use super::rules::{LONG_PATH_CHARS, MAX_URL_BYTES};
use crate::refusal::Refusal;

/// The rule that forbids a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPurged {
    /// Longer than any URL that is delivered.
    TooLong,
    /// White space or a control character is in it.
    Unprintable,
    /// No absolute URL of the web, or one with a user name.
    NoWebUrl,
    /// Neither under the account's name nor under one of its custom domains.
    OfNobodyHere,
    /// A `*` elsewhere than at the end.
    WildcardInside,
    /// The wildcard would empty a folder that holds everything.
    WildcardOnEverything,
    /// The wildcard would empty too much.
    WildcardTooWide,
    /// The account has asked for as many purges as it may in a month.
    MonthUsed,
}

impl NotPurged {
    /// What is not done, why, and what to do instead.
    pub fn explanation(self) -> String {
        let why = match self {
            Self::TooLong => format!(
                "it is longer than {MAX_URL_BYTES} bytes, and no such URL is delivered. Purge its beginning with a * at the end."
            ),
            Self::Unprintable => "there is white space or a control character in it. Send one URL per entry, percent-encoded as it is requested.".to_owned(),
            Self::NoWebUrl => "it is no absolute http:// or https:// URL. Send it as the page names it, with scheme and host and without a user name.".to_owned(),
            Self::OfNobodyHere => "it is no delivery URL of this account. Send one that has the account's name as first segment of its path, or one of the account's custom domains as host.".to_owned(),
            Self::WildcardInside => "a * may only be its last character. Purge what comes before the first *, with a * at the end.".to_owned(),
            Self::WildcardOnEverything => "media/catalog/* and s/files/* hold everything of a shop and are never purged as a whole. Name a folder or a file inside.".to_owned(),
            Self::WildcardTooWide => format!(
                "what stands before the * is too short and would empty too much. Name two levels of folders, a file with its extension, or {LONG_PATH_CHARS} characters of path after the endpoint."
            ),
            Self::MonthUsed => format!(
                "the account has used its {MAX_PURGES_A_MONTH} purges of this calendar month (UTC). Ask again next month, or publish under another v= now."
            ),
        };
        format!("The URL is not purged: {why}")
    }
}

/// As `ImageKit`'s API says it. Source: `imagekit.md` 4.7.
impl From<NotPurged> for Refusal {
    fn from(reason: NotPurged) -> Self {
        match reason {
            NotPurged::MonthUsed => Self::invalid(format!(
                "An account has at most {MAX_PURGES_A_MONTH} purge requests a month."
            )),
            NotPurged::TooLong
            | NotPurged::Unprintable
            | NotPurged::NoWebUrl
            | NotPurged::OfNobodyHere
            | NotPurged::WildcardInside
            | NotPurged::WildcardOnEverything
            | NotPurged::WildcardTooWide => {
                Self::invalid("The URL is not valid for cache purging.")
            }
        }
    }
}
