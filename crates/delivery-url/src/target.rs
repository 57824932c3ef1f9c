//! What a request target asks for: `/{imagekitId}[/{urlPrefix}][/tr:…]/{file path}[?query]`, or the same without the account on
//! a custom domain. Source: `imagekit.md` 3.1 to 3.4, 3.8.
//!
//! [`parse`] only splits and never looks at meaning, so that the account is known even where the rest is wrong and the failure
//! can be recorded for the tenant. [`DeliveryTarget::resolve`] does the rest, given the account's endpoint prefixes.
//! Percent-encoding is decoded exactly once, and only to look: what is passed on is what was received.

mod error;
mod file_path;
mod query;

pub use error::{Fault, TargetError};
pub use file_path::FilePath;
pub use query::Switches;

use percent_encoding::percent_decode_str;

use crate::{Transformation, TransformationError, grammar};

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

/// A path segment that names the SEO form.
const SEO: &str = "ik-seo";

/// A last segment that asks for a still picture of a document.
const THUMBNAIL: &str = "ik-thumbnail.jpg";

/// Last segments that ask for video. Source: `imagekit.md` 3.8.
const VIDEO: [&str; 4] = [
    "ik-video.mp4",
    "ik-gif-video.mp4",
    "ik-master.m3u8",
    "ik-master.mpd",
];

/// Splits a request target (`/path?query`, no fragment). Non-ASCII characters become percent-encoded UTF-8.
///
/// # Errors
///
/// [`TargetError::NotAPath`] only.
pub fn parse(path_and_query: &str) -> Result<DeliveryTarget, TargetError> {
    if !path_and_query.starts_with('/') {
        return Err(TargetError::NotAPath);
    }
    let ascii: String =
        percent_encoding::utf8_percent_encode(path_and_query, file_path::ONLY_NON_ASCII).collect();
    Ok(match ascii.split_once('?') {
        Some((path, query)) => DeliveryTarget {
            path: path.to_owned(),
            query: Some(query.to_owned()),
        },
        None => DeliveryTarget {
            path: ascii,
            query: None,
        },
    })
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
        Some(first_segment(&self.path).0).filter(|segment| !segment.is_empty())
    }

    /// Finds endpoint, transformation, file and switches. `is_prefix` says whether the account has an endpoint with that
    /// `urlPrefix`; prefixes are compared exactly.
    ///
    /// # Errors
    ///
    /// See [`TargetError`]; [`TargetError::fault`] says whether to answer "not found" or "bad request".
    pub fn resolve(
        &self,
        mount: Mount<'_>,
        is_prefix: impl Fn(&str) -> bool,
    ) -> Result<ResolvedTarget, TargetError> {
        if self.path.len() > MAX_PATH_BYTES {
            return Err(TargetError::PathTooLong);
        }
        let (endpoint_prefix, rest) = self.endpoint(mount, is_prefix);
        let pieces = PathPieces::split(rest)?;
        let (file, seo_name) = if pieces.is_seo {
            pieces.seo_file()?
        } else {
            (pieces.file, None)
        };
        let (file, is_thumbnail) = special_names(file)?;
        let file = FilePath::new(&file)?;
        let query = query::split(self.query());
        let transformations = pieces
            .transformation
            .into_iter()
            .chain(query.transformations)
            .collect();
        Ok(ResolvedTarget {
            endpoint_prefix: endpoint_prefix.to_owned(),
            file,
            seo_name,
            transformations,
            forwarded_query: query.forwarded,
            switches: query.switches,
            thumbnail: is_thumbnail,
        })
    }

    /// The endpoint's prefix and what follows it.
    fn endpoint<'s>(
        &'s self,
        mount: Mount<'s>,
        is_prefix: impl Fn(&str) -> bool,
    ) -> (&'s str, &'s str) {
        let rest = match mount {
            Mount::Endpoint(prefix) => return (prefix, &self.path),
            Mount::Domain => &self.path,
            Mount::Account => first_segment(&self.path).1,
        };
        match first_segment(rest) {
            (segment, after) if !segment.is_empty() && is_prefix(segment) => (segment, after),
            _ => ("", rest),
        }
    }
}

