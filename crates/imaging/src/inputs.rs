//! Files that layers need beside the picture itself. Whoever calls has fetched them.

use std::collections::BTreeMap;

/// Files by the path a layer names (`l-image,i-…` and `ff-…`, `@@` already turned into `/`).
#[derive(Debug, Clone, Default)]
pub struct Inputs<'a> {
    files: BTreeMap<&'a str, &'a [u8]>,
}

impl<'a> Inputs<'a> {
    /// The file with this path, if it was given.
    pub fn get(&self, path: &str) -> Option<&'a [u8]> {
        self.files.get(path).copied()
    }
}

impl<'a> FromIterator<(&'a str, &'a [u8])> for Inputs<'a> {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a [u8])>>(files: T) -> Self {
        Self {
            files: files.into_iter().collect(),
        }
    }
}
