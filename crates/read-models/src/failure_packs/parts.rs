//! Hours with many failures, packed by parts of 150 seconds: for the ragged ends of questions, which no count of an hour answers.
//!
//! The same two steps as for days. [`claim_parts`] says which parts are to be packed, under the lock of the counts of groups: whoever counts a
//! failure of them after that notes it. [`refresh_parts`] packs what is counted, without a lock, from one snapshot, and stores nothing where
//! something was noted meanwhile. Parts are packed in order, so one number says which of them a pack answers for; only the parts since then
//! are read.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_event_store::{Database, StoreError};
use sqlx::PgConnection;

use super::packing::{CellKey, Counted, PARTS, Packed, SpanCounts};
use super::refresh::{Refreshed, SETTLING};
use crate::failure_groups::{PROJECTION_LOCK, counted_batches};

/// An hour with fewer failures than this is quickly read as it is.
pub const LEAST_FAILURES: i64 = 500;

/// How long a part is. Units: s.
pub(crate) const PART_SECONDS: i64 = 150;

/// Hours that are claimed in one transaction.
const HOURS_PER_CLAIM: usize = 2_000;

/// How long a part is.
pub(super) fn part() -> TimeDelta {
    TimeDelta::seconds(PART_SECONDS)
}

/// Bits of the first parts.
pub(super) fn first_parts(parts: i16) -> i32 {
    (1 << parts.clamp(0, 24)) - 1
}

/// Has every part since `since` that is over packed, in hours of tenants that have many failures, as far as single failures are kept.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; what was claimed so far stays claimed.
pub async fn claim_parts(
    database: &Database,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let settled = now.checked_sub_signed(SETTLING).unwrap_or(now);
    let over = settled.duration_trunc(part()).unwrap_or(settled);
    let first = since.duration_trunc(TimeDelta::hours(1)).unwrap_or(since);
    let hours = unclaimed(database, (first, over)).await?;
    for some in hours.chunks(HOURS_PER_CLAIM) {
        let mut tx = database.service_tx().await?;
        sqlx::raw_sql("set local lock_timeout = '60s'; set local statement_timeout = '60s'")
            .execute(&mut *tx)
            .await?;
        sqlx::query("select pg_advisory_xact_lock($1)")
            .bind(PROJECTION_LOCK)
            .execute(&mut *tx)
            .await?;
        sqlx::query("update failure_retention set parts_packed_to = $1 where parts_packed_to < $1")
            .bind(over)
            .execute(&mut *tx)
            .await?;
        let tenants: Vec<i64> = some.iter().map(|hour| hour.tenant_id).collect();
        let starts: Vec<DateTime<Utc>> = some.iter().map(|hour| hour.hour).collect();
        let parts: Vec<i16> = some.iter().map(|hour| hour.parts).collect();
        sqlx::query(
            "insert into failure_hour_pack as p (tenant_id, hour, claimed_parts)
             select * from unnest($1::bigint[], $2::timestamptz[], $3::smallint[]) t(tenant_id, hour, parts) order by 1, 2
             on conflict (tenant_id, hour) do update set claimed_parts = excluded.claimed_parts
               where p.claimed_parts < excluded.claimed_parts",
        )
        .bind(tenants)
        .bind(starts)
        .bind(parts)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
    }
    Ok(())
}

#[derive(Debug, sqlx::FromRow)]
struct Unclaimed {
    tenant_id: i64,
    hour: DateTime<Utc>,
    parts: i16,
}

/// Hours with many failures of which parts are over that are not to be packed yet.
async fn unclaimed(
    database: &Database,
    (from, over): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<Unclaimed>, StoreError> {
    let mut connection = database.service().await?;
    Ok(sqlx::query_as(
        "select c.tenant_id, c.hour, c.parts from (
           select tenant_id, hour, least($4, extract(epoch from $2::timestamptz - hour)::bigint / $5)::smallint as parts
           from failure_1h where hour >= greatest($1, (select dropped_before from failure_retention)) and hour < $2
           group by 1, 2 having sum(events) >= $3
         ) c
         left join failure_hour_pack p using (tenant_id, hour)
         where c.parts > coalesce(p.claimed_parts, 0)
           and c.tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))
         order by 2, 1",
    )
    .bind(from)
    .bind(over)
    .bind(LEAST_FAILURES)
    .bind(i64::try_from(PARTS).unwrap_or_default())
    .bind(PART_SECONDS)
    .fetch_all(&mut *connection)
    .await?)
}

