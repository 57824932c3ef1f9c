//! The forms in which URLs are compared with what was purged. Many texts are one URL: `%7E` and `~`, a transformation in the path or in
//! the query, parameters in another order, with and without a signature.

use limpid_delivery_url::{Mount, ResolvedTarget, Transformation, target, transformation};
use limpid_domain::purge::PurgeTarget;
use percent_encoding::percent_decode_str;

use crate::config_snapshot::Account;
use crate::picture::take_first_page;

/// Beginnings of path segments that are no part of a file's path.
const OURS: [&str; 2] = ["tr:", "ik-"];

/// The `ik-…` parameter that says what is asked for; the others sign the URL or say how it is delivered.
const NAMES_A_VERSION: &str = "ik-obj-version";

/// One URL of an account, in all forms it is compared in. Bytes, because nothing says that a decoded path is UTF-8.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spelling {
    /// As written, percent-encoding undone: what beginnings are compared with.
    pub(super) written: Vec<Vec<u8>>,
    /// The picture it stands for, with names of transformations and with what they mean.
    pub(super) pictures: Vec<Vec<u8>>,
}

/// What one purge means in an account as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(super) is_prefix: bool,
    pub(super) spelling: Spelling,
    /// The file, or the beginning of its path; empty for any.
    pub(super) file: Option<Vec<u8>>,
    /// Whether pictures that show the file in a layer are meant as well: it was purged as it is stored.
    pub(super) is_stored_file: bool,
}

impl Spelling {
    /// A request's URL: `address` as received, inside the account, and what became of it.
    pub(crate) fn of(address: &str, resolved: &ResolvedTarget, account: &Account) -> Self {
        Self {
            written: written(address),
            pictures: pictures(resolved, account),
        }
    }
}

impl Meaning {
    /// What a purge recorded in the log means.
    pub(crate) fn of(purged: &PurgeTarget, account: &Account) -> Self {
        if purged.is_prefix {
            return Self::of_beginning(without_open_encoding(&purged.address), account);
        }
        let resolved = resolve(&purged.address, account);
        let pictures = resolved
            .as_ref()
            .map(|resolved| pictures(resolved, account));
        Self {
            is_prefix: false,
            spelling: Spelling {
                written: written(&purged.address),
                pictures: pictures.unwrap_or_default(),
            },
            is_stored_file: is_untransformed(resolved.as_ref()),
            file: resolved.map(|resolved| decoded(resolved.file.as_raw())),
        }
    }

    fn of_beginning(address: &str, account: &Account) -> Self {
        let resolved = resolve(address, account);
        let file = file_beginning(address, resolved.as_ref(), account);
        Self {
            is_prefix: true,
            spelling: Spelling {
                written: written(address),
                pictures: Vec::new(),
            },
            is_stored_file: file.is_empty() || is_untransformed(resolved.as_ref()),
            file: Some(file),
        }
    }
}

/// A path or a part of one with its percent-encoding undone.
pub(super) fn decoded(text: &str) -> Vec<u8> {
    percent_decode_str(text).collect()
}

/// The address as serving understands it; none where it is no URL that could have been answered.
fn resolve(address: &str, account: &Account) -> Option<ResolvedTarget> {
    let is_prefix = |prefix: &str| account.endpoints.contains_key(prefix);
    let resolved = target::parse(address).ok()?;
    let resolved = resolved.resolve(Mount::Domain, is_prefix).ok()?;
    let endpoint = account.endpoint(&resolved.endpoint_prefix)?;
    match endpoint.rewriter() {
        Some(rewriter) => rewriter.rewrite(resolved).ok(),
        None => Some(resolved),
    }
}

fn is_untransformed(resolved: Option<&ResolvedTarget>) -> bool {
    resolved.is_some_and(|resolved| resolved.transformations.is_empty())
}

/// As written, decoded; and, where that differs, the same with the path's transformation as the printer writes it and without the
/// parameters that sign a URL or say how it is delivered.
fn written(address: &str) -> Vec<Vec<u8>> {
    let parsed = target::parse(address);
    let (path, query) = match &parsed {
        Ok(parsed) => (parsed.path(), parsed.query()),
        Err(_no_path) => (address, None),
    };
    let mut literal = decoded_path(path, str::to_owned);
    let mut usual = decoded_path(path, printed);
    if let Some(query) = query {
        literal.push(b'?');
        literal.extend(decoded_query(query));
        let meant: Vec<&str> = query.split('&').filter(|pair| is_meant(pair)).collect();
        if !meant.is_empty() {
            usual.push(b'?');
            usual.extend(decoded_query(&meant.join("&")));
        }
    }
    both(literal, Some(usual))
}

