//! Packing what is over, and what has changed since.
//!
//! Two steps. [`claim`] says which hours are to be packed, under the lock of the counts of groups: whoever counts after that notes what it
//! changes. [`refresh`] packs without a lock, from one snapshot, and stores nothing where something was noted meanwhile. A crash between
//! the two, or in either, leaves hours that the counts answer for, and the next run packs them.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_event_store::{Database, StoreError};
use sqlx::PgConnection;

use super::packing::{CellKey, Counted, Packed, SpanCounts};
use crate::failure_groups::PROJECTION_LOCK;

/// A day with fewer counts than this is quickly read as it is.
pub const LEAST_COUNTS: i64 = 50;

/// An hour that has just closed is left alone for this long: its last failures are on their way.
pub(super) const SETTLING: TimeDelta = TimeDelta::minutes(2);

/// Packs that are made from one snapshot.
const PACKS_PER_SNAPSHOT: usize = 50;

/// What a run packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Days or hours of tenants that were packed.
    pub packs: u64,
    /// Those that changed while they were packed; the next run does it.
    pub missed: u64,
}

/// Has every hour since `since` that is over packed, for tenants that have many counts on its day. Gives the first moment that is not over.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; days done so far stay done.
pub async fn claim(
    database: &Database,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, StoreError> {
    let settled = now.checked_sub_signed(SETTLING).unwrap_or(now);
    let closed = settled
        .duration_trunc(TimeDelta::hours(1))
        .unwrap_or(settled);
    let first = since.duration_trunc(TimeDelta::days(1)).unwrap_or(since);
    for day in days_with_counts(database, (first, closed)).await? {
        let hours = (closed - day).num_hours().min(24);
        let hours = i16::try_from(hours).unwrap_or_default();
        let tenants = unclaimed(database, day, hours).await?;
        if tenants.is_empty() {
            continue;
        }
        let mut tx = database.service_tx().await?;
        sqlx::raw_sql("set local lock_timeout = '60s'; set local statement_timeout = '60s'")
            .execute(&mut *tx)
            .await?;
        sqlx::query("select pg_advisory_xact_lock($1)")
            .bind(PROJECTION_LOCK)
            .execute(&mut *tx)
            .await?;
        sqlx::query("update failure_retention set packed_to = $1 where packed_to < $1")
            .bind(closed)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "insert into failure_day_pack as p (tenant_id, day, packed_hours, hours)
             select tenant_id, $2, $3, 0 from unnest($1::bigint[]) t(tenant_id) order by 1
             on conflict (tenant_id, day) do update set packed_hours = excluded.packed_hours, generation = p.generation + 1
               where p.packed_hours < excluded.packed_hours",
        )
        .bind(tenants)
        .bind(day)
        .bind(hours)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
    }
    Ok(closed)
}

/// Days between two moments that have counts which are kept, oldest first.
async fn days_with_counts(
    database: &Database,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<DateTime<Utc>>, StoreError> {
    let mut connection = database.service().await?;
    // The recursion jumps from day to day in the index, however many counts each has.
    Ok(sqlx::query_scalar(
        "with recursive d as (
           (select date_trunc('day', hour, 'UTC') as day from failure_group_1h
            where hour >= greatest($1, (select counts_dropped_before from failure_retention)) and hour < $2 order by hour limit 1)
           union all
           select (select date_trunc('day', c.hour, 'UTC') from failure_group_1h c
                   where c.hour >= d.day + interval '1 day' and c.hour < $2 order by c.hour limit 1) from d where d.day is not null
         )
         select day from d where day is not null",
    )
    .bind(from)
    .bind(to)
    .fetch_all(&mut *connection)
    .await?)
}

/// Tenants with many counts in the first `hours` of a day that are not to be packed yet.
async fn unclaimed(
    database: &Database,
    day: DateTime<Utc>,
    hours: i16,
) -> Result<Vec<i64>, StoreError> {
    let mut connection = database.service().await?;
    Ok(sqlx::query_scalar(
        "select c.tenant_id from (
           select tenant_id from failure_group_1h where hour >= $1 and hour < $1 + $2 * interval '1 hour'
           group by 1 having count(*) >= $3
         ) c
         left join failure_day_pack p on p.tenant_id = c.tenant_id and p.day = $1
         where coalesce(p.packed_hours, 0) < $2
           and c.tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))
         order by 1",
    )
    .bind(day)
    .bind(hours)
    .bind(LEAST_COUNTS)
    .fetch_all(&mut *connection)
    .await?)
}

