//! The days that failure events are kept in: one partition per UTC day, made ahead of time and dropped by age.
//!
//! Both jobs run under an advisory lock, so any number of projectors may try. What arrives for a day without a partition goes to the
//! default partition and is moved when the day gets its own.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};

use crate::database::Database;
use crate::error::StoreError;

/// Days that have a partition before they begin. Source: `docs/EVENTS.md`.
pub const DAYS_AHEAD: u64 = 7;

/// Key of the advisory lock, an arbitrary number that nobody else uses.
const LOCK_KEY: i64 = 0x6c69_6d70_6964_0001;

/// What a run changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartitionChanges {
    /// Days that got a partition.
    pub created: u64,
    /// Days that were dropped.
    pub dropped: u64,
    /// Events in the default partition afterwards; more than a few mean that partitions are made too late.
    pub in_default: u64,
}

/// Makes the partitions of today and the coming days, and drops the days that ended before `keep_from`.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; the run can be repeated.
pub async fn maintain(
    database: &Database,
    now: DateTime<Utc>,
    keep_from: DateTime<Utc>,
) -> Result<PartitionChanges, StoreError> {
    let today = now.date_naive();
    let mut changes = PartitionChanges::default();
    let mut coming = vec![today];
    coming.extend((1..=DAYS_AHEAD).filter_map(|ahead| today.checked_add_days(Days::new(ahead))));
    // One transaction per day: the lock that attaching takes is held for moments.
    for day in coming {
        changes.created += u64::from(create_day(database, day).await?);
    }
    for day in days(database).await? {
        let ends_before = day
            .succ_opt()
            .is_some_and(|next| start_of(next) <= keep_from);
        if ends_before {
            drop_day(database, day).await?;
            changes.dropped += 1;
        }
    }
    changes.in_default = empty_default(database, keep_from).await?;
    Ok(changes)
}

/// The days that have a partition, oldest first.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn days(database: &Database) -> Result<Vec<NaiveDate>, StoreError> {
    let mut connection = database.service().await?;
    let names: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'origin_failure'::regclass order by 1",
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(names.iter().filter_map(|name| day_of(name)).collect())
}

/// Whether the day was new.
async fn create_day(database: &Database, day: NaiveDate) -> Result<bool, StoreError> {
    let mut tx = locked(database).await?;
    let table = table_of(day);
    let exists: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(&table)
        .fetch_one(&mut *tx)
        .await?;
    if exists {
        return Ok(false);
    }
    let (from, to) = bounds(day);
    let move_rows = format!(
        "with moved as (delete from origin_failure_default where occurred_at >= '{from}' and occurred_at < '{to}' returning *)
         insert into {table} select * from moved"
    );
    for statement in [
        "lock table origin_failure in access exclusive mode".to_owned(),
        format!("create table {table} (like origin_failure including defaults including constraints)"),
        move_rows,
        format!("alter table origin_failure attach partition {table} for values from ('{from}') to ('{to}')"),
        format!("alter table {table} enable row level security"),
        format!("alter table {table} force row level security"),
        format!(
            "create policy tenant on {table} for select to limpid_tenant
               using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::bigint))"
        ),
        format!("create policy service on {table} to limpid_service using (true) with check (true)"),
    ] {
        run(&mut tx, statement).await?;
    }
    tx.commit().await?;
    tracing::info!(day = %day, "made a partition for failures");
    Ok(true)
}

async fn drop_day(database: &Database, day: NaiveDate) -> Result<(), StoreError> {
    let mut tx = locked(database).await?;
    let (_, to) = bounds(day);
    // In the same transaction: counts of that day can't be derived again from now on.
    run(
        &mut tx,
        "lock table origin_failure in access exclusive mode".to_owned(),
    )
    .await?;
    run(&mut tx, format!("drop table if exists {}", table_of(day))).await?;
    run(
        &mut tx,
        format!("update failure_retention set dropped_before = greatest(dropped_before, '{to}'::timestamptz)"),
    )
    .await?;
    tx.commit().await?;
    tracing::info!(day = %day, "dropped a day of failures");
    Ok(())
}

/// Removes what is older than the retention from the default partition and the ledger; how many events stay in the former.
async fn empty_default(database: &Database, keep_from: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut tx = locked(database).await?;
    let cut = start_of(keep_from.date_naive());
    let dropped_late = sqlx::query("delete from origin_failure_default where occurred_at < $1")
        .bind(cut)
        .execute(&mut *tx)
        .await?
        .rows_affected();
    if dropped_late > 0 {
        sqlx::query("update failure_retention set dropped_before = greatest(dropped_before, $1)")
            .bind(cut)
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query("delete from ingest_batch where max_at < $1 and received_at < $1")
        .bind(cut)
        .execute(&mut *tx)
        .await?;
    let in_default: i64 = sqlx::query_scalar("select count(*) from origin_failure_default")
        .fetch_one(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(in_default.unsigned_abs())
}

/// A transaction of the schema's owner that holds the lock, with time for its work.
async fn locked(database: &Database) -> Result<Transaction<'static, Postgres>, StoreError> {
    let mut tx = database.owner_tx().await?;
    run(&mut tx, "set local statement_timeout = '60s'".to_owned()).await?;
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(LOCK_KEY)
        .execute(&mut *tx)
        .await?;
    Ok(tx)
}

/// Runs a statement made of constants and dates only: identifiers can't be parameters.
async fn run(connection: &mut PgConnection, statement: String) -> Result<(), StoreError> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await?;
    Ok(())
}

fn table_of(day: NaiveDate) -> String {
    format!("origin_failure_{}", day.format("%Y%m%d"))
}

fn day_of(table: &str) -> Option<NaiveDate> {
    let date = table.strip_prefix("origin_failure_")?;
    NaiveDate::parse_from_str(date, "%Y%m%d").ok()
}

/// First moment of the day and of the next one, as PostgreSQL reads them.
fn bounds(day: NaiveDate) -> (String, String) {
    let next = day.succ_opt().unwrap_or(day);
    (format!("{day} 00:00:00+00"), format!("{next} 00:00:00+00"))
}

fn start_of(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}
