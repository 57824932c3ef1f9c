//! The counts of one tenant's hour. What there is no room to name is counted together; sums are exact.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use limpid_domain::ids::UrlEndpointNo;
use limpid_domain::usage::{CacheResult, DeliveredFormat, UsageCounts, UsageDimension};

use super::{Answered, Delivered};

/// Keys of each kind that one tenant may have between two flushes.
pub(super) const MAX_KEYS: usize = 1_000;
/// Keys of each kind that every tenant may have, however many others have.
pub(super) const GUARANTEED_KEYS: usize = 16;
/// Keys of one tenant beyond the guaranteed ones: a sixteenth of what all may have. Units: bytes.
const MAX_TENANT_KEY_BYTES: usize = 2 << 20;
/// What a key costs beside its text, in the map and by the allocator. Units: bytes.
const KEY_OVERHEAD: usize = 64;
/// Combinations of endpoint, status, cache and format of one tenant's hour; past it the endpoint is left out.
const MAX_CELLS: usize = 2_000;

/// Longest path. Units: bytes.
const MAX_PATH_BYTES: usize = 1_024;
/// Longest transformation. Units: bytes.
const MAX_TRANSFORMATION_BYTES: usize = 500;
/// Longest host. Source: RFC 1035, 2.3.4. Units: bytes.
const MAX_HOST_BYTES: usize = 255;
/// Longest user agent. Units: bytes.
const MAX_USER_AGENT_BYTES: usize = 200;

/// The dimensions that are counted request by request; browsers and devices follow from user agents.
const COUNTED: [UsageDimension; 7] = [
    UsageDimension::Image,
    UsageDimension::Video,
    UsageDimension::OtherAsset,
    UsageDimension::ImageTransformation,
    UsageDimension::VideoTransformation,
    UsageDimension::Referrer,
    UsageDimension::UserAgent,
];

/// Requests alike in everything that is counted exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CellKey {
    pub(super) endpoint_no: UrlEndpointNo,
    pub(super) status: u16,
    pub(super) cache: CacheResult,
    pub(super) format: DeliveredFormat,
}

/// The counts of one tenant's hour since the last flush.
#[derive(Debug, Default)]
pub(super) struct HourCounts {
    pub(super) cells: HashMap<CellKey, UsageCounts>,
    tops: [TopCounts; COUNTED.len()],
    /// Of its keys beyond the guaranteed ones.
    key_bytes: usize,
    /// Where paths are put together, so that a known one costs no allocation.
    path: String,
}

/// The keys of one dimension.
#[derive(Debug, Default)]
pub(super) struct TopCounts {
    pub(super) keys: HashMap<Box<str>, UsageCounts>,
    /// Those that there was no room for.
    pub(super) others: UsageCounts,
}

/// Room for keys that all tenants share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room<'a> {
    pub(super) taken: &'a AtomicUsize,
    pub(super) limit: usize,
}

impl Room<'_> {
    /// Takes room if there is some, here and in the tenant's share.
    fn take(self, bytes: usize, of_tenant: &mut usize) -> bool {
        let fits = *of_tenant + bytes <= MAX_TENANT_KEY_BYTES
            && self.taken.load(Ordering::Relaxed) + bytes <= self.limit;
        if fits {
            // Threads that look at the same moment may go past the limit by a key each.
            self.taken.fetch_add(bytes, Ordering::Relaxed);
            *of_tenant += bytes;
        }
        fits
    }
}

