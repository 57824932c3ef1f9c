//! Purges: which delivered URLs are to be forgotten by every cache. Source: `imagekit.md` 4.7.
//!
//! A purge goes by URL, in any spelling: serving nodes compare what URLs stand for, the log holds one as it was written. The same file
//! with another transformation is another URL. A `*` at the end means every URL that begins so.

mod not_purged;
mod rules;

use serde::{Deserialize, Serialize};

use crate::event::ConfigEvent;
use crate::ids::ImagekitId;

pub use not_purged::NotPurged;

/// Purges an account may ask for in a calendar month. Source: `imagekit.md` 2.
pub const MAX_PURGES_A_MONTH: u32 = 1_000;

/// What is purged, by its place inside the account: host and account name are left out, so that a file is the same file under
/// every host of the account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PurgeTarget {
    /// Path and query, beginning with a slash and without the `*`.
    pub address: String,
    /// Whether everything that begins so is meant.
    pub is_prefix: bool,
}

/// What is known about the account a URL must belong to.
#[derive(Debug, Clone, Copy)]
pub struct PurgeContext<'a> {
    /// First path segment of its URLs.
    pub imagekit_id: &'a ImagekitId,
    /// Its custom domains, each with the prefix of the endpoint it is bound to; empty for the default one.
    pub domains: &'a [(String, String)],
    /// Prefixes of its endpoints.
    pub prefixes: &'a [String],
    /// Purges it has asked for in this month.
    pub purges_this_month: u32,
}

/// What happens when `url` is to be purged.
///
/// Errors: [`NotPurged`]: a URL of nobody or somebody else, a wildcard that would empty too much, too many purges in a month.
pub fn decide(url: &str, context: &PurgeContext<'_>) -> Result<Vec<ConfigEvent>, NotPurged> {
    let target = rules::target(url, context)?;
    if context.purges_this_month >= MAX_PURGES_A_MONTH {
        return Err(NotPurged::MonthUsed);
    }
    let url = url.to_owned();
    Ok(vec![ConfigEvent::CachePurged { url, target }])
}
