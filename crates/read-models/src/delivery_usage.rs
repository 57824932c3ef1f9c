//! How many requests were answered and how many bytes sent: by hour, endpoint, status, cache and format exactly, and the most used paths,
//! referrers and the like. Serving nodes add what they counted every few seconds.
//!
//! | module | holds |
//! |---|---|
//! | `rebuild` | what follows from the hours, compared and derived again |
//! | `thin` | fewer keys of what is over |
//! | `tops` | the most used |

mod rebuild;
mod thin;
mod tops;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_domain::ids::UrlEndpointNo;
use limpid_domain::usage::{CacheResult, DeliveredFormat, UsageCounts};
use limpid_event_store::{StoreError, TenantTx};

use crate::filter::Window;
pub use rebuild::{UsageRebuild, rebuild, verify};
pub use thin::{KEYS_OF_A_DAY, KEYS_OF_AN_HOUR, thin};
pub use tops::{TopKey, tops};

/// Requests that are alike in everything that is counted exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageCell {
    /// URL endpoint; none where the request was refused before one was found.
    pub endpoint_no: UrlEndpointNo,
    /// HTTP status of the answer.
    pub status: u16,
    /// What the cache had.
    pub cache: CacheResult,
    /// Media type of the answer.
    pub format: DeliveredFormat,
    /// How many, how much.
    pub counts: UsageCounts,
}

/// Requests of a bucket of time that are alike in status and cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageBucket {
    /// Number of the interval since 1970.
    pub bucket: i64,
    /// HTTP status of the answers.
    pub status: u16,
    /// What the cache had.
    pub cache: CacheResult,
    /// How many, how much.
    pub counts: UsageCounts,
}

/// The whole hours that a window touches: usage is not counted finer.
pub fn hours_around(window: Window) -> Window {
    let hour = TimeDelta::hours(1);
    let floor = |at: DateTime<Utc>| at.duration_trunc(hour).unwrap_or(at);
    let below = floor(window.to);
    let to = if below == window.to {
        below
    } else {
        below.checked_add_signed(hour).unwrap_or(window.to)
    };
    Window {
        from: floor(window.from),
        to,
    }
}

/// The usage of the hours that begin in a window; cells that differ in nothing are one.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn usage(tx: &mut TenantTx, window: Window) -> Result<Vec<UsageCell>, StoreError> {
    let rows: Vec<(i32, i16, i16, i16, i64, i64)> = sqlx::query_as(
        "select endpoint_no, status, cache, format, sum(requests)::bigint, sum(bytes)::bigint from delivery_usage_1h
         where tenant_id = $1 and hour >= $2 and hour < $3 group by 1, 2, 3, 4 order by 1, 2, 3, 4",
    )
    .bind(tx.tenant_id().0)
    .bind(window.from)
    .bind(window.to)
    .fetch_all(tx.as_conn())
    .await?;
    let cells =
        rows.into_iter().map(
            |(endpoint, status, cache, format, requests, bytes)| UsageCell {
                endpoint_no: UrlEndpointNo(endpoint),
                status: u16::try_from(status).unwrap_or_default(),
                // A newer version's numbers still count, under what says least.
                cache: CacheResult::from_number(cache).unwrap_or(CacheResult::NotAsked),
                format: DeliveredFormat::from_number(format).unwrap_or(DeliveredFormat::Other),
                counts: UsageCounts { requests, bytes },
            },
        );
    Ok(cells.collect())
}

/// The same over time, in buckets of `interval`: whole hours.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn usage_over_time(
    tx: &mut TenantTx,
    window: Window,
    interval: TimeDelta,
) -> Result<Vec<UsageBucket>, StoreError> {
    let rows: Vec<(i64, i16, i16, i64, i64)> = sqlx::query_as(
        "select floor(extract(epoch from hour) / $4)::bigint, status, cache, sum(requests)::bigint, sum(bytes)::bigint
         from delivery_usage_1h where tenant_id = $1 and hour >= $2 and hour < $3 group by 1, 2, 3 order by 1, 2, 3",
    )
    .bind(tx.tenant_id().0)
    .bind(window.from)
    .bind(window.to)
    .bind(interval.num_seconds().max(1))
    .fetch_all(tx.as_conn())
    .await?;
    let buckets = rows
        .into_iter()
        .map(|(bucket, status, cache, requests, bytes)| UsageBucket {
            bucket,
            status: u16::try_from(status).unwrap_or_default(),
            cache: CacheResult::from_number(cache).unwrap_or(CacheResult::NotAsked),
            counts: UsageCounts { requests, bytes },
        });
    Ok(buckets.collect())
}

/// Requests answered in the hours that begin in a window, by any endpoint or by these.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn requests(
    tx: &mut TenantTx,
    window: Window,
    endpoints: &[UrlEndpointNo],
) -> Result<i64, StoreError> {
    let cells = usage(tx, window).await?;
    let chosen = cells
        .iter()
        .filter(|cell| endpoints.is_empty() || endpoints.contains(&cell.endpoint_no));
    Ok(chosen.map(|cell| cell.counts.requests).sum())
}

/// The hour in which the first picture of the account was delivered that is still counted; `None` where none was.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn first_served(tx: &mut TenantTx) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar(
        "select hour from delivery_usage_1h where tenant_id = $1 and status between 200 and 299 and requests > 0
         order by hour limit 1",
    )
    .bind(tx.tenant_id().0)
    .fetch_optional(tx.as_conn())
    .await?)
}

/// Everything answered before this moment is counted, apart from what [`uncounted`] names. A node that was stopped in good order has counted
/// all; one that fell silent holds this back for a day, unless it was started again.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn counted_to(tx: &mut TenantTx) -> Result<DateTime<Utc>, StoreError> {
    Ok(sqlx::query_scalar(
        "select coalesce(min(run.counted_to) filter (where not run.stopped), now())
         from (select distinct on (node_id) counted_to, stopped from delivery_usage_ledger order by node_id, started_at desc) run
         where run.counted_to > now() - interval '1 day'",
    )
    .fetch_one(tx.as_conn())
    .await?)
}

/// The stretches of a window in which a node ended without having counted everything, oldest first: from the moment up to which it is known to
/// have counted to the beginning of its next run or, where there is none, for a day. What it answered in them may be missing.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn uncounted(tx: &mut TenantTx, window: Window) -> Result<Vec<Window>, StoreError> {
    let rows: Vec<(DateTime<Utc>, DateTime<Utc>)> = sqlx::query_as(
        "with run as (
           select counted_to, stopped, lead(started_at) over (partition by node_id order by started_at, run_id) as next_began
           from delivery_usage_ledger
         ),
         unclean as (
           select counted_to as began, greatest(counted_to, coalesce(next_began, counted_to + interval '1 day')) as ended
           from run where not stopped and (next_began is not null or counted_to <= now() - interval '1 day')
         )
         select began, ended from unclean where began < $2 and ended >= $1 order by 1, 2",
    )
    .bind(window.from)
    .bind(window.to)
    .fetch_all(tx.as_conn())
    .await?;
    let stretches = rows.into_iter().map(|(from, to)| Window { from, to });
    Ok(stretches.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_widened_to_whole_hours() {
        let at = |text: &str| format!("2026-11-27T{text}Z").parse().unwrap();
        let window = |from: &str, to: &str| Window {
            from: at(from),
            to: at(to),
        };
        assert_eq!(
            hours_around(window("09:10:00", "11:00:01")),
            window("09:00:00", "12:00:00")
        );
        let whole = window("09:00:00", "12:00:00");
        assert_eq!(hours_around(whole), whole);
    }
}