impl HourCounts {
    /// Counts one answer.
    pub(super) fn count(&mut self, answered: Answered, delivered: &Delivered, room: Room<'_>) {
        let counts = UsageCounts {
            requests: 1,
            bytes: i64::try_from(answered.bytes).unwrap_or(i64::MAX),
        };
        let cell = CellKey {
            endpoint_no: delivered.endpoint_no,
            status: answered.status,
            cache: delivered.cache,
            format: answered.format,
        };
        self.add_cell(cell, counts);
        let was_delivered = matches!(answered.status, 200 | 206 | 304);
        let is_video = matches!(
            answered.format,
            DeliveredFormat::Mp4 | DeliveredFormat::WebM
        );
        if was_delivered {
            let dimension = match answered.format {
                _ if is_video => UsageDimension::Video,
                format if format.as_str().starts_with("image/") => UsageDimension::Image,
                _ => UsageDimension::OtherAsset,
            };
            let mut path = std::mem::take(&mut self.path);
            shown_path(&mut path, delivered);
            self.add_key((dimension, cut(&path, MAX_PATH_BYTES)), counts, room);
            self.path = path;
            if let Some(transformation) = &delivered.transformation {
                let dimension = if is_video {
                    UsageDimension::VideoTransformation
                } else {
                    UsageDimension::ImageTransformation
                };
                let key = cut(transformation, MAX_TRANSFORMATION_BYTES);
                self.add_key((dimension, key), counts, room);
            }
        }
        if let Some(referrer) = &delivered.referrer {
            let host = cut(host_of(referrer), MAX_HOST_BYTES);
            self.add_key((UsageDimension::Referrer, host), counts, room);
        }
        if let Some(user_agent) = &delivered.user_agent {
            let key = cut(user_agent, MAX_USER_AGENT_BYTES);
            self.add_key((UsageDimension::UserAgent, key), counts, room);
        }
    }

    /// Adds what was counted elsewhere of the same tenant and hour.
    pub(super) fn add(&mut self, other: &Self, room: Room<'_>) {
        for (key, counts) in &other.cells {
            self.add_cell(*key, *counts);
        }
        for (dimension, top) in other.tops() {
            for (key, counts) in &top.keys {
                self.add_key((dimension, key), *counts, room);
            }
            self.add_key((dimension, ""), top.others, room);
        }
    }

    pub(super) fn add_cell(&mut self, mut key: CellKey, counts: UsageCounts) {
        if self.cells.len() >= MAX_CELLS && !self.cells.contains_key(&key) {
            key.endpoint_no = UrlEndpointNo::NONE;
        }
        self.cells.entry(key).or_default().add(counts);
    }

    /// Adds to a key of a dimension that is counted; the key `""` is what is counted without a name.
    pub(super) fn add_key(
        &mut self,
        (dimension, key): (UsageDimension, &str),
        counts: UsageCounts,
        room: Room<'_>,
    ) {
        let place = COUNTED.iter().position(|counted| *counted == dimension);
        let Some(top) = place.and_then(|place| self.tops.get_mut(place)) else {
            return;
        };
        if let Some(known) = top.keys.get_mut(key) {
            known.add(counts);
            return;
        }
        let held = top.keys.len();
        let is_admitted = !key.is_empty()
            && held < MAX_KEYS
            && (held < GUARANTEED_KEYS || room.take(key.len() + KEY_OVERHEAD, &mut self.key_bytes));
        let sum = if is_admitted {
            top.keys.entry(Box::from(key)).or_default()
        } else {
            &mut top.others
        };
        sum.add(counts);
    }

    /// The dimensions and what was counted by each.
    pub(super) fn tops(&self) -> impl Iterator<Item = (UsageDimension, &TopCounts)> {
        COUNTED.into_iter().zip(&self.tops)
    }

    /// What it took of the room that all tenants share.
    pub(super) fn key_bytes(&self) -> usize {
        self.key_bytes
    }
}

/// The path after the account, the endpoint's prefix included.
fn shown_path(path: &mut String, delivered: &Delivered) {
    path.clear();
    if let Some(endpoint) = &delivered.endpoint
        && !endpoint.prefix.is_empty()
    {
        path.push('/');
        path.push_str(&endpoint.prefix);
    }
    path.push_str(&delivered.path);
}

/// The host, and the port where there is one, of a `Referer` field.
fn host_of(referrer: &str) -> &str {
    let rest = referrer
        .split_once("://")
        .map_or(referrer, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

fn cut(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_referrer_only_the_host_is_counted() {
        for (referrer, host) in [
            ("https://shop.example/a/b?c=d", "shop.example"),
            ("https://u:p@shop.example:8443#x", "shop.example:8443"),
            ("shop.example/path", "shop.example"),
            ("android-app://com.example/", "com.example"),
            ("", ""),
        ] {
            assert_eq!(host_of(referrer), host, "{referrer}");
        }
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 3), "ä");
        assert_eq!(cut("abc", 3), "abc");
    }
}
