//! Originals as they last were, for the time their origin is down. Never asked while it answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use limpid_origins::Original;
use moka::sync::Cache;

use super::originals::OriginalKey;
use crate::negative_cache::HeapBytes;

/// No original may take more than this part of the whole.
const LARGEST_PART: u64 = 8;
/// What an entry costs beside key and bytes. Units: bytes.
const ENTRY_OVERHEAD: usize = 1024;

/// The last good copies, least recently and least frequently used ones evicted. An original is kept for its origin in its
/// version: a changed origin has none.
pub(super) struct KeptOriginals {
    entries: Cache<OriginalKey, KeptOriginal>,
    max_bytes: u64,
}

/// One copy.
#[derive(Debug, Clone)]
pub(super) struct KeptOriginal {
    pub(super) original: Arc<Original>,
    pub(super) fetched_at: DateTime<Utc>,
    /// The version its publisher named (`ik-obj-version`): a copy of another one is no stand-in.
    pub(super) object_version: Option<String>,
}

impl KeptOriginals {
    /// Room for `max_bytes`, each copy for `keep_for`; 0 keeps nothing.
    pub(super) fn new(max_bytes: u64, keep_for: Duration) -> Self {
        let entries = Cache::builder()
            .max_capacity(max_bytes)
            .time_to_live(keep_for)
            .weigher(|key: &OriginalKey, kept: &KeptOriginal| {
                let bytes = key.heap_bytes() + kept.original.bytes.len() + ENTRY_OVERHEAD;
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .build();
        Self { entries, max_bytes }
    }

    /// Keeps a copy, unless the origin forbids it or it is too large.
    pub(super) fn keep(&self, key: OriginalKey, kept: KeptOriginal) {
        let forbidden = kept.original.cache_control.as_ref();
        let forbidden = forbidden.is_some_and(|value| {
            let mut directives = value.split(',');
            directives.any(|directive| directive.trim().eq_ignore_ascii_case("no-store"))
        });
        let bytes = kept.original.bytes.len() as u64;
        if forbidden || bytes > self.max_bytes / LARGEST_PART {
            // the file has changed: what it was is no stand-in any more
            self.entries.invalidate(&key);
            return;
        }
        self.entries.insert(key, kept);
    }

    /// The copy under `key`, if it is of this version.
    pub(super) fn get(&self, key: &OriginalKey, version: Option<&str>) -> Option<KeptOriginal> {
        let kept = self.entries.get(key)?;
        (kept.object_version.as_deref() == version).then_some(kept)
    }

    /// Forgets the copy: the origin answered that there is no such file, or that nobody may have it.
    pub(super) fn forget(&self, key: &OriginalKey) {
        self.entries.invalidate(key);
    }
}

impl fmt::Debug for KeptOriginals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptOriginals")
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}
