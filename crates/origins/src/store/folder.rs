//! Where the objects of one origin are: a bucket or container at an address, and a prefix inside it.

use percent_encoding::utf8_percent_encode;
use url::Url;

use super::KEY;
use crate::attempt::AttemptResult;
use crate::path::FilePath;

/// A bucket or container, and a prefix inside it.
#[derive(Debug)]
pub(crate) struct Folder {
    base: Url,
    prefix: String,
}

impl Folder {
    /// `base` is the URL of the bucket or container, without a slash at its end.
    pub(crate) fn new(base: Url, prefix: &str) -> Self {
        Self {
            base,
            prefix: prefix.trim_matches('/').to_owned(),
        }
    }

    /// The address whose port is open.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// The key of a path: the prefix, one slash, the path.
    ///
    /// Errors: `object_not_found` where it climbs; the prefix came from the tenant and may do so no more than the path.
    pub(crate) fn key(&self, path: &str) -> AttemptResult<String> {
        let key = if self.prefix.is_empty() {
            path.to_owned()
        } else {
            format!("{}/{path}", self.prefix)
        };
        FilePath::parse(&key)?;
        Ok(key)
    }

    /// The URL of a key.
    pub(crate) fn url(&self, key: &str) -> Url {
        let mut url = self.base.clone();
        let folder = self.base.path();
        url.set_path(&format!("{folder}/{}", utf8_percent_encode(key, KEY)));
        url
    }
}
