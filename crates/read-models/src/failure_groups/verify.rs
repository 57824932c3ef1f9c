//! Events = counts of groups, by hour and by day.

use chrono::{DateTime, Utc};
use limpid_event_store::{Database, StoreError};
use sqlx::PgConnection;

use super::PROJECTION;

/// Differences between the events and the counts of groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupDrift {
    /// Events of counted batches.
    pub events: i64,
    /// The same by the hourly counts.
    pub hourly_events: i64,
    /// Hours and groups that differ, in either direction.
    pub differing_hours: i64,
    /// Days and groups whose sum of hours differs from the day's count.
    pub differing_days: i64,
}

impl GroupDrift {
    /// Whether nothing differs.
    pub fn agrees(&self) -> bool {
        self.differing_hours == 0 && self.differing_days == 0
    }
}

/// Compares what was counted with the events of the counted batches, since the retention, in one snapshot.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn verify(database: &Database) -> Result<GroupDrift, StoreError> {
    verify_since(database, DateTime::UNIX_EPOCH).await
}

/// The same for the whole days from `since` on.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn verify_since(
    database: &Database,
    since: DateTime<Utc>,
) -> Result<GroupDrift, StoreError> {
    let mut tx = database.snapshot_tx().await?;
    sqlx::raw_sql("set local statement_timeout = '10min'")
        .execute(&mut *tx)
        .await?;
    let (events, hourly_events, differing_hours) = hours(&mut tx, since).await?;
    let differing_days = days(&mut tx, since).await?;
    tx.rollback().await?;
    Ok(GroupDrift {
        events,
        hourly_events,
        differing_hours,
        differing_days,
    })
}

/// The retention cuts at the start of a day, so whole hours are compared.
async fn hours(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<(i64, i64, i64), StoreError> {
    Ok(sqlx::query_as(
        "with erasing as (select tenant_id from tenant_erasure where finished_at is null),
         cut as (
           select greatest(dropped_before, date_trunc('day', $2::timestamptz, 'UTC')) as dropped_before from failure_retention
         ),
         derived as (
           select f.tenant_id, date_trunc('hour', f.occurred_at, 'UTC') as hour, p.group_id, f.upstream_status, f.config_version, f.outcome,
             f.headline, count(*) as events, sum(f.occurrences) as occurrences, min(f.occurred_at) as first_at,
             max(f.occurred_at) as last_at
           from origin_failure f join failure_fingerprint p using (tenant_id, fingerprint)
           join projection_checkpoint c on c.projection = $1 and c.node_id = f.node_id and f.batch_seq <= c.batch_seq
           where f.occurred_at >= (select dropped_before from cut) and f.tenant_id <> all (array(select tenant_id from erasing))
           group by 1, 2, 3, 4, 5, 6, 7
         ),
         stored as (
           select * from failure_group_1h where hour >= (select dropped_before from cut)
             and tenant_id <> all (array(select tenant_id from erasing))
         ),
         differing as (
           select 1 from derived d full join stored s
             using (tenant_id, hour, group_id, upstream_status, config_version, outcome, headline)
           where (d.events, d.occurrences, d.first_at, d.last_at) is distinct from (s.events, s.occurrences, s.first_at, s.last_at)
         )
         select (select coalesce(sum(events), 0)::bigint from derived), (select coalesce(sum(events), 0)::bigint from stored),
           (select count(*) from differing)",
    )
    .bind(PROJECTION)
    .bind(since)
    .fetch_one(connection)
    .await?)
}

/// Days of which hours are gone are left out, and tenants that are being erased.
async fn days(connection: &mut PgConnection, since: DateTime<Utc>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "with erasing as (select tenant_id from tenant_erasure where finished_at is null),
         cut as (
           select greatest(counts_dropped_before, date_trunc('day', $1::timestamptz, 'UTC')) as from_day from failure_retention
         ),
         derived as (
           select tenant_id, date_trunc('day', hour, 'UTC') as day, group_id, upstream_status, config_version, outcome, headline,
             sum(events) as events, sum(occurrences) as occurrences, min(first_at) as first_at, max(last_at) as last_at
           from failure_group_1h
           where hour >= (select from_day from cut) and tenant_id <> all (array(select tenant_id from erasing))
           group by 1, 2, 3, 4, 5, 6, 7
         ),
         stored as (
           select * from failure_group_1d
           where day >= (select from_day from cut) and tenant_id <> all (array(select tenant_id from erasing))
         )
         select count(*) from derived d full join stored s
           using (tenant_id, day, group_id, upstream_status, config_version, outcome, headline)
         where (d.events, d.occurrences, d.first_at, d.last_at) is distinct from (s.events, s.occurrences, s.first_at, s.last_at)",
    )
    .bind(since)
    .fetch_one(connection)
    .await?)
}