/// Segments decoded, repeated slashes made one; the first transformation through `print`, unless it is the last segment.
fn decoded_path(path: &str, print: impl Fn(&str) -> String) -> Vec<u8> {
    let mut bytes = vec![b'/'];
    let mut has_transformation = false;
    let mut rest = path.trim_start_matches('/');
    while let Some((segment, after)) = rest.split_once('/') {
        match segment.strip_prefix("tr:") {
            Some(text) if !has_transformation => {
                has_transformation = true;
                bytes.extend(b"tr:");
                bytes.extend(decoded(&print(text)));
            }
            _ => bytes.extend(decoded(segment)),
        }
        bytes.push(b'/');
        rest = after.trim_start_matches('/');
    }
    bytes.extend(decoded(rest));
    // an encoded slash beside a written one
    bytes.dedup_by(|second, first| *second == b'/' && *first == b'/');
    bytes
}

/// The transformation in the printer's words; one that cannot be read stays as it is.
fn printed(text: &str) -> String {
    transformation::parse(text).map_or_else(|_unreadable| text.to_owned(), |read| read.to_string())
}

fn decoded_query(query: &str) -> Vec<u8> {
    decoded(&query.replace('+', " "))
}

/// Whether a parameter of a query says what is asked for.
fn is_meant(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    !pair.is_empty() && (!name.starts_with("ik-") || name == NAMES_A_VERSION)
}

/// The picture a URL stands for, as bytes that are equal for equal ones: once with the names of transformations as they are, once with
/// what the names stand for now. No bytes at all where the transformation cannot be read: such a request is refused, and nothing of it
/// is cached.
fn pictures(resolved: &ResolvedTarget, account: &Account) -> Vec<Vec<u8>> {
    let Ok(mut asked) = resolved.transformation() else {
        return Vec::new();
    };
    let expanded = asked.expand(&|name| account.named.get(name));
    let expanded = expanded.ok().map(|mut expanded| {
        take_first_page(resolved, &mut expanded);
        picture(resolved, &expanded)
    });
    take_first_page(resolved, &mut asked);
    both(picture(resolved, &asked), expanded)
}

/// Endpoint, file, version, query and transformation. Nothing but a query can hold the byte between them; that would make two URLs
/// equal that nobody has.
fn picture(resolved: &ResolvedTarget, transformation: &Transformation) -> Vec<u8> {
    let query = resolved.forwarded_query.as_deref().unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<Vec<u8>> = pairs.map(decoded_query).collect();
    pairs.sort_unstable();
    let version = resolved.switches.object_version.as_deref();
    let parts = [
        resolved.endpoint_prefix.clone().into_bytes(),
        decoded(resolved.file.as_raw()),
        version.unwrap_or_default().as_bytes().to_vec(),
        pairs.join(&b'&'),
        transformation.to_string().into_bytes(),
    ];
    parts.join(&0)
}

/// One form and another where that differs.
fn both(first: Vec<u8>, second: Option<Vec<u8>>) -> Vec<Vec<u8>> {
    let second = second.filter(|second| *second != first);
    let mut forms = vec![first];
    forms.extend(second);
    forms
}

/// What the paths of all files begin with whose URLs begin like this; empty where that cannot be told.
fn file_beginning(address: &str, resolved: Option<&ResolvedTarget>, account: &Account) -> Vec<u8> {
    let Some(resolved) = resolved else {
        return Vec::new();
    };
    let endpoint = account.endpoint(&resolved.endpoint_prefix);
    let is_rewritten = endpoint.is_none_or(|endpoint| endpoint.url_rewriter.is_some());
    // With a name for people, the extension comes later in the URL than in the file's path.
    if is_rewritten || resolved.seo_name.is_some() {
        return Vec::new();
    }
    let file = decoded(resolved.file.as_raw());
    if address.contains('?') {
        return file;
    }
    let (folders, last) = address.rsplit_once('/').unwrap_or(("", address));
    let mut prefixes = account.endpoints.keys();
    let may_be_endpoint = folders.trim_start_matches('/').is_empty()
        && prefixes.any(|prefix| prefix.starts_with(last));
    if may_be_endpoint {
        return Vec::new();
    }
    let may_be_ours = OURS
        .iter()
        .any(|ours| last.starts_with(ours) || ours.starts_with(last));
    if last.is_empty() || !may_be_ours {
        return file;
    }
    let folder = file.len().saturating_sub(decoded(last).len() + 1);
    file.get(..folder).unwrap_or_default().to_vec()
}

/// A beginning without the half of a percent-encoding at its end.
fn without_open_encoding(beginning: &str) -> &str {
    let open = beginning.rfind('%');
    let open = open.filter(|at| beginning.len() - at < "%7E".len());
    open.and_then(|at| beginning.get(..at)).unwrap_or(beginning)
}
