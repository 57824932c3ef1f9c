//! What a tenant purged since this node knows it, as numbers that are part of every cache key.
//!
//! A cached answer is found again only under the number of the newest purge that means its URL; a purge gives that URL a
//! higher number, so whatever was cached, or is being made by requests that began before, is not given any more. Nothing is searched or
//! deleted: what nobody asks for any more is evicted like anything else. Caches are empty when a node starts, so purges from before
//! then do not matter to it.

use std::collections::HashMap;

use limpid_delivery_url::{Mount, target};
use limpid_domain::ids::TenantSeq;
use limpid_domain::purge::PurgeTarget;

/// Purges remembered one by one; beyond, the tenant's caches are emptied as a whole and counting begins anew.
const MAX_REMEMBERED: usize = 4096;

/// The purges of one tenant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Purges {
    urls: Numbers,
    /// Files whose URLs were purged, by path without endpoint: what is kept of originals goes by them.
    files: Numbers,
}

/// Numbers of texts and of beginnings of texts.
#[derive(Debug, Clone, Default)]
struct Numbers {
    exact: HashMap<String, TenantSeq>,
    prefixes: HashMap<String, TenantSeq>,
}

impl Purges {
    /// These and `newer` ones, oldest first. `endpoint` says what an endpoint with this prefix makes of URLs.
    pub(crate) fn and(
        &self,
        newer: impl IntoIterator<Item = (TenantSeq, PurgeTarget)>,
        endpoint: impl Fn(&str) -> Addressing,
    ) -> Self {
        let mut all = self.clone();
        for (number, purged) in newer {
            let file = file_of(&purged.address, &endpoint);
            match (file, purged.is_prefix) {
                (Some(file), is_prefix) => all.files.note(file, is_prefix, number),
                // The beginning of a URL may be the beginning of no file's path: then of any.
                (None, true) => all.files.note(String::new(), true, number),
                (None, false) => {}
            }
            all.urls
                .note(as_received(&purged.address), purged.is_prefix, number);
        }
        all
    }

    /// Whether nothing was purged.
    pub(crate) fn is_empty(&self) -> bool {
        self.urls.exact.is_empty() && self.urls.prefixes.is_empty()
    }

    /// The number of the newest purge that means this URL (its path and query inside the account); 0 where none does.
    pub(crate) fn of_url(&self, address: &str) -> TenantSeq {
        self.urls.of(address)
    }

    /// The number of the newest purge that means some URL of this file.
    pub(crate) fn of_file(&self, path: &str) -> TenantSeq {
        self.files.of(path)
    }
}

/// What an endpoint makes of URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addressing {
    /// There is no such endpoint.
    None,
    /// The path names the file.
    Plain,
    /// The path is rewritten.
    Rewritten,
}

/// The spelling that requests are compared in.
fn as_received(address: &str) -> String {
    let Ok(parsed) = target::parse(address) else {
        return address.to_owned();
    };
    match parsed.query() {
        Some(query) => format!("{}?{query}", parsed.path()),
        None => parsed.path().to_owned(),
    }
}

/// The file a URL names; any file (the empty beginning of a path) where an endpoint rewrites.
fn file_of(address: &str, endpoint: &impl Fn(&str) -> Addressing) -> Option<String> {
    let parsed = target::parse(address).ok()?;
    let is_prefix = |prefix: &str| endpoint(prefix) != Addressing::None;
    let resolved = parsed.resolve(Mount::Domain, is_prefix).ok()?;
    Some(resolved.file.as_raw().to_owned())
        .filter(|_| endpoint(&resolved.endpoint_prefix) != Addressing::Rewritten)
}

impl Numbers {
    fn note(&mut self, text: String, is_prefix: bool, number: TenantSeq) {
        if self.exact.len() + self.prefixes.len() >= MAX_REMEMBERED {
            *self = Self::default();
            self.prefixes.insert(String::new(), number);
        }
        let numbers = if is_prefix {
            &mut self.prefixes
        } else {
            &mut self.exact
        };
        numbers.insert(text, number);
    }

    fn of(&self, text: &str) -> TenantSeq {
        let exact = self.exact.get(text).copied();
        let prefixes = self.prefixes.iter();
        let meant = prefixes.filter(|(prefix, _)| text.starts_with(prefix.as_str()));
        let newest = meant.map(|(_, number)| *number).chain(exact).max();
        newest.unwrap_or(TenantSeq(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purges(targets: &[(&str, bool)]) -> Purges {
        let numbered = targets.iter().zip(1..).map(|((address, is_prefix), seq)| {
            let target = PurgeTarget {
                address: (*address).to_owned(),
                is_prefix: *is_prefix,
            };
            (TenantSeq(seq), target)
        });
        let endpoint = |prefix: &str| match prefix {
            "shop" => Addressing::Plain,
            "old" => Addressing::Rewritten,
            _ => Addressing::None,
        };
        Purges::default().and(numbered, endpoint)
    }

    #[test]
    fn a_url_has_the_number_of_the_newest_purge_that_means_it() {
        let purges = purges(&[
            ("/a.jpg", false),
            ("/images/up", true),
            ("/images/upload.jpg", false),
            ("/a.jpg", true),
        ]);
        for (address, number) in [
            ("/a.jpg", 4),
            ("/a.jpg?tr=w-3", 4),
            ("/tr:w-3/a.jpg", 0),
            ("/images/upload.jpg", 3),
            ("/images/up/b.jpg", 2),
            ("/images/u", 0),
        ] {
            assert_eq!(purges.of_url(address), TenantSeq(number), "{address}");
        }
    }

    #[test]
    fn a_file_has_the_number_of_its_urls_whatever_endpoint_and_transformation() {
        let purges = purges(&[("/shop/tr:w-3/b.jpg", false), ("/tr:w-3/images/up", true)]);
        for (file, number) in [("b.jpg", 1), ("images/upload.jpg", 2), ("c.jpg", 0)] {
            assert_eq!(purges.of_file(file), TenantSeq(number), "{file}");
        }
    }

    #[test]
    fn beyond_what_is_remembered_everything_is_purged_and_nothing_comes_back() {
        let mut all = Purges::default();
        let last = 5_000;
        for seq in 1..=last {
            let target = PurgeTarget {
                address: format!("/{seq}.jpg"),
                is_prefix: false,
            };
            all = all.and([(TenantSeq(seq), target)], |_| Addressing::Plain);
        }
        assert!(all.urls.exact.len() <= MAX_REMEMBERED);
        let first = all.of_url("/1.jpg");
        assert!(first.0 > 4_000 && first.0 < last, "{first:?}");
        assert_eq!(all.of_url("/5000.jpg"), TenantSeq(last));
        assert_eq!(all.of_url("/never-purged.jpg"), first);
    }
}
