//! What a request target asks for: `/{imagekitId}[/{urlPrefix}][/tr:…]/{file path}[?query]`, or the same without the account on
//! a custom domain. Source: `imagekit.md` 3.1 to 3.4, 3.8.
//!
//! [`parse`] only splits and never looks at meaning, so that the account is known even where the rest is wrong and the failure
//! can be recorded for the tenant. [`DeliveryTarget::resolve`] does the rest, given the account's endpoint prefixes.
//! Percent-encoding is decoded exactly once, and only to look: what is passed on is what was received.

mod error;

pub use error::{Fault, TargetError};

use crate::{Transformation, TransformationError};

/// The longest accepted path. Source: `reliability.md` T52.
pub const MAX_PATH_BYTES: usize = 8 * 1024;

/// A request target, split at its first `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryTarget {
    path: String,
    query: Option<String>,
}

/// How the request's host stands to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mount<'a> {
    /// Shared host: the first path segment is the account.
    Account,
    /// A custom domain that stands for the account: endpoint prefixes follow the host.
    Domain,
    /// A custom domain bound to the endpoint with this prefix: neither account nor prefix in the path.
    Endpoint(&'a str),
}

/// A request target understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedTarget {
    /// Prefix of the endpoint; empty for the default one.
    pub endpoint_prefix: String,
    /// The file asked for.
    pub file: FilePath,
    /// File name shown to people where `ik-seo` gave one.
    pub seo_name: Option<String>,
    /// Transformation texts as received: first the path's, then each `tr` of the query. Empty ones are left out.
    pub transformations: Vec<String>,
    /// The query without our own parameters (`tr`, `ik-*`), in the order received. Sent to web origins, and part of the cache key
    /// (`updatedAt`, `v`, … are how publishers name a new version).
    pub forwarded_query: Option<String>,
    /// What `ik-…` parameters ask for.
    pub switches: Switches,
    /// Whether the path ends in `ik-thumbnail.jpg`: a still picture of a document.
    pub thumbnail: bool,
}

/// The file asked for: percent-encoded as received, no leading slash, repeated slashes made one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FilePath {
    raw: String,
    absolute_url: Option<String>,
}

/// What `ik-…` query parameters ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switches {
    /// `ik-attachment=true`, or a file name is given.
    pub attachment: bool,
    /// `ik-attachment-filename`, decoded; without extension.
    pub attachment_filename: Option<String>,
    /// `ik-sanitizeSvg`
    pub sanitize_svg: Option<bool>,
    /// `ik-obj-version`, decoded.
    pub object_version: Option<String>,
    /// Whether `ik-s` is present.
    pub signed: bool,
}

/// Splits a request target (`/path?query`, no fragment). Non-ASCII characters become percent-encoded UTF-8.
///
/// Errors: [`TargetError::NotAPath`] only.
pub fn parse(_path_and_query: &str) -> Result<DeliveryTarget, TargetError> {
    todo!()
}

impl DeliveryTarget {
    /// The path as received, beginning with a slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query as received, without its `?`.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The account (`imagekitId`) where the host is the shared one; none for `/`.
    pub fn account(&self) -> Option<&str> {
        todo!()
    }

    /// Finds endpoint, transformation, file and switches. `is_prefix` says whether the account has an endpoint with that
    /// `urlPrefix`.
    ///
    /// Errors: see [`TargetError`]; [`TargetError::fault`] says whether to answer "not found" or "bad request".
    pub fn resolve(
        &self,
        _mount: Mount<'_>,
        _is_prefix: impl Fn(&str) -> bool,
    ) -> Result<ResolvedTarget, TargetError> {
        todo!()
    }
}

impl ResolvedTarget {
    /// The transformation asked for: path steps, then query steps. Errors: the first thing wrong.
    pub fn transformation(&self) -> Result<Transformation, TransformationError> {
        let mut whole = Transformation::default();
        for text in &self.transformations {
            whole.then(crate::transformation::parse(text)?);
        }
        Ok(whole)
    }
}

impl FilePath {
    /// Percent-encoded, as web origins get it; no leading slash.
    pub fn as_raw(&self) -> &str {
        &self.raw
    }

    /// Decoded once, as object stores get it; none where the bytes are not UTF-8.
    pub fn decoded(&self) -> Option<String> {
        todo!()
    }

    /// The URL a web proxy fetches, where the path is one (`https://h/a`, `https:/h/a`, `https%3A%2F%2Fh%2Fa`); without the
    /// request's own query.
    pub fn absolute_url(&self) -> Option<&str> {
        self.absolute_url.as_deref()
    }

    /// The last part of the path, decoded; what a download is called.
    pub fn file_name(&self) -> String {
        todo!()
    }
}
