//! The health of origins held against itself. Observations are not kept one by one, so hourly counts and the times of last fetches are
//! sources both; what the hours say of those times is what is derived again: a fetch that an hour counts happened in it or later.

use limpid_event_store::{Database, StoreError};
use sqlx::AssertSqlSafe;

use crate::rebuild_spans::SETTINGS;

/// The last hours with fetches of each kind, of origins of which less is known: no row, or times of before those hours.
const LACKING: &str = "hours as (
       select tenant_id, origin_id, max(hour) filter (where successes > 0) as success,
         max(hour) filter (where successes + file_faults > 0) as answer, max(hour) filter (where failures > 0) as failure
       from origin_health_hour
       where tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))
       group by 1, 2
     ),
     lacking as (
       select h.* from hours h left join origin_health o using (tenant_id, origin_id)
       where o.origin_id is null or h.success > coalesce(o.last_success_at, '-infinity')
         or h.answer > coalesce(o.last_answer_at, '-infinity') or h.failure > coalesce(o.last_failure_at, '-infinity')
     )";

/// How many origins' times are older than their hours say, or lost.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn verify(database: &Database) -> Result<u64, StoreError> {
    let mut tx = database.snapshot_tx().await?;
    sqlx::raw_sql(SETTINGS).execute(&mut *tx).await?;
    let statement = format!("with {LACKING} select count(*) from lacking");
    let found: i64 = sqlx::query_scalar(AssertSqlSafe(statement))
        .fetch_one(&mut *tx)
        .await?;
    tx.rollback().await?;
    Ok(found.unsigned_abs())
}

/// Gives the times that are lost back as far as the hours know them: the beginning of the hour, at most an hour too early. What a last
/// failure was, how many failed in a row, certificates and credentials come back with the next fetches. How many origins that were.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn rebuild(database: &Database) -> Result<u64, StoreError> {
    let mut tx = database.service_tx().await?;
    sqlx::raw_sql(SETTINGS).execute(&mut *tx).await?;
    let statement = format!(
        "with {LACKING}
         insert into origin_health as o (tenant_id, origin_id, origin_version, consecutive_failures, last_success_at, last_answer_at,
           last_failure_at, breaker)
         select l.tenant_id, l.origin_id, coalesce(c.version, 1), 0, l.success, l.answer, l.failure, 0
         from lacking l left join origin c on c.tenant_id = l.tenant_id and c.generation = 0 and c.origin_id = l.origin_id
         order by 1, 2
         on conflict (tenant_id, origin_id) do update set last_success_at = greatest(o.last_success_at, excluded.last_success_at),
           last_answer_at = greatest(o.last_answer_at, excluded.last_answer_at),
           last_failure_at = greatest(o.last_failure_at, excluded.last_failure_at)"
    );
    let mended = sqlx::query(AssertSqlSafe(statement))
        .execute(&mut *tx)
        .await?
        .rows_affected();
    tx.commit().await?;
    Ok(mended)
}