/// Packs every part that is to be packed and is not. Any number of projectors may run.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; packs made so far stay.
pub async fn refresh_parts(database: &Database) -> Result<Refreshed, StoreError> {
    let stale: Vec<(i64, DateTime<Utc>)> = {
        let mut connection = database.service().await?;
        // No question reaches further back than single failures are kept.
        sqlx::query(
            "delete from failure_hour_pack where hour < (select dropped_before from failure_retention)",
        )
        .execute(&mut *connection)
        .await?;
        sqlx::query_as(
            "select tenant_id, hour from failure_hour_pack where packed_parts < claimed_parts
               and hour >= (select dropped_before from failure_retention) order by 2, 1",
        )
        .fetch_all(&mut *connection)
        .await?
    };
    let mut done = Refreshed::default();
    for (tenant_id, hour) in stale {
        let mut tx = database.snapshot_tx().await?;
        let counted = counted(&mut tx, tenant_id, hour).await?;
        tx.rollback().await?;
        let Some(counted) = counted else {
            continue;
        };
        let is_stored = store(database, (tenant_id, hour), counted).await?;
        done.packs += u64::from(is_stored);
        done.missed += u64::from(!is_stored);
    }
    Ok(done)
}

/// A pack as it is stored.
#[derive(Debug, sqlx::FromRow)]
struct Stored {
    tenant_id: i64,
    claimed_parts: i16,
    packed_parts: i16,
    generation: i64,
    keys: Vec<u8>,
    part_counts: Vec<u8>,
    part_times: Vec<u8>,
}

impl Stored {
    /// What it answers for; `None` where the bytes are damaged.
    fn counts(self) -> Option<SpanCounts> {
        let packed = Packed {
            keys: self.keys,
            part_counts: self.part_counts,
            part_times: self.part_times,
            ..Packed::default()
        };
        Some(packed.unpack()?.within(first_parts(self.packed_parts)))
    }
}

/// The failures of an hour's first parts.
#[derive(Debug)]
struct CountedHour {
    generation: i64,
    parts: i16,
    counts: SpanCounts,
}

#[derive(Debug, sqlx::FromRow)]
struct Count {
    part: i16,
    #[sqlx(flatten)]
    key: CellKey,
    occurrences: i64,
    first: i64,
    last: i64,
}

/// What is counted of the parts that are to be packed: those that are packed already as they are, the rest from the failures. The connection
/// is in one snapshot.
async fn counted(
    connection: &mut PgConnection,
    tenant_id: i64,
    hour: DateTime<Utc>,
) -> Result<Option<CountedHour>, StoreError> {
    let stored: Option<Stored> = sqlx::query_as(
        "select tenant_id, claimed_parts, packed_parts, generation, keys, part_counts, part_times
         from failure_hour_pack where tenant_id = $1 and hour = $2",
    )
    .bind(tenant_id)
    .bind(hour)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(stored) = stored else {
        return Ok(None);
    };
    let (generation, parts, packed) =
        (stored.generation, stored.claimed_parts, stored.packed_parts);
    let (mut counts, packed) = match stored.counts() {
        Some(counts) => (counts, packed),
        None => (SpanCounts::default(), 0),
    };
    let (nodes, batches) = counted_batches(&mut *connection).await?;
    let rows: Vec<Count> = sqlx::query_as(
        "select e.part, p.group_id, e.upstream_status, e.config_version, e.outcome, e.headline, e.endpoint_no, e.origin_no, e.reason,
           e.occurrences, (extract(epoch from e.first_at - $2) * 1000000)::bigint - e.part * $5 * 1000000 as first,
           (extract(epoch from e.last_at - $2) * 1000000)::bigint - e.part * $5 * 1000000 as last
         from (
           select div(extract(epoch from f.occurred_at - $2), $5)::smallint as part, f.fingerprint, f.upstream_status, f.config_version, f.outcome,
             f.headline, f.endpoint_no, f.origin_no, f.reason, sum(f.occurrences)::bigint as occurrences, min(f.occurred_at) as first_at,
             max(f.occurred_at) as last_at
           from origin_failure f
           join unnest($6::bigint[], $7::bigint[]) c(node_id, batch_seq) on c.node_id = f.node_id and f.batch_seq <= c.batch_seq
           where f.tenant_id = $1 and f.occurred_at >= $3 and f.occurred_at < $4
           group by 1, 2, 3, 4, 5, 6, 7, 8, 9
         ) e join failure_fingerprint p on p.tenant_id = $1 and p.fingerprint = e.fingerprint",
    )
    .bind(tenant_id)
    .bind(hour)
    .bind(hour + part() * i32::from(packed))
    .bind(hour + part() * i32::from(parts))
    .bind(PART_SECONDS)
    .bind(nodes)
    .bind(batches)
    .fetch_all(connection)
    .await?;
    for row in rows {
        let part = usize::try_from(row.part).unwrap_or_default();
        counts.add(row.key, part, row.counted());
    }
    Ok(Some(CountedHour {
        generation,
        parts,
        counts,
    }))
}

impl Count {
    fn counted(&self) -> Counted {
        Counted {
            occurrences: self.occurrences,
            first: self.first,
            last: self.last,
        }
    }
}

