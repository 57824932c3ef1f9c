//! What was counted as rows: the most used by name, the rest together.
//!
//! How many rows a tenant's hour may get is bounded, so that a crawler that asks for a million paths does not make a million rows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use chrono::{DateTime, Utc};
use limpid_domain::usage::{UsageCounts, UsageDimension};
use limpid_event_store::usage_append::{UsageCell, UsageRows, UsageTop};

use super::hour_counts::{HourCounts, TopCounts};
use super::{SECONDS_PER_HOUR, TenantHour, user_agent};
use crate::failure_recorder::redact::redact_path;

/// Keys of a dimension that one flush names: those with most requests and, where they are others, those with most bytes.
pub(super) const KEYS_PER_FLUSH: usize = 50;
/// Keys of a dimension that a tenant's hour gets rows for by this node.
pub(super) const KEYS_PER_HOUR: usize = 200;
/// Longest path that is stored. Units: bytes.
const MAX_PATH_BYTES: usize = 1_024;

/// Turns counts into rows.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    /// Hashes of the keys that have a row.
    known: HashMap<(TenantHour, UsageDimension), HashSet<u64>>,
    hasher: RandomState,
}

impl Ranking {
    /// The rows of what was counted, in a fixed order.
    pub(super) fn rows(&mut self, hours: &[(TenantHour, HourCounts)]) -> UsageRows {
        let mut rows = UsageRows::default();
        for ((tenant_id, hour), counts) in hours {
            let key = (*tenant_id, *hour);
            rows.cells.extend(cells(key, counts));
            for (dimension, top) in counts.tops() {
                if dimension == UsageDimension::UserAgent {
                    let browsers = families(top, user_agent::browser);
                    let devices = families(top, user_agent::device);
                    self.rank((key, UsageDimension::Browser), browsers, &mut rows.tops);
                    self.rank((key, UsageDimension::Device), devices, &mut rows.tops);
                }
                let shown = shown(dimension, top);
                self.rank((key, dimension), shown, &mut rows.tops);
            }
        }
        self.forget_past_hours(hours);
        rows
    }

    fn rank(
        &mut self,
        (key, dimension): (TenantHour, UsageDimension),
        counts: BTreeMap<String, UsageCounts>,
        tops: &mut Vec<UsageTop>,
    ) {
        if counts.is_empty() {
            return;
        }
        let leading = leading(&counts);
        let known = self.known.entry((key, dimension)).or_default();
        let mut others = UsageCounts::default();
        for (text, counts) in counts {
            let hash = self.hasher.hash_one(&text);
            let may_begin = known.len() < KEYS_PER_HOUR && leading.contains(&text);
            let is_named = !text.is_empty() && (known.contains(&hash) || may_begin);
            if is_named {
                known.insert(hash);
                tops.push(top((key, dimension), text, counts));
            } else {
                others.add(counts);
            }
        }
        if others.requests > 0 {
            tops.push(top((key, dimension), String::new(), others));
        }
    }

    /// Everything that was counted, by every name it may be stored with, from which [`hours_of`] makes the counts again.
    pub(super) fn unranked<'a>(
        hours: impl IntoIterator<Item = (&'a TenantHour, &'a HourCounts)>,
    ) -> UsageRows {
        let mut rows = UsageRows::default();
        for (key, counts) in hours {
            rows.cells.extend(cells(*key, counts));
            for (dimension, tops) in counts.tops() {
                let shown = shown(dimension, tops).into_iter();
                let place = (*key, dimension);
                rows.tops
                    .extend(shown.map(|(text, counts)| top(place, text, counts)));
            }
        }
        rows
    }

    /// Keeps the newest hour and the one before it: requests answered over the turn of an hour may come late.
    fn forget_past_hours(&mut self, hours: &[(TenantHour, HourCounts)]) {
        if let Some(newest) = hours.iter().map(|((_, hour), _)| *hour).max() {
            self.known
                .retain(|((_, hour), _), _| *hour >= newest.saturating_sub(1));
        }
    }
}

fn cells((tenant_id, hour): TenantHour, counts: &HourCounts) -> impl Iterator<Item = UsageCell> {
    counts.cells.iter().map(move |(cell, counts)| UsageCell {
        tenant_id,
        hour: start_of(hour),
        endpoint_no: cell.endpoint_no,
        status: i16::try_from(cell.status).unwrap_or_default(),
        cache: cell.cache,
        format: cell.format,
        counts: *counts,
    })
}

fn top(
    ((tenant_id, hour), dimension): (TenantHour, UsageDimension),
    key: String,
    counts: UsageCounts,
) -> UsageTop {
    UsageTop {
        tenant_id,
        hour: start_of(hour),
        dimension,
        key,
        counts,
    }
}

fn start_of(hour: i64) -> DateTime<Utc> {
    let seconds = hour.saturating_mul(SECONDS_PER_HOUR);
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

/// The keys with most requests and those with most bytes. Equals in the key's order.
fn leading(counts: &BTreeMap<String, UsageCounts>) -> HashSet<String> {
    let mut leading = HashSet::new();
    let measures: [fn(&UsageCounts) -> i64; 2] = [|counts| counts.requests, |counts| counts.bytes];
    for measure in measures {
        let mut keys: Vec<_> = counts.iter().filter(|(key, _)| !key.is_empty()).collect();
        keys.sort_by_key(|(_, counts)| std::cmp::Reverse(measure(counts)));
        keys.truncate(KEYS_PER_FLUSH);
        leading.extend(keys.into_iter().map(|(key, _)| key.clone()));
    }
    leading
}

/// Keys as they may be stored and shown; several may become one. The key "" is what was counted together.
fn shown(dimension: UsageDimension, top: &TopCounts) -> BTreeMap<String, UsageCounts> {
    let mut shown: BTreeMap<String, UsageCounts> = BTreeMap::new();
    for (key, counts) in &top.keys {
        let text = match dimension {
            UsageDimension::Image | UsageDimension::Video | UsageDimension::OtherAsset => {
                redact_path(key, MAX_PATH_BYTES)
            }
            UsageDimension::Referrer => key.to_ascii_lowercase(),
            _ => key.to_string(),
        };
        shown.entry(text).or_default().add(*counts);
    }
    if top.others.requests > 0 {
        shown.entry(String::new()).or_default().add(top.others);
    }
    shown
}

fn families(top: &TopCounts, family: fn(&str) -> &'static str) -> BTreeMap<String, UsageCounts> {
    let mut families: BTreeMap<String, UsageCounts> = BTreeMap::new();
    for (key, counts) in &top.keys {
        let name = family(key).to_owned();
        families.entry(name).or_default().add(*counts);
    }
    if top.others.requests > 0 {
        let name = user_agent::OTHER.to_owned();
        families.entry(name).or_default().add(top.others);
    }
    families
}
