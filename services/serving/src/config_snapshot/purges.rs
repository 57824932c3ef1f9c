//! What a tenant purged since this node knows it, as numbers that are part of every cache key.
//!
//! A cached answer is found again only under the number of the newest purge that means its URL; a purge gives that URL a
//! higher number, so whatever was cached, or is being made by requests that began before, is not given any more. Nothing is searched or
//! deleted: what nobody asks for any more is evicted like anything else. Caches are empty when a node starts, so purges from before
//! then do not matter to it.

use std::collections::HashMap;

use limpid_domain::ids::TenantSeq;

use spelling::decoded;
pub(crate) use spelling::{Meaning, Spelling};

mod spelling;
#[cfg(test)]
mod tests;

/// Purges remembered one by one; beyond, the tenant's caches are emptied as a whole and counting begins anew.
const MAX_REMEMBERED: usize = 4096;

/// The purges of one tenant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Purges {
    /// URLs as they are written, and beginnings of them.
    urls: Numbers,
    /// What they stand for, whichever way they are written.
    pictures: Numbers,
    /// Files whose URLs were purged, by path without endpoint: what is kept of originals goes by them.
    files: Numbers,
    /// Those that were purged as they are stored: pictures with a layer go by them.
    stored_files: Numbers,
}

/// Numbers of texts and of beginnings of texts.
#[derive(Debug, Clone, Default)]
struct Numbers {
    exact: HashMap<Vec<u8>, TenantSeq>,
    prefixes: HashMap<Vec<u8>, TenantSeq>,
}

impl Purges {
    /// These and `newer` ones, oldest first.
    pub(crate) fn and(&self, newer: impl IntoIterator<Item = (TenantSeq, Meaning)>) -> Self {
        let mut all = self.clone();
        for (number, purged) in newer {
            let is_prefix = purged.is_prefix;
            for url in purged.spelling.written {
                all.urls.note(url, is_prefix, number);
            }
            for picture in purged.spelling.pictures {
                all.pictures.note(picture, is_prefix, number);
            }
            let Some(file) = purged.file else { continue };
            if purged.is_stored_file {
                all.stored_files.note(file.clone(), is_prefix, number);
            }
            all.files.note(file, is_prefix, number);
        }
        all
    }

    /// Whether nothing was purged.
    pub(crate) fn is_empty(&self) -> bool {
        self.urls.exact.is_empty() && self.urls.prefixes.is_empty()
    }

    /// The number of the newest purge that means this URL; 0 where none does.
    pub(crate) fn of_url(&self, url: &Spelling) -> TenantSeq {
        let written = url.written.iter().map(|written| self.urls.of(written));
        let pictures = url.pictures.iter();
        let pictures = pictures.map(|picture| self.pictures.of(picture));
        written.chain(pictures).max().unwrap_or(TenantSeq(0))
    }

    /// The number of the newest purge that means some URL of this file, named as in a URL.
    pub(crate) fn of_file(&self, path: &str) -> TenantSeq {
        self.files.of(&decoded(path))
    }

    /// The number of the newest purge that means this file as it is stored, and so whatever shows it.
    pub(crate) fn of_stored_file(&self, path: &str) -> TenantSeq {
        self.stored_files.of(&decoded(path))
    }
}

impl Numbers {
    fn note(&mut self, text: Vec<u8>, is_prefix: bool, number: TenantSeq) {
        if self.exact.len() + self.prefixes.len() >= MAX_REMEMBERED {
            *self = Self::default();
            self.prefixes.insert(Vec::new(), number);
        }
        let numbers = if is_prefix {
            &mut self.prefixes
        } else {
            &mut self.exact
        };
        numbers.insert(text, number);
    }

    fn of(&self, text: &[u8]) -> TenantSeq {
        let exact = self.exact.get(text).copied();
        let prefixes = self.prefixes.iter();
        let meant = prefixes.filter(|(prefix, _)| text.starts_with(prefix));
        let newest = meant.map(|(_, number)| *number).chain(exact).max();
        newest.unwrap_or(TenantSeq(0))
    }
}
