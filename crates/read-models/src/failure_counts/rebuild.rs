//! Deriving the hourly counts again from the events, hour by hour, while failures keep coming in.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::{Database, StoreError};
use sqlx::{AssertSqlSafe, PgConnection};

use super::verify::dropped_before;
use super::{DERIVED, DIFFERING, STORED};
use crate::filter::hour_at_or_before;

/// What a rebuild found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Hours that were derived again.
    pub hours: u64,
    /// Counts derived.
    pub counts: u64,
    /// Counts that differed from the stored ones and were replaced, in either direction. 0 is the proof.
    pub replaced: u64,
}

/// Derives every hour whose events are still there in a shadow table, compares, and replaces what differs. Hours before the
/// retention keep their counts.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; hours done so far stay done.
pub async fn rebuild(database: &Database) -> Result<RebuildReport, StoreError> {
    let mut report = RebuildReport::default();
    let hours = {
        let mut connection = database.service().await?;
        hours_to_rebuild(&mut connection).await?
    };
    for hour in hours {
        let (counts, replaced) = rebuild_hour(database, hour).await?;
        report.hours += 1;
        report.counts += counts;
        report.replaced += replaced;
    }
    Ok(report)
}

/// Hours with events or counts since the retention. The ledger knows when the events of each batch were, at a hundredth of reading them.
async fn hours_to_rebuild(connection: &mut PgConnection) -> Result<Vec<DateTime<Utc>>, StoreError> {
    let from = dropped_before(connection)
        .await?
        .unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
    let hours: Vec<DateTime<Utc>> = sqlx::query_scalar(
        "select h from ingest_batch b
           cross join lateral generate_series(date_trunc('hour', b.min_at, 'UTC'), b.max_at, interval '1 hour') h
           where b.max_at >= $1 and h >= $1
         union select hour from failure_1h where hour >= $1 order by 1",
    )
    .bind(hour_at_or_before(from))
    .fetch_all(connection)
    .await?;
    Ok(hours)
}

/// One hour in one transaction. The lock holds the ingest back for as long as one hour takes; the spool does not mind.
async fn rebuild_hour(database: &Database, hour: DateTime<Utc>) -> Result<(u64, u64), StoreError> {
    let mut tx = database.service_tx().await?;
    sqlx::raw_sql("set local statement_timeout = '10min'; lock table failure_1h in exclusive mode")
        .execute(&mut *tx)
        .await?;
    let end = hour + TimeDelta::hours(1);
    let shadow = format!("create temporary table failure_1h_shadow on commit drop as {DERIVED}");
    let counts = execute(&mut tx, shadow, hour, end).await?;
    if differing(&mut tx, hour, end).await? == 0 {
        tx.commit().await?;
        return Ok((counts, 0));
    }
    let delete = format!(
        "delete from failure_1h c using ({STORED} except select * from failure_1h_shadow) d
         where c.hour = d.hour and c.tenant_id = d.tenant_id and c.endpoint_no = d.endpoint_no and c.origin_no = d.origin_no
           and c.reason = d.reason and c.outcome = d.outcome and c.headline = d.headline and c.node_id = d.node_id"
    );
    let deleted = execute(&mut tx, delete, hour, end).await?;
    let insert = format!(
        "insert into failure_1h (tenant_id, hour, endpoint_no, origin_no, reason, outcome, headline, node_id, events, occurrences,
           first_at, last_at) select * from failure_1h_shadow except {STORED}"
    );
    let inserted = execute(&mut tx, insert, hour, end).await?;
    tx.commit().await?;
    Ok((counts, deleted.max(inserted)))
}

/// How many keys of the shadow and of the counts differ. All are counted: for the first one alone the planner reads the whole table.
async fn differing(
    connection: &mut PgConnection,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let statement = format!(
        "with derived as (select * from failure_1h_shadow), stored as ({STORED}) select count(*) from ({DIFFERING}) d"
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(from)
        .bind(to)
        .fetch_one(connection)
        .await?)
}

async fn execute(
    connection: &mut PgConnection,
    statement: String,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let done = sqlx::query(AssertSqlSafe(statement))
        .bind(from)
        .bind(to)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}
