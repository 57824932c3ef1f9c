//! Packs = counts.

use chrono::{DateTime, Utc};
use limpid_event_store::StoreError;
use sqlx::PgConnection;

use super::packing::Packed;
use super::parts::differing_hours;
use super::reading::ALL_HOURS;
use super::refresh::{CountedDay, counted};

/// Packs that are compared at a time.
const PACKS_AT_A_TIME: usize = 100;

/// A pack as it is stored.
#[derive(Debug, sqlx::FromRow)]
struct Stored {
    tenant_id: i64,
    hours: i32,
    keys: Vec<u8>,
    day_counts: Vec<u8>,
    day_times: Vec<u8>,
    hour_counts: Vec<u8>,
    hour_times: Vec<u8>,
}

/// Packs, of days and of hours, since `since` that say something else than the counts. The connection is in one snapshot.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub(crate) async fn differing(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<usize, StoreError> {
    let days = differing_days(connection, since).await?.len();
    Ok(days + differing_hours(connection, since).await?.len())
}

/// Packs of the days since `since` that say something else than the counts, of the hours that they answer for. The connection is in one
/// snapshot.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
async fn differing_days(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<Vec<(DateTime<Utc>, i64)>, StoreError> {
    let packs: Vec<(DateTime<Utc>, i64)> = sqlx::query_as(
        "select day, tenant_id from failure_day_pack
         where day >= greatest(date_trunc('day', $1, 'UTC'), (select counts_dropped_before from failure_retention)) and hours <> 0
           and tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))
         order by 1, 2",
    )
    .bind(since)
    .fetch_all(&mut *connection)
    .await?;
    let mut differing = Vec::new();
    for of_one_day in packs.chunk_by(|(a, _), (b, _)| a == b) {
        for some in of_one_day.chunks(PACKS_AT_A_TIME) {
            let Some((day, _)) = some.first() else {
                continue;
            };
            let tenants: Vec<i64> = some.iter().map(|(_, tenant)| *tenant).collect();
            let counted = counted(connection, *day, &tenants).await?;
            let stored = stored(connection, *day, &tenants).await?;
            let others = counted.iter().filter(|counted| {
                let pack = stored
                    .iter()
                    .find(|pack| pack.tenant_id == counted.tenant_id);
                pack.is_none_or(|pack| !pack.says_the_same(counted))
            });
            differing.extend(others.map(|counted| (*day, counted.tenant_id)));
        }
    }
    Ok(differing)
}

async fn stored(
    connection: &mut PgConnection,
    day: DateTime<Utc>,
    tenants: &[i64],
) -> Result<Vec<Stored>, StoreError> {
    Ok(sqlx::query_as(
        "select tenant_id, hours, keys, day_counts, day_times, hour_counts, hour_times from failure_day_pack
         where day = $1 and tenant_id = any($2)",
    )
    .bind(day)
    .bind(tenants)
    .fetch_all(connection)
    .await?)
}

impl Stored {
    fn says_the_same(&self, counted: &CountedDay) -> bool {
        let packed = Packed {
            keys: self.keys.clone(),
            span_counts: self.day_counts.clone(),
            span_times: self.day_times.clone(),
            part_counts: self.hour_counts.clone(),
            part_times: self.hour_times.clone(),
        };
        let is_whole = self.hours == (1 << counted.packed_hours) - 1;
        if is_whole && packed == counted.pack() {
            return true;
        }
        // Hours that have changed since are not answered for; nor is the sum of such a day.
        let is_summed = self.hours == ALL_HOURS;
        !is_summed
            && packed.unpack().is_some_and(|counts| {
                counts.within(self.hours) == counted.counts.within(self.hours)
            })
    }
}

/// Takes back what packs say that differ from the counts; how many do. The lock of the counts of groups is held.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub(crate) async fn forget_differing(connection: &mut PgConnection) -> Result<u64, StoreError> {
    let differing = differing_days(connection, DateTime::UNIX_EPOCH).await?;
    let (days, tenants): (Vec<DateTime<Utc>>, Vec<i64>) = differing.into_iter().unzip();
    let forgotten_days = sqlx::query(
        "update failure_day_pack p set hours = 0, generation = generation + 1
         from unnest($1::timestamptz[], $2::bigint[]) d(day, tenant_id) where p.tenant_id = d.tenant_id and p.day = d.day",
    )
    .bind(days)
    .bind(tenants)
    .execute(&mut *connection)
    .await?;
    let differing = differing_hours(connection, DateTime::UNIX_EPOCH).await?;
    let (hours, tenants): (Vec<DateTime<Utc>>, Vec<i64>) = differing.into_iter().unzip();
    let forgotten_hours = sqlx::query(
        "update failure_hour_pack p set packed_parts = 0, generation = generation + 1
         from unnest($1::timestamptz[], $2::bigint[]) d(hour, tenant_id) where p.tenant_id = d.tenant_id and p.hour = d.hour",
    )
    .bind(hours)
    .bind(tenants)
    .execute(connection)
    .await?;
    Ok(forgotten_days.rows_affected() + forgotten_hours.rows_affected())
}
