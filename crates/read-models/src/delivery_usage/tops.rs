//! The most used paths, transformations, referrers and so on: whole days from the daily rows, the rest from the hourly ones.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_domain::usage::{UsageCounts, UsageDimension};
use limpid_event_store::{StoreError, TenantTx};

use crate::filter::Window;

/// A path, referrer or the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopKey {
    /// What the key is.
    pub dimension: UsageDimension,
    /// As it is shown.
    pub key: String,
    /// How many, how much; too low by at most what is counted without a name.
    pub counts: UsageCounts,
}

/// Of every dimension the `limit` keys with most requests and those with most bytes, most requests first. The window is one of whole hours.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn tops(
    tx: &mut TenantTx,
    window: Window,
    limit: i64,
) -> Result<Vec<TopKey>, StoreError> {
    let days = whole_days(window);
    // One statement, one moment: what is moved into a pack is in one of both.
    let rows: Vec<Row> = sqlx::query_as(
        "select dimensions, key_hashes, keys, requests, bytes from delivery_usage_top_pack
         where tenant_id = $1 and span_hours = 24 and starts_at >= $4 and starts_at < $5
         union all
         select dimensions, key_hashes, keys, requests, bytes from delivery_usage_top_pack
         where tenant_id = $1 and span_hours = 1 and (starts_at >= $2 and starts_at < $4 or starts_at >= $5 and starts_at < $3)
         union all
         select array[dimension], array[key_hash], array[key], array[requests], array[bytes] from delivery_usage_top_1d
         where tenant_id = $1 and day >= $4 and day < $5
         union all
         select array[dimension], array[key_hash], array[key], array[requests], array[bytes] from delivery_usage_top_1h
         where tenant_id = $1 and (hour >= $2 and hour < $4 or hour >= $5 and hour < $3)",
    )
    .bind(tx.tenant_id().0)
    .bind(window.from)
    .bind(window.to)
    .bind(days.from)
    .bind(days.to)
    .fetch_all(tx.as_conn())
    .await?;
    Ok(most(rows, usize::try_from(limit).unwrap_or_default()))
}

/// Keys with their numbers: many of a pack, or one.
#[derive(Debug, sqlx::FromRow)]
struct Row {
    dimensions: Vec<i16>,
    key_hashes: Vec<i64>,
    keys: Vec<String>,
    requests: Vec<i64>,
    bytes: Vec<i64>,
}

/// Adds up each key, and keeps the first of each dimension.
fn most(rows: Vec<Row>, limit: usize) -> Vec<TopKey> {
    let mut sums: HashMap<(i16, i64), (String, UsageCounts)> = HashMap::new();
    for row in rows {
        let places = row.dimensions.into_iter().zip(row.key_hashes);
        let counts = row.requests.into_iter().zip(row.bytes);
        for ((place, key), (requests, bytes)) in places.zip(row.keys).zip(counts) {
            let (_, hash) = place;
            if hash == 0 {
                continue; // has no name
            }
            let nothing = UsageCounts {
                requests: 0,
                bytes: 0,
            };
            let (_, sum) = sums.entry(place).or_insert((key, nothing));
            sum.requests += requests;
            sum.bytes += bytes;
        }
    }
    let mut of_dimensions: BTreeMap<i16, Vec<(String, UsageCounts)>> = BTreeMap::new();
    for ((dimension, _), sum) in sums {
        of_dimensions.entry(dimension).or_default().push(sum);
    }
    let mut tops = Vec::new();
    for (dimension, mut keys) in of_dimensions {
        // A newer version's has no name here.
        let Some(dimension) = UsageDimension::from_number(dimension) else {
            continue;
        };
        keys.sort_unstable_by(|(a, ours), (b, theirs)| (theirs.bytes, a).cmp(&(ours.bytes, b)));
        let mut keys: Vec<_> = (0..).zip(keys).collect();
        keys.sort_unstable_by(|(_, (a, ours)), (_, (b, theirs))| {
            (theirs.requests, a).cmp(&(ours.requests, b))
        });
        let first = (0..)
            .zip(keys)
            .filter(|(by_requests, (by_bytes, _))| *by_requests < limit || *by_bytes < limit);
        tops.extend(first.map(|(_, (_, (key, counts)))| TopKey {
            dimension,
            key,
            counts,
        }));
    }
    tops
}

/// The whole UTC days of a window; an empty stretch at its end where there are none, so that the hours before it are all of it.
fn whole_days(window: Window) -> Window {
    let day = TimeDelta::days(1);
    let floor = |at: DateTime<Utc>| at.duration_trunc(day).unwrap_or(at);
    let below = floor(window.from);
    let from = if below == window.from {
        below
    } else {
        below.checked_add_signed(day).unwrap_or(window.to)
    };
    let to = floor(window.to);
    if from < to {
        Window { from, to }
    } else {
        Window {
            from: window.to,
            to: window.to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_taken_whole() {
        let at = |text: &str| format!("2026-11-{text}:00:00Z").parse().unwrap();
        let window = |from: &str, to: &str| Window {
            from: at(from),
            to: at(to),
        };
        for (asked, days) in [
            (window("20T00", "22T00"), window("20T00", "22T00")),
            (window("20T05", "23T07"), window("21T00", "23T00")),
            (window("20T05", "20T09"), window("20T09", "20T09")),
            (window("20T05", "21T09"), window("21T09", "21T09")),
        ] {
            assert_eq!(whole_days(asked), days, "{asked:?}");
        }
    }
}
