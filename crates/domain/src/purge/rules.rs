//! URL → what is purged, or the rule that forbids it.

use url::Url;

use super::{NotPurged, PurgeContext, PurgeTarget};

/// Longest URL. Source: `reliability.md` T52, for a request target.
pub(super) const MAX_URL_BYTES: usize = 8 * 1024;
/// Paths that may end in a wildcard because they are this long. Units: characters.
pub(super) const LONG_PATH_CHARS: usize = 15;
/// Folders of shop systems that hold everything: never emptied as a whole.
const REFUSED_FOLDERS: [&str; 2] = ["media/catalog/", "s/files/"];

/// What `url` names.
///
/// Errors: it is no URL of the account, or its wildcard is not allowed.
pub(super) fn target(url: &str, context: &PurgeContext<'_>) -> Result<PurgeTarget, NotPurged> {
    if url.len() > MAX_URL_BYTES {
        return Err(NotPurged::TooLong);
    }
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(NotPurged::Unprintable);
    }
    let (url, is_prefix) = match url.strip_suffix('*') {
        Some(start) => (start, true),
        None => (url, false),
    };
    if url.contains('*') {
        return Err(NotPurged::WildcardInside);
    }
    let parsed = Url::parse(url).map_err(|_no_url| NotPurged::NoWebUrl)?;
    if !matches!(parsed.scheme(), "http" | "https") || !parsed.username().is_empty() {
        return Err(NotPurged::NoWebUrl);
    }
    let address = written_target(url)
        .and_then(|written| address(&parsed, written, context))
        .ok_or(NotPurged::OfNobodyHere)?;
    if is_prefix {
        refuse_wide_prefix(&address, context.prefixes)?;
    }
    Ok(PurgeTarget { address, is_prefix })
}

/// Path and query as written: a parsed URL resolves `..` and re-encodes, which no request target does.
fn written_target(url: &str) -> Option<&str> {
    let (_, after_scheme) = url.split_once("://")?;
    let target = after_scheme.get(after_scheme.find('/')?..)?;
    Some(target.split_once('#').map_or(target, |(target, _)| target))
}

/// Where the URL lies inside the account.
fn address(url: &Url, target: &str, context: &PurgeContext<'_>) -> Option<String> {
    let host = url.host_str()?.to_ascii_lowercase();
    let mut domains = context.domains.iter();
    if let Some((_, prefix)) = domains.find(|(domain, _)| domain.eq_ignore_ascii_case(&host)) {
        return Some(if prefix.is_empty() {
            target.to_owned()
        } else {
            format!("/{prefix}{target}")
        });
    }
    let rest = target.strip_prefix('/')?;
    let rest = rest.strip_prefix(context.imagekit_id.as_str())?;
    rest.starts_with('/').then(|| rest.to_owned())
}

/// Refuses that so much is forgotten at once. Source: `imagekit.md` 4.7, the three rules and their exceptions.
fn refuse_wide_prefix(address: &str, prefixes: &[String]) -> Result<(), NotPurged> {
    let path = address.split_once('?').map_or(address, |(path, _)| path);
    let path = without_endpoint(path, prefixes);
    let inner = path.trim_start_matches('/');
    if REFUSED_FOLDERS.contains(&inner) {
        return Err(NotPurged::WildcardOnEverything);
    }
    let levels = inner.split('/').filter(|level| !level.is_empty()).count();
    if levels >= 2 || path.chars().count() >= LONG_PATH_CHARS || is_a_file(inner) {
        Ok(())
    } else {
        Err(NotPurged::WildcardTooWide)
    }
}

fn without_endpoint<'a>(path: &'a str, prefixes: &[String]) -> &'a str {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or("");
    if first.is_empty() || !prefixes.iter().any(|prefix| prefix == first) {
        return path;
    }
    path.get(1 + first.len()..).unwrap_or("")
}

