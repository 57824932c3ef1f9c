//! The most used paths, transformations, referrers and so on: whole days from the daily rows, the rest from the hourly ones.

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
    let rows: Vec<(i16, String, i64, i64)> = sqlx::query_as(
        "with part as (
           select dimension, key_hash, key, requests, bytes from delivery_usage_top_1d
           where tenant_id = $1 and day >= $4 and day < $5 and key_hash <> 0
           union all
           select dimension, key_hash, key, requests, bytes from delivery_usage_top_1h
           where tenant_id = $1 and hour >= $2 and hour < $4 and key_hash <> 0
           union all
           select dimension, key_hash, key, requests, bytes from delivery_usage_top_1h
           where tenant_id = $1 and hour >= $5 and hour < $3 and key_hash <> 0
         ),
         total as (
           select dimension, min(key) as key, sum(requests)::bigint as requests, sum(bytes)::bigint as bytes
           from part group by dimension, key_hash
         ),
         ranked as (
           select *, row_number() over (partition by dimension order by requests desc, key) as by_requests,
             row_number() over (partition by dimension order by bytes desc, key) as by_bytes
           from total
         )
         select dimension, key, requests, bytes from ranked where by_requests <= $6 or by_bytes <= $6
         order by dimension, by_requests",
    )
    .bind(tx.tenant_id().0)
    .bind(window.from)
    .bind(window.to)
    .bind(days.from)
    .bind(days.to)
    .bind(limit)
    .fetch_all(tx.as_conn())
    .await?;
    let keys = rows
        .into_iter()
        .filter_map(|(dimension, key, requests, bytes)| {
            Some(TopKey {
                // a newer version's has no name here
                dimension: UsageDimension::from_number(dimension)?,
                key,
                counts: UsageCounts { requests, bytes },
            })
        });
    Ok(keys.collect())
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
