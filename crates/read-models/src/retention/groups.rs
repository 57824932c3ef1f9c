//! Groups that are over for longer than counts are kept, and aliases of fingerprints.

use chrono::{DateTime, Utc};
use limpid_event_store::{Database, StoreError};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::failure_groups::PROJECTION_LOCK;

/// Groups that a run deletes at most: one transaction, well under a second.
pub(super) const GROUPS_PER_RUN: u64 = 1_000;

/// Fewer aliases than this of one account are left alone: to tell whether events still have them, the account's events are read.
const LEAST_ALIASES: i64 = 1_000;

/// A transaction that no projector counts beside: a fingerprint that goes cannot be in its hands. `None` while one is at work.
async fn locked(database: &Database) -> Result<Option<Transaction<'static, Postgres>>, StoreError> {
    let mut tx = database.owner_tx().await?;
    sqlx::raw_sql("set local statement_timeout = '60s'")
        .execute(&mut *tx)
        .await?;
    let is_locked: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
        .bind(PROJECTION_LOCK)
        .fetch_one(&mut *tx)
        .await?;
    if is_locked {
        return Ok(Some(tx));
    }
    tx.rollback().await?;
    Ok(None)
}

/// Deletes groups whose last failure was before `cut`, with their fingerprints and lives; how many.
pub(super) async fn delete(database: &Database, cut: DateTime<Utc>) -> Result<u64, StoreError> {
    let Some(mut tx) = locked(database).await? else {
        return Ok(0);
    };
    let keys: Vec<(i64, i64)> = sqlx::query_as(
        "delete from failure_group where (tenant_id, group_id) in (
           select tenant_id, group_id from failure_group where last_at < $1 order by 1, 2 limit $2
         ) returning tenant_id, group_id",
    )
    .bind(cut)
    .bind(i64::try_from(GROUPS_PER_RUN).unwrap_or(i64::MAX))
    .fetch_all(&mut *tx)
    .await?;
    for statement in [
        "delete from failure_fingerprint where (tenant_id, group_id) in (select * from unnest($1::bigint[], $2::bigint[]))",
        "delete from failure_group_life where (tenant_id, group_id) in (select * from unnest($1::bigint[], $2::bigint[]))",
        "delete from failure_group_event where (tenant_id, group_id) in (select * from unnest($1::bigint[], $2::bigint[]))",
    ] {
        delete_of(&mut tx, statement, &keys).await?;
    }
    tx.commit().await?;
    Ok(keys.len() as u64)
}

async fn delete_of(
    connection: &mut PgConnection,
    statement: &'static str,
    keys: &[(i64, i64)],
) -> Result<(), StoreError> {
    let (tenants, groups): (Vec<i64>, Vec<i64>) = keys.iter().copied().unzip();
    sqlx::query(statement)
        .bind(tenants)
        .bind(groups)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes fingerprints that fall together with others in one group, are older than the oldest event and are of no event, of the account
/// with most of them; how many. Should one come again, it falls into the same group again.
pub(super) async fn delete_aliases(database: &Database) -> Result<u64, StoreError> {
    let Some(mut tx) = locked(database).await? else {
        return Ok(0);
    };
    let tenant: Option<i64> = sqlx::query_scalar(
        "select p.tenant_id from failure_fingerprint p, failure_retention r
         where p.fingerprint <> p.group_id and p.added_at < r.dropped_before
         group by 1 having count(*) >= $1 order by count(*) desc, 1 limit 1",
    )
    .bind(LEAST_ALIASES)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(tenant) = tenant else {
        tx.rollback().await?;
        return Ok(0);
    };
    let deleted = sqlx::query(
        "delete from failure_fingerprint p
         where p.tenant_id = $1 and p.fingerprint <> p.group_id
           and p.added_at < (select dropped_before from failure_retention)
           and not exists (select from origin_failure f where f.tenant_id = $1 and f.fingerprint = p.fingerprint)",
    )
    .bind(tenant)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    tx.commit().await?;
    Ok(deleted)
}