/// Whether the last segment has a name and an extension.
fn is_a_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.')
        .is_some_and(|(stem, extension)| !stem.is_empty() && !extension.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(url: &str) -> Result<PurgeTarget, NotPurged> {
        let context = PurgeContext {
            imagekit_id: &"acme".parse().unwrap(),
            domains: &[
                ("img.acme.example".to_owned(), String::new()),
                ("shop.acme.example".to_owned(), "shop".to_owned()),
            ],
            prefixes: &[String::new(), "shop".to_owned()],
            purges_this_month: 0,
        };
        target(url, &context)
    }

    fn targeted(url: &str) -> Option<(String, bool)> {
        let target = decided(url).ok()?;
        Some((target.address, target.is_prefix))
    }

    #[test]
    fn each_refusal_names_its_rule() {
        let long = format!("https://ik.example/acme/{}", "a".repeat(MAX_URL_BYTES));
        for (url, reason) in [
            (long.as_str(), NotPurged::TooLong),
            ("https://ik.example/acme/a b.jpg", NotPurged::Unprintable),
            ("/acme/a.jpg", NotPurged::NoWebUrl),
            ("https://user@ik.example/acme/a.jpg", NotPurged::NoWebUrl),
            ("https://ik.example", NotPurged::OfNobodyHere),
            ("https://ik.example/other/a.jpg", NotPurged::OfNobodyHere),
            ("https://ik.example/acme/*/x.jpg", NotPurged::WildcardInside),
            (
                "https://ik.example/acme/s/files/*",
                NotPurged::WildcardOnEverything,
            ),
            (
                "https://ik.example/acme/images*",
                NotPurged::WildcardTooWide,
            ),
        ] {
            assert_eq!(decided(url), Err(reason), "{url}");
        }
    }

    #[test]
    fn a_url_is_itself_under_every_host_of_the_account() {
        for (url, address) in [
            ("https://ik.example/acme/a.jpg", "/a.jpg"),
            (
                "http://ik.example:8080/acme/tr:w-3/a%20b.jpg?v=1&tr=h-2",
                "/tr:w-3/a%20b.jpg?v=1&tr=h-2",
            ),
            ("https://img.acme.example/a.jpg", "/a.jpg"),
            ("https://IMG.acme.example/a/../b.jpg#top", "/a/../b.jpg"),
            ("https://shop.acme.example/a.jpg", "/shop/a.jpg"),
            ("https://ik.example/acme/shop/a.jpg", "/shop/a.jpg"),
        ] {
            assert_eq!(targeted(url), Some((address.to_owned(), false)), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_of_the_account_is_refused() {
        for url in [
            "",
            "a.jpg",
            "/acme/a.jpg",
            "ftp://ik.example/acme/a.jpg",
            "https://ik.example",
            "https://ik.example/",
            "https://ik.example/acme",
            "https://ik.example/acmes/a.jpg",
            "https://ik.example/other/a.jpg",
            "https://user@ik.example/acme/a.jpg",
            "https://ik.example/acme/a b.jpg",
            "https://ik.example/acme/folder/*/x.jpg",
            "https://ik.example/acme/a*.jpg",
            "https://ik.example/acme/images/upload**",
        ] {
            assert_eq!(targeted(url), None, "{url}");
        }
    }

    #[test]
    fn a_wildcard_needs_two_levels_a_long_path_or_a_file() {
        let wildcard = |path: &str| targeted(&format!("https://ik.example/acme{path}"));
        for path in [
            "/images/upload*",
            "/media/catalog/product*",
            "/a-very-long-name*",
            "/sample.jpg*",
            "/sample.jpg?tr=*",
            "/shop/sample.jpg*",
            "/tr:w-300/sample*",
        ] {
            let address = path.trim_end_matches('*').to_owned();
            assert_eq!(wildcard(path), Some((address, true)), "{path}");
        }
        for path in [
            "/*",
            "/images*",
            "/images/*",
            "/shop/*",
            "/shop/images*",
            "/media/catalog/*",
            "/s/files/*",
            "/.jpg*",
        ] {
            assert_eq!(wildcard(path), None, "{path}");
        }
    }
}
