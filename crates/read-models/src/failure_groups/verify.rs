//! Events = counts of groups, by hour, by day and by group.

use chrono::{DateTime, Utc};
use limpid_event_store::{Database, StoreError};
use sqlx::{PgConnection, Postgres, Transaction};

use super::checkpoint::counted_batches;
use crate::failure_packs::differing;

/// Differences between the events and the counts of groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupDrift {
    /// Events of counted batches.
    pub events: i64,
    /// The same by the hourly counts.
    pub hourly_events: i64,
    /// Hours and groups that differ, in either direction; events of no group among them.
    pub differing_hours: i64,
    /// Days and groups whose sum of hours differs from the day's count.
    pub differing_days: i64,
    /// Groups that are lost though their failures are counted, and those whose own numbers are not the sums of their days.
    pub differing_groups: i64,
    /// Packs, of days or hours, that say something else than the hourly counts.
    pub differing_packs: i64,
}

impl GroupDrift {
    /// Whether nothing differs.
    pub fn agrees(&self) -> bool {
        self.differences() == 0
    }

    /// All that differs.
    pub fn differences(&self) -> i64 {
        self.differing_hours + self.differing_days + self.differing_groups + self.differing_packs
    }
}

/// Compares what was counted with the events of the counted batches, since the retention, in one snapshot; and groups' own numbers with
/// their days.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn verify(database: &Database) -> Result<GroupDrift, StoreError> {
    let mut tx = begin(database).await?;
    let mut drift = compare(&mut tx, DateTime::UNIX_EPOCH).await?;
    drift.differing_groups += lifetimes(&mut tx).await?;
    tx.rollback().await?;
    Ok(drift)
}

/// The same for the whole days from `since` on. Groups must be there; their own numbers are of all days and are left out.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn verify_since(
    database: &Database,
    since: DateTime<Utc>,
) -> Result<GroupDrift, StoreError> {
    let mut tx = begin(database).await?;
    let drift = compare(&mut tx, since).await?;
    tx.rollback().await?;
    Ok(drift)
}

async fn begin(database: &Database) -> Result<Transaction<'static, Postgres>, StoreError> {
    let mut tx = database.snapshot_tx().await?;
    sqlx::raw_sql("set local statement_timeout = '10min'")
        .execute(&mut *tx)
        .await?;
    Ok(tx)
}

async fn compare(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<GroupDrift, StoreError> {
    let (events, hourly_events, differing_hours) = hours(connection, since).await?;
    Ok(GroupDrift {
        events,
        hourly_events,
        differing_hours,
        differing_days: days(connection, since).await?,
        differing_groups: lost(connection, since).await?,
        differing_packs: i64::try_from(differing(connection, since).await?).unwrap_or(i64::MAX),
    })
}

/// The retention cuts at the start of a day, so whole hours are compared.
async fn hours(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<(i64, i64, i64), StoreError> {
    let (nodes, batches) = counted_batches(connection).await?;
    Ok(sqlx::query_as(
        "with erasing as (select tenant_id from tenant_erasure where finished_at is null),
         cut as (
           select greatest(dropped_before, counts_dropped_before, date_trunc('day', $3::timestamptz, 'UTC')) as dropped_before
           from failure_retention
         ),
         derived as (
           select f.tenant_id, date_trunc('hour', f.occurred_at, 'UTC') as hour, p.group_id, f.upstream_status, f.config_version, f.outcome,
             f.headline, count(*) as events, sum(f.occurrences) as occurrences, min(f.occurred_at) as first_at,
             max(f.occurred_at) as last_at
           from origin_failure f left join failure_fingerprint p using (tenant_id, fingerprint)
           join unnest($1::bigint[], $2::bigint[]) c(node_id, batch_seq) on c.node_id = f.node_id and f.batch_seq <= c.batch_seq
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
    .bind(nodes)
    .bind(batches)
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

/// Groups of the hours whose events are kept that are not there any more. Those of older hours nothing can give again.
async fn lost(connection: &mut PgConnection, since: DateTime<Utc>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "with cut as (
           select greatest(dropped_before, counts_dropped_before, date_trunc('day', $1::timestamptz, 'UTC')) as from_hour
           from failure_retention
         )
         select count(*) from (
           select distinct tenant_id, group_id from failure_group_1h where hour >= (select from_hour from cut)
             and tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))
         ) counted
         where not exists (
           select from failure_group g where g.tenant_id = counted.tenant_id and g.group_id = counted.group_id
         )",
    )
    .bind(since)
    .fetch_one(connection)
    .await?)
}

/// Groups whose own numbers are not the sums of their days. One that began before the oldest day that is kept has numbers that nothing
/// can give again.
async fn lifetimes(connection: &mut PgConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "select count(*) from failure_group g join (
           select tenant_id, group_id, sum(events) as events, sum(occurrences) as occurrences, min(first_at) as first_at,
             max(last_at) as last_at
           from failure_group_1d
           where tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))
           group by 1, 2
         ) s using (tenant_id, group_id)
         where g.first_at >= (select counts_dropped_before from failure_retention)
           and (g.events, g.occurrences, g.first_at, g.last_at) is distinct from (s.events, s.occurrences, s.first_at, s.last_at)",
    )
    .fetch_one(connection)
    .await?)
}