impl ResolvedTarget {
    /// The transformation asked for: path steps, then query steps, each `tr` in the order received.
    ///
    /// # Errors
    ///
    /// The first thing wrong.
    pub fn transformation(&self) -> Result<Transformation, TransformationError> {
        let mut whole = Transformation::default();
        for text in &self.transformations {
            whole.then(crate::transformation::parse(text)?);
            grammar::check_length(&whole)?;
        }
        Ok(whole)
    }
}

/// A path after the endpoint, taken apart.
struct PathPieces {
    /// No leading slashes, others as received; an absolute URL in its usual form.
    file: String,
    transformation: Option<String>,
    is_seo: bool,
}

impl PathPieces {
    /// The first `tr:` segment counts, unless it is the last segment (then it is a file name) or inside a proxied URL.
    fn split(rest: &str) -> Result<Self, TargetError> {
        let mut pieces = Self {
            file: String::new(),
            transformation: None,
            is_seo: false,
        };
        let mut rest = pieces.without_seo(rest);
        loop {
            if pieces.file.is_empty()
                && let Some(url) = file_path::absolute_url(rest)
            {
                pieces.file = url;
                return Ok(pieces);
            }
            let (segment, after) = first_segment(rest);
            let is_last = after.is_empty();
            match transformation_in(segment) {
                Some("") if pieces.transformation.is_none() => {
                    return Err(TargetError::EmptyTransformation);
                }
                Some(transformation) if pieces.transformation.is_none() && !is_last => {
                    pieces.transformation = Some(transformation.to_owned());
                    rest = if pieces.file.is_empty() {
                        pieces.without_seo(after)
                    } else {
                        after
                    };
                    continue;
                }
                _ => pieces.file.push_str(segment),
            }
            if is_last {
                return Ok(pieces);
            }
            // Those before the file count for nothing; inside it they are part of its name: object stores keep such keys.
            let name = after.trim_start_matches('/');
            let (slashes, _) = after.split_at(after.len() - name.len());
            if !pieces.file.is_empty() {
                pieces.file.push_str(slashes);
            }
            rest = after;
        }
    }

    fn without_seo<'r>(&mut self, rest: &'r str) -> &'r str {
        match first_segment(rest) {
            (SEO, after) if !self.is_seo => {
                self.is_seo = true;
                after
            }
            _ => rest,
        }
    }

    /// `dir/file/name.jpg` → the file `dir/file.jpg`, shown as `name.jpg`.
    fn seo_file(&self) -> Result<(String, Option<String>), TargetError> {
        let (file, name) = self
            .file
            .rsplit_once('/')
            .ok_or(TargetError::IncompleteSeoPath)?;
        let file = file.trim_end_matches('/');
        if file.is_empty() || name.is_empty() || file_path::absolute_url(&self.file).is_some() {
            return Err(TargetError::IncompleteSeoPath);
        }
        let file = match name.rsplit_once('.') {
            Some((_, extension)) => format!("{file}.{extension}"),
            None => file.to_owned(),
        };
        Ok((
            file,
            Some(percent_decode_str(name).decode_utf8_lossy().into_owned()),
        ))
    }
}

/// Takes `ik-thumbnail.jpg` off; refuses what asks for video or generated pictures.
fn special_names(file: String) -> Result<(String, bool), TargetError> {
    if file
        .split('/')
        .any(|segment| segment.starts_with("ik-genimg-prompt-"))
    {
        return Err(TargetError::Generated);
    }
    match file.rsplit_once('/') {
        Some((document, THUMBNAIL)) => Ok((document.trim_end_matches('/').to_owned(), true)),
        Some((_, name)) if VIDEO.contains(&name) => Err(TargetError::Video),
        _ => Ok((file, false)),
    }
}

/// What a `tr:` segment asks for; the colon may be encoded, as it is by clients that encode whole segments.
fn transformation_in(segment: &str) -> Option<&str> {
    let rest = segment.strip_prefix("tr")?;
    [":", "%3A", "%3a"]
        .into_iter()
        .find_map(|colon| rest.strip_prefix(colon))
}

/// The first segment and what follows it, which begins with a slash or is empty; leading slashes do not count.
fn first_segment(path: &str) -> (&str, &str) {
    let path = path.trim_start_matches('/');
    path.split_at(path.find('/').unwrap_or(path.len()))
}
