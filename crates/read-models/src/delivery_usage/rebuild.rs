//! Usage held against itself. Its hourly counts are the source, no single requests are kept; what follows from them is what is derived again.
//!
//! | table | follows from |
//! |---|---|
//! | `delivery_usage_1h` | nothing that is kept |
//! | `delivery_usage_top_1h` | its names from nothing; of files (images, videos, others) their sum from `delivery_usage_1h` |
//! | `delivery_usage_top_1d` | its sums from the hours, and what of its names hours that are over still have |
//!
//! What a table lacks is added. What it has too much of stays and stays a difference: then the counts that it follows from were lost, and it
//! may be all that knows of them.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::usage::DeliveredFormat;
use limpid_event_store::{Database, StoreError};
use sqlx::PgConnection;

use crate::rebuild_spans::SETTINGS;

/// What a rebuild found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageRebuild {
    /// Days that were derived again.
    pub days: u64,
    /// Sums that were too low and were mended.
    pub replaced: u64,
    /// Sums that are too high: what they follow from is lost.
    pub underivable: u64,
}

/// Compares sums and mends those that are too low, a day at a time. `progress` hears how many days are done, and of how many.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; days done so far stay done.
pub async fn rebuild(
    database: &Database,
    mut progress: impl FnMut(u64, u64),
) -> Result<UsageRebuild, StoreError> {
    let days = days(database).await?;
    let all = days.len() as u64;
    let mut report = UsageRebuild::default();
    for day in days {
        let mut tx = database.service_tx().await?;
        sqlx::raw_sql(SETTINGS).execute(&mut *tx).await?;
        // What serving nodes add waits for as long as one day takes; they keep it.
        sqlx::raw_sql("lock table delivery_usage_1h in exclusive mode")
            .execute(&mut *tx)
            .await?;
        report.replaced += mend_hours(&mut tx, day).await?;
        report.replaced += mend_day(&mut tx, day).await?;
        report.underivable += differing(&mut tx, day).await?;
        tx.commit().await?;
        report.days += 1;
        progress(report.days, all);
    }
    Ok(report)
}

/// How many sums differ.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn verify(database: &Database) -> Result<u64, StoreError> {
    let mut found = 0;
    for day in days(database).await? {
        let mut tx = database.snapshot_tx().await?;
        sqlx::raw_sql(SETTINGS).execute(&mut *tx).await?;
        found += differing(&mut tx, day).await?;
        tx.rollback().await?;
    }
    Ok(found)
}

/// The days that have counts and keep them.
async fn days(database: &Database) -> Result<Vec<DateTime<Utc>>, StoreError> {
    let mut connection = database.service().await?;
    Ok(sqlx::query_scalar(
        "with cut as (select counts_dropped_before as at from failure_retention),
         ends as (
           select min(hour) as first, max(hour) as last from delivery_usage_1h where hour >= (select at from cut)
           union all
           select min(hour), max(hour) from delivery_usage_top_1h where hour >= (select at from cut)
           union all
           select min(day), max(day) from delivery_usage_top_1d where day >= (select at from cut)
         )
         select generate_series(date_trunc('day', min(first), 'UTC'), max(last), interval '1 day') from ends
         having min(first) is not null order by 1",
    )
    .fetch_all(&mut *connection)
    .await?)
}

/// Requests for files of `[$1, $2)`, as hours, formats and statuses have them and as lists of files have them. $3 are formats of images, $4
/// those of videos; 1 to 3 are the dimensions of images, videos and other files.
const FILES: &str = "with cells as (
       select tenant_id, hour, case when format = any($3) then 1 when format = any($4) then 2 else 3 end::smallint as dimension,
         sum(requests) as requests, sum(bytes) as bytes
       from delivery_usage_1h where hour >= $1 and hour < $2 and status in (200, 206, 304)
         and tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))
       group by 1, 2, 3
     ),
     named as (
       select tenant_id, hour, dimension, sum(requests) as requests, sum(bytes) as bytes
       from delivery_usage_top_1h where hour >= $1 and hour < $2 and dimension in (1, 2, 3)
         and tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))
       group by 1, 2, 3
     ),
     apart as (
       select tenant_id, hour, dimension, coalesce(c.requests, 0) - coalesce(n.requests, 0) as requests,
         coalesce(c.bytes, 0) - coalesce(n.bytes, 0) as bytes
       from cells c full join named n using (tenant_id, hour, dimension)
       where (coalesce(c.requests, 0), coalesce(c.bytes, 0)) <> (coalesce(n.requests, 0), coalesce(n.bytes, 0))
     )";

