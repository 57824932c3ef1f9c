//! Variants: finished answers, and the cache that holds them in memory.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use limpid_domain::ids::{TenantId, TenantSeq};
use limpid_imaging::AcceptedFormats;
use moka::sync::Cache;

use crate::config_snapshot::Revision;
use crate::content_coding::CodedBodies;
use crate::lifetime::Lifetime;
use crate::negative_cache::HeapBytes;

/// What a cache entry costs beside its body and key. Units: bytes.
const ENTRY_OVERHEAD: usize = 512;

/// One finished answer: a body and what its header fields are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) body: Bytes,
    /// The same, compressed, for kinds of text.
    pub(crate) coded: CodedBodies,
    pub(crate) content_type: String,
    /// Strong, quoted; differs between variants because it is a hash of the body.
    pub(crate) etag: String,
    /// The origin's.
    pub(crate) last_modified: Option<SystemTime>,
    /// The choice of format depended on `Accept`.
    pub(crate) varies_by_accept: bool,
    /// Raster images run no scripts; everything else is sent with a policy that forbids them.
    pub(crate) is_raster: bool,
    /// Extension of a picture's format.
    pub(crate) extension: Option<&'static str>,
    /// `Link: <…>; rel="canonical"`.
    pub(crate) canonical_link: Option<String>,
    /// Why a crop lies elsewhere than asked.
    pub(crate) focus_fallback: Option<&'static str>,
    /// The origin marked the file private: only signed requests get it.
    pub(crate) is_private: bool,
    /// How long it may be kept, where its origin decides, and until when that is here.
    pub(crate) lifetime: Option<(Lifetime, DateTime<Utc>)>,
}

impl Variant {
    /// Whether its time is over, where its origin decides that.
    fn is_over(&self, now: DateTime<Utc>) -> bool {
        let lifetime = self.lifetime.as_ref();
        lifetime.is_some_and(|(_, until)| *until <= now)
    }
}

/// Everything a variant depends on, compared in full.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct VariantKey {
    pub(crate) tenant: TenantId,
    /// Versions of the endpoint and its origins, and the tenant's settings: a change makes older variants unreachable.
    pub(crate) revision: Arc<Revision>,
    /// The same of the endpoint that layers come from, where there are any.
    pub(crate) layers_revision: Option<Arc<Revision>>,
    /// The newest purge that means a file of them as it is stored.
    pub(crate) layers_purged: TenantSeq,
    /// The newest purge that means the URL: a later one makes older variants unreachable.
    pub(crate) purged: TenantSeq,
    /// File path as received.
    pub(crate) path: String,
    /// The query that goes to origins; also how publishers name a new version.
    pub(crate) query: Option<String>,
    pub(crate) object_version: Option<String>,
    /// Only where an origin gets to see it.
    pub(crate) forwarded_host: Option<String>,
    /// In canonical form.
    pub(crate) transformation: String,
    /// Whether an SVG is made safe; signed requests may ask for it as it is stored.
    pub(crate) sanitizes_svg: bool,
    pub(crate) accept: AcceptedFormats,
    /// Lower than the tenant's where data is saved.
    pub(crate) default_quality: u8,
}

/// Finished answers, least recently and least frequently used ones evicted.
#[derive(Debug, Clone)]
pub(crate) struct VariantCache {
    entries: Cache<VariantKey, Arc<Variant>>,
}

impl VariantCache {
    /// A cache for `max_bytes` of bodies and keys; 0 keeps nothing.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let entries = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|key: &VariantKey, variant: &Arc<Variant>| weight(key, variant))
            .build();
        Self { entries }
    }

    pub(crate) fn get(&self, key: &VariantKey, now: DateTime<Utc>) -> Option<Arc<Variant>> {
        let variant = self.entries.get(key)?;
        if variant.is_over(now) {
            self.entries.invalidate(key);
            return None;
        }
        Some(variant)
    }

    /// Keeps a variant, unless its time is over by now.
    pub(crate) fn insert(&self, key: VariantKey, variant: Arc<Variant>, now: DateTime<Utc>) {
        if !variant.is_over(now) {
            self.entries.insert(key, variant);
        }
    }
}

fn weight(key: &VariantKey, variant: &Variant) -> u32 {
    let bytes = variant.heap_bytes() + key.heap_bytes() + ENTRY_OVERHEAD;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl HeapBytes for VariantKey {
    fn heap_bytes(&self) -> usize {
        self.path.len() + self.transformation.len() + self.query.as_ref().map_or(0, String::len)
    }
}

impl HeapBytes for Variant {
    fn heap_bytes(&self) -> usize {
        self.body.len() + self.coded.len()
    }
}
