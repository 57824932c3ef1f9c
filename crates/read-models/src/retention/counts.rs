//! Old counts, deleted account by account and by their age, each step along the primary key.

use chrono::{DateTime, Utc};
use limpid_event_store::{Database, StoreError};
use sqlx::AssertSqlSafe;

/// Tables of counts and when what they count began. All are keyed by tenant first.
const TABLES: [(&str, &str); 13] = [
    ("failure_1h", "hour"),
    ("failure_group_1h", "hour"),
    ("failure_group_1d", "day"),
    ("failure_day_pack", "day"),
    ("failure_hour_pack", "hour"),
    ("failure_path_pack", "starts_at"),
    ("failure_top_path", "starts_at"),
    ("failure_top_path_span", "starts_at"),
    ("delivery_usage_1h", "hour"),
    ("delivery_usage_top_1h", "hour"),
    ("delivery_usage_top_1d", "day"),
    ("delivery_usage_top_pack", "starts_at"),
    ("origin_health_hour", "hour"),
];

/// Rows of one transaction, and those that began at the same moment as the last of them.
const ROWS_PER_BATCH: i64 = 5_000;

/// Deletes what began before `cut`; whether all of it is gone. `budget` is how many rows may go, beside it stands how many have.
pub(super) async fn delete(
    database: &Database,
    cut: DateTime<Utc>,
    (budget, deleted): (u64, &mut u64),
) -> Result<bool, StoreError> {
    for (table, time) in TABLES {
        for tenant in tenants_with_old_rows(database, (table, time), cut).await? {
            loop {
                if *deleted >= budget {
                    return Ok(false);
                }
                let rows = delete_batch(database, (table, time), (tenant, cut)).await?;
                *deleted += rows;
                if rows < ROWS_PER_BATCH.unsigned_abs() {
                    break;
                }
            }
        }
    }
    let mut tx = database.owner_tx().await?;
    sqlx::query("delete from delivery_usage_ledger where counted_to < $1")
        .bind(cut)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// The recursion jumps from tenant to tenant in the index, however many rows each has.
async fn tenants_with_old_rows(
    database: &Database,
    (table, time): (&str, &str),
    cut: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    let mut connection = database.service().await?;
    let statement = format!(
        "with recursive t as (
           (select tenant_id from {table} order by tenant_id limit 1)
           union all
           select (select r.tenant_id from {table} r where r.tenant_id > t.tenant_id order by r.tenant_id limit 1) from t
           where t.tenant_id is not null
         )
         select tenant_id from t where tenant_id is not null
           and exists (select from {table} r where r.tenant_id = t.tenant_id and r.{time} < $1)"
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(cut)
        .fetch_all(&mut *connection)
        .await?)
}

/// One transaction: the oldest rows of a tenant.
async fn delete_batch(
    database: &Database,
    (table, time): (&str, &str),
    (tenant, cut): (i64, DateTime<Utc>),
) -> Result<u64, StoreError> {
    let statement = format!(
        "with edge as (
           select {time} as at from {table} where tenant_id = $1 and {time} < $2 order by {time} offset $3 limit 1
         )
         delete from {table}
         where tenant_id = $1 and {time} < $2 and {time} <= coalesce((select at from edge), 'infinity'::timestamptz)"
    );
    let mut tx = database.owner_tx().await?;
    let deleted = sqlx::query(AssertSqlSafe(statement))
        .bind(tenant)
        .bind(cut)
        .bind(ROWS_PER_BATCH)
        .execute(&mut *tx)
        .await?
        .rows_affected();
    tx.commit().await?;
    Ok(deleted)
}
