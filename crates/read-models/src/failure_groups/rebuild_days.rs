//! Deriving the daily counts of groups again from the hourly ones, a day at a time.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::{Database, StoreError};
use sqlx::PgConnection;

use super::rebuild::locked;

/// How many daily counts were replaced. The retention cuts hours and days at the start of a day, so days before it are left alone.
pub(super) async fn rebuild_days(database: &Database) -> Result<u64, StoreError> {
    let mut replaced = 0;
    for (day, has_events) in days(database).await? {
        let mut tx = locked(database).await?;
        replaced += rebuild_day(&mut tx, day, has_events).await?;
        tx.commit().await?;
    }
    Ok(replaced)
}

/// The days from the first with counts to the last, and whether the events of each are kept.
async fn days(database: &Database) -> Result<Vec<(DateTime<Utc>, bool)>, StoreError> {
    let mut connection = database.service().await?;
    Ok(sqlx::query_as(
        "with cut as (select counts_dropped_before, dropped_before from failure_retention),
         ends as (
           select min(day) as first, max(day) as last from failure_group_1d where day >= (select counts_dropped_before from cut)
           union all
           select min(hour), max(hour) from failure_group_1h where hour >= (select counts_dropped_before from cut)
         )
         select day, day >= (select dropped_before from cut)
         from (select date_trunc('day', min(first), 'UTC') as first, max(last) as last from ends) e
         cross join lateral generate_series(e.first, e.last, interval '1 day') day order by 1",
    )
    .fetch_all(&mut *connection)
    .await?)
}

/// A day is the sum of its hours, which were just derived. Where the events are gone hours that are lost cannot be had again, and the day
/// may be all that knows of them: then no count of it goes or becomes smaller.
async fn rebuild_day(
    connection: &mut PgConnection,
    day: DateTime<Utc>,
    has_events: bool,
) -> Result<u64, StoreError> {
    sqlx::query(
        "create temporary table failure_day_shadow on commit drop as
         select tenant_id, $1::timestamptz as day, group_id, upstream_status, config_version, outcome, headline,
           min(endpoint_no) as endpoint_no, min(origin_no) as origin_no, min(reason) as reason, sum(events)::bigint as events,
           sum(occurrences)::bigint as occurrences, min(first_at) as first_at, max(last_at) as last_at
         from failure_group_1h where hour >= $1 and hour < $2 group by 1, 3, 4, 5, 6, 7",
    )
    .bind(day)
    .bind(day + TimeDelta::days(1))
    .execute(&mut *connection)
    .await?;
    let deleted = sqlx::query(
        "delete from failure_group_1d c using (
           select s.*, d.events as derived_events from (select * from failure_group_1d where day = $1) s
           left join failure_day_shadow d using (tenant_id, group_id, upstream_status, config_version, outcome, headline)
           where (d.endpoint_no, d.origin_no, d.reason, d.events, d.occurrences, d.first_at, d.last_at)
             is distinct from (s.endpoint_no, s.origin_no, s.reason, s.events, s.occurrences, s.first_at, s.last_at)
         ) d
         where ($2 or d.derived_events > d.events)
           and c.tenant_id = d.tenant_id and c.day = $1 and c.group_id = d.group_id and c.upstream_status = d.upstream_status
           and c.config_version = d.config_version and c.outcome = d.outcome and c.headline = d.headline",
    )
    .bind(day)
    .bind(has_events)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    let inserted = sqlx::query(
        "insert into failure_group_1d
         select d.* from failure_day_shadow d
         left join (select * from failure_group_1d where day = $1) s
           using (tenant_id, group_id, upstream_status, config_version, outcome, headline)
         where s.day is null
         order by 1, 2",
    )
    .bind(day)
    .execute(connection)
    .await?
    .rows_affected();
    Ok(deleted.max(inserted))
}