/// Packs everything that is to be packed and is not, or has changed since. Any number of projectors may run.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; packs made so far stay.
pub async fn refresh(database: &Database) -> Result<Refreshed, StoreError> {
    let stale: Vec<(DateTime<Utc>, i64)> = {
        let mut connection = database.service().await?;
        sqlx::query_as(
            "select day, tenant_id from failure_day_pack where hours <> (1 << packed_hours) - 1
               and day >= (select counts_dropped_before from failure_retention) order by 1, 2",
        )
        .fetch_all(&mut *connection)
        .await?
    };
    let mut done = Refreshed::default();
    for of_one_day in stale.chunk_by(|(a, _), (b, _)| a == b) {
        for some in of_one_day.chunks(PACKS_PER_SNAPSHOT) {
            let Some((day, _)) = some.first() else {
                continue;
            };
            let tenants: Vec<i64> = some.iter().map(|(_, tenant)| *tenant).collect();
            let mut tx = database.snapshot_tx().await?;
            let counted = counted(&mut tx, *day, &tenants).await?;
            tx.rollback().await?;
            for pack in counted {
                let is_stored = store(database, *day, &pack).await?;
                done.packs += u64::from(is_stored);
                done.missed += u64::from(!is_stored);
            }
        }
    }
    Ok(done)
}

/// A tenant's counts of the hours of a day that are to be packed.
#[derive(Debug)]
pub(super) struct CountedDay {
    pub(super) tenant_id: i64,
    pub(super) generation: i64,
    pub(super) packed_hours: i16,
    pub(super) counts: SpanCounts,
}

impl CountedDay {
    pub(super) fn pack(&self) -> Packed {
        self.counts.pack(self.packed_hours == 24)
    }
}

#[derive(Debug, sqlx::FromRow)]
struct Count {
    tenant_id: i64,
    hour: DateTime<Utc>,
    #[sqlx(flatten)]
    key: CellKey,
    occurrences: i64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
}

/// What is counted, of these tenants' packs of a day. The connection is in one snapshot.
pub(super) async fn counted(
    connection: &mut PgConnection,
    day: DateTime<Utc>,
    tenants: &[i64],
) -> Result<Vec<CountedDay>, StoreError> {
    let packs: Vec<(i64, i64, i16)> = sqlx::query_as(
        "select tenant_id, generation, packed_hours from failure_day_pack
         where tenant_id = any($1) and day = $2 and day >= (select counts_dropped_before from failure_retention)",
    )
    .bind(tenants)
    .bind(day)
    .fetch_all(&mut *connection)
    .await?;
    let counts: Vec<Count> = sqlx::query_as(
        "select tenant_id, hour, group_id, upstream_status, config_version, outcome, headline, endpoint_no, origin_no, reason, occurrences,
           first_at, last_at
         from failure_group_1h where tenant_id = any($1) and hour >= $2 and hour < $2 + interval '1 day'",
    )
    .bind(tenants)
    .bind(day)
    .fetch_all(connection)
    .await?;
    let days = packs
        .into_iter()
        .map(|(tenant_id, generation, packed_hours)| {
            let day = CountedDay {
                tenant_id,
                generation,
                packed_hours,
                counts: SpanCounts::default(),
            };
            (tenant_id, day)
        });
    let mut days: BTreeMap<i64, CountedDay> = days.collect();
    for count in counts {
        let hour = (count.hour - day).num_hours();
        if let Some(pack) = days.get_mut(&count.tenant_id)
            && hour < i64::from(pack.packed_hours)
        {
            let hour = usize::try_from(hour).unwrap_or_default();
            pack.counts.add(count.key, hour, count.counted());
        }
    }
    Ok(days.into_values().collect())
}

impl Count {
    fn counted(&self) -> Counted {
        let since_the_hour =
            |at: DateTime<Utc>| (at - self.hour).num_microseconds().unwrap_or_default();
        Counted {
            occurrences: self.occurrences,
            first: since_the_hour(self.first_at),
            last: since_the_hour(self.last_at),
        }
    }
}

/// Whether it was stored: not when a count was changed since it was read. A transaction of its own, so that it waits for one row at most;
/// a crash may lose it, and then it is packed again.
async fn store(
    database: &Database,
    day: DateTime<Utc>,
    counted: &CountedDay,
) -> Result<bool, StoreError> {
    let packed = counted.pack();
    let mut tx = database.service_tx().await?;
    sqlx::raw_sql("set local synchronous_commit = off")
        .execute(&mut *tx)
        .await?;
    let stored = sqlx::query(
        "update failure_day_pack set hours = (1 << packed_hours) - 1, generation = generation + 1, keys = $4, day_counts = $5, day_times = $6,
           hour_counts = $7, hour_times = $8
         where tenant_id = $1 and day = $2 and generation = $3",
    )
    .bind(counted.tenant_id)
    .bind(day)
    .bind(counted.generation)
    .bind(packed.keys)
    .bind(packed.span_counts)
    .bind(packed.span_times)
    .bind(packed.part_counts)
    .bind(packed.part_times)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(stored.rows_affected() == 1)
}

/// Notes that counts of an hour have changed, of whatever tenant. The lock of the counts of groups is held.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub(crate) async fn forget_hour(
    connection: &mut PgConnection,
    hour: DateTime<Utc>,
) -> Result<(), StoreError> {
    let day = hour.duration_trunc(TimeDelta::days(1)).unwrap_or(hour);
    let number = i32::try_from((hour - day).num_hours()).unwrap_or_default();
    sqlx::query(
        "update failure_day_pack set hours = hours & ~(1 << $2), generation = generation + 1 where day = $1 and packed_hours > $2",
    )
    .bind(day)
    .bind(number)
    .execute(connection)
    .await?;
    Ok(())
}