/// Whether it was stored: not when a failure was noted since it was read. A crash may lose it, and then it is packed again.
async fn store(
    database: &Database,
    (tenant_id, hour): (i64, DateTime<Utc>),
    counted: CountedHour,
) -> Result<bool, StoreError> {
    let packed = counted.counts.pack(false);
    let mut tx = database.service_tx().await?;
    sqlx::raw_sql("set local synchronous_commit = off")
        .execute(&mut *tx)
        .await?;
    let stored = sqlx::query(
        "update failure_hour_pack set packed_parts = $4, generation = generation + 1, keys = $5, part_counts = $6, part_times = $7
         where tenant_id = $1 and hour = $2 and generation = $3",
    )
    .bind(tenant_id)
    .bind(hour)
    .bind(counted.generation)
    .bind(counted.parts)
    .bind(packed.keys)
    .bind(packed.part_counts)
    .bind(packed.part_times)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(stored.rows_affected() == 1)
}

/// Takes back what packs say of an hour, of whatever tenant. The lock of the counts of groups is held.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub(crate) async fn forget_parts(
    connection: &mut PgConnection,
    hour: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update failure_hour_pack set packed_parts = 0, generation = generation + 1 where hour = $1",
    )
    .bind(hour)
    .execute(connection)
    .await?;
    Ok(())
}

/// Whole hours since `since` that are packed and say something else than the hourly counts of groups. The connection is in one snapshot.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub(crate) async fn differing_hours(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<Vec<(DateTime<Utc>, i64)>, StoreError> {
    let hours: Vec<DateTime<Utc>> = sqlx::query_scalar(
        "select distinct hour from failure_hour_pack, failure_retention r
         where hour >= greatest(date_trunc('day', $1, 'UTC'), r.dropped_before, r.counts_dropped_before) and packed_parts = 24
           and tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))
         order by 1",
    )
    .bind(since)
    .fetch_all(&mut *connection)
    .await?;
    let mut differing = Vec::new();
    for hour in hours {
        let packs: Vec<Stored> = sqlx::query_as(
            "select tenant_id, claimed_parts, packed_parts, generation, keys, part_counts, part_times from failure_hour_pack
             where hour = $1 and packed_parts = 24
               and tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))",
        )
        .bind(hour)
        .fetch_all(&mut *connection)
        .await?;
        let tenants: Vec<i64> = packs.iter().map(|pack| pack.tenant_id).collect();
        let mut expected = group_counts(connection, hour, &tenants).await?;
        for pack in packs {
            let tenant_id = pack.tenant_id;
            let expected = expected.remove(&tenant_id).unwrap_or_default();
            if pack.counts().map(|counts| sums(&counts)) != Some(expected) {
                differing.push((hour, tenant_id));
            }
        }
    }
    Ok(differing)
}

/// What both tables know: occurrences, first and last. Units of moments: µs since the hour began.
type Sums = BTreeMap<CellKey, (i64, i64, i64)>;

/// A key without what follows from its group.
fn of_group(key: CellKey) -> CellKey {
    CellKey {
        endpoint_no: 0,
        origin_no: 0,
        reason: 0,
        ..key
    }
}

fn sums(counts: &SpanCounts) -> Sums {
    let mut sums = Sums::new();
    for (key, part, counted) in counts.iter() {
        let start = PART_SECONDS * 1_000_000 * i64::try_from(part).unwrap_or_default();
        let (first, last) = (counted.first + start, counted.last + start);
        let sum = sums.entry(of_group(key)).or_insert((0, first, last));
        *sum = (
            sum.0 + counted.occurrences,
            sum.1.min(first),
            sum.2.max(last),
        );
    }
    sums
}

async fn group_counts(
    connection: &mut PgConnection,
    hour: DateTime<Utc>,
    tenants: &[i64],
) -> Result<BTreeMap<i64, Sums>, StoreError> {
    type Row = (
        i64,
        i64,
        i16,
        i64,
        i16,
        bool,
        i64,
        DateTime<Utc>,
        DateTime<Utc>,
    );
    let rows: Vec<Row> = sqlx::query_as(
        "select tenant_id, group_id, upstream_status, config_version, outcome, headline, occurrences, first_at, last_at
         from failure_group_1h where tenant_id = any($1) and hour = $2",
    )
    .bind(tenants)
    .bind(hour)
    .fetch_all(connection)
    .await?;
    let since_the_hour = |at: DateTime<Utc>| (at - hour).num_microseconds().unwrap_or_default();
    let mut counts: BTreeMap<i64, Sums> = BTreeMap::new();
    for (
        tenant_id,
        group_id,
        upstream_status,
        config_version,
        outcome,
        headline,
        sum,
        first,
        last,
    ) in rows
    {
        let key = CellKey {
            group_id,
            upstream_status,
            config_version,
            outcome,
            headline,
            endpoint_no: 0,
            origin_no: 0,
            reason: 0,
        };
        let sum = (sum, since_the_hour(first), since_the_hour(last));
        counts.entry(tenant_id).or_default().insert(key, sum);
    }
    Ok(counts)
}