/// Sums of the lists of `[$1, $2)`, a day, by hours and by the day.
const DAYS: &str = "with hours as (
       select tenant_id, dimension, sum(requests) as requests, sum(bytes) as bytes
       from delivery_usage_top_1h where hour >= $1 and hour < $2
         and tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))
       group by 1, 2
     ),
     day as (
       select tenant_id, dimension, sum(requests) as requests, sum(bytes) as bytes
       from delivery_usage_top_1d where day = $1
         and tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))
       group by 1, 2
     ),
     apart as (
       select tenant_id, dimension, coalesce(h.requests, 0) - coalesce(d.requests, 0) as requests,
         coalesce(h.bytes, 0) - coalesce(d.bytes, 0) as bytes, coalesce(h.requests, 0) as all_requests, coalesce(h.bytes, 0) as all_bytes
       from hours h full join day d using (tenant_id, dimension)
       where (coalesce(h.requests, 0), coalesce(h.bytes, 0)) <> (coalesce(d.requests, 0), coalesce(d.bytes, 0))
     )";

async fn differing(connection: &mut PgConnection, day: DateTime<Utc>) -> Result<u64, StoreError> {
    let files = format!("{FILES} select count(*) from apart");
    let [images, videos] = formats();
    let files: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(files))
        .bind(day)
        .bind(day + TimeDelta::days(1))
        .bind(images)
        .bind(videos)
        .fetch_one(&mut *connection)
        .await?;
    let days = format!("{DAYS} select count(*) from apart");
    let days: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(days))
        .bind(day)
        .bind(day + TimeDelta::days(1))
        .fetch_one(connection)
        .await?;
    Ok((files + days).unsigned_abs())
}

/// What lists of files lack is counted without a name.
async fn mend_hours(connection: &mut PgConnection, day: DateTime<Utc>) -> Result<u64, StoreError> {
    let [images, videos] = formats();
    let statement = format!(
        "{FILES}
         insert into delivery_usage_top_1h as t (tenant_id, hour, dimension, key_hash, key, requests, bytes)
         select tenant_id, hour, dimension, 0, '', requests::bigint, bytes::bigint from apart where requests >= 0 and bytes >= 0
         order by 1, 2, 3
         on conflict (tenant_id, hour, dimension, key_hash) do update set
           requests = t.requests + excluded.requests, bytes = t.bytes + excluded.bytes"
    );
    Ok(sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(day)
        .bind(day + TimeDelta::days(1))
        .bind(images)
        .bind(videos)
        .execute(connection)
        .await?
        .rows_affected())
}

/// A day that lacks something: each name has the larger of its own number and of what the hours have of it, and the rest is counted without
/// a name. How many lists that were.
async fn mend_day(connection: &mut PgConnection, day: DateTime<Utc>) -> Result<u64, StoreError> {
    let statement = format!(
        "{DAYS},
         low as (select * from apart where requests >= 0 and bytes >= 0),
         hourly as (
           select tenant_id, dimension, key_hash, min(key) as key, sum(t.requests)::bigint as requests, sum(t.bytes)::bigint as bytes
           from delivery_usage_top_1h t join low using (tenant_id, dimension)
           where t.hour >= $1 and t.hour < $2 and key_hash <> 0 group by 1, 2, 3
         ),
         daily as (
           select tenant_id, dimension, key_hash, key, t.requests, t.bytes
           from delivery_usage_top_1d t join low using (tenant_id, dimension) where t.day = $1 and key_hash <> 0
         ),
         named as (
           select tenant_id, dimension, key_hash, coalesce(h.key, d.key) as key, greatest(h.requests, d.requests) as requests,
             greatest(h.bytes, d.bytes) as bytes
           from hourly h full join daily d using (tenant_id, dimension, key_hash)
         ),
         others as (
           select tenant_id, dimension, 0::bigint as key_hash, ''::text as key,
             greatest(low.all_requests - coalesce(sum(n.requests), 0), 0)::bigint as requests,
             greatest(low.all_bytes - coalesce(sum(n.bytes), 0), 0)::bigint as bytes
           from low left join named n using (tenant_id, dimension) group by 1, 2, low.all_requests, low.all_bytes
         ),
         mended as (
           insert into delivery_usage_top_1d as t (tenant_id, day, dimension, key_hash, key, requests, bytes)
           select tenant_id, $1, dimension, key_hash, key, requests, bytes from (
             select * from named
             union all
             select * from others o where o.requests > 0 or o.bytes > 0 or exists (
               select from delivery_usage_top_1d t
               where t.tenant_id = o.tenant_id and t.day = $1 and t.dimension = o.dimension and t.key_hash = 0)
           ) k
           order by 1, 3, 4
           on conflict (tenant_id, day, dimension, key_hash) do update set requests = excluded.requests, bytes = excluded.bytes
         )
         select count(*) from low"
    );
    let mended: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .bind(day)
        .bind(day + TimeDelta::days(1))
        .fetch_one(connection)
        .await?;
    Ok(mended.unsigned_abs())
}

/// The numbers of images' formats and of videos'.
fn formats() -> [Vec<i16>; 2] {
    ["image/", "video/"].map(|kind| {
        let formats = DeliveredFormat::ALL.iter();
        let of_kind = formats.filter(|format| format.as_str().starts_with(kind));
        of_kind.map(|format| format.number()).collect()
    })
}
