//! The rows of a tenant, found by the catalogue and deleted in batches.

use limpid_domain::ids::TenantId;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};

use crate::database::Database;
use crate::error::StoreError;

/// Rows of one transaction: it takes well under a second.
const ROWS_PER_BATCH: i64 = 10_000;

/// Key of the advisory lock, an arbitrary number that nobody else uses.
const LOCK_KEY: i64 = 0x6c69_6d70_6964_0014;

/// The single failures, whose ledger goes with them.
const FACTS: &str = "origin_failure";

/// What stays of an erased tenant, by table: the rows for which the condition holds. None of them names anybody or anything.
pub const KEPT: [(&str, &str); 5] = [
    // The number is never given again, and nodes compare their version with it.
    ("tenant_head", "true"),
    ("tenant_erasure", "true"),
    // The event of the erasure, its stream, and what a projection makes of it: a row without a name.
    ("config_event", "kind = 'tenant_erased'"),
    ("config_stream", "kind = 'tenant'"),
    ("tenant", "lifecycle = 'erased' and generation = 0"),
];

/// Every table that has a column `tenant_id` and of which erasing a tenant deletes rows, in the order in which it does: those that
/// others refer to come last. Partitions go with their tables.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn erased_tables(database: &Database) -> Result<Vec<String>, StoreError> {
    let mut connection = database.service().await?;
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
         where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition
         order by exists (select from pg_constraint f where f.contype = 'f' and f.confrelid = c.oid), c.relname",
    )
    .fetch_all(&mut *connection)
    .await?;
    let stays = |table: &String| KEPT.contains(&(table.as_str(), "true"));
    Ok(tables.into_iter().filter(|table| !stays(table)).collect())
}

/// Deletes rows of a tenant for whom an erasure was asked, `batches` transactions at most. How many rows that were, or `None` where
/// another projector is at it or there is more: to be called again.
///
/// # Errors
/// [`StoreError::Unavailable`]; what was deleted stays deleted and counted.
pub async fn erase(
    database: &Database,
    tenant_id: TenantId,
    batches: u32,
) -> Result<Option<i64>, StoreError> {
    let mut left = batches;
    let mut erased = 0;
    for table in erased_tables(database).await? {
        loop {
            if left == 0 {
                return Ok(None);
            }
            left -= 1;
            let Some(rows) = batch(database, tenant_id, &table).await? else {
                return Ok(None);
            };
            erased += rows;
            if rows < ROWS_PER_BATCH {
                break;
            }
        }
    }
    Ok(Some(erased))
}

/// One transaction, or `None` while another one holds the lock.
async fn batch(
    database: &Database,
    tenant_id: TenantId,
    table: &str,
) -> Result<Option<i64>, StoreError> {
    let mut tx = database.owner_tx().await?;
    if !lock(&mut tx, tenant_id).await? {
        tx.rollback().await?;
        return Ok(None);
    }
    let rows = if table == FACTS {
        delete_facts(&mut tx, tenant_id).await?
    } else {
        delete_rows(&mut tx, tenant_id, table).await?
    };
    if rows > 0 {
        note(&mut tx, tenant_id, (table, rows)).await?;
    }
    tx.commit().await?;
    Ok(Some(rows))
}

/// Sees the tenant's rows also where the owner of the tables is no superuser: then the policies of both roles let it.
async fn lock(
    tx: &mut Transaction<'static, Postgres>,
    tenant_id: TenantId,
) -> Result<bool, StoreError> {
    let settings =
        format!("set local statement_timeout = '60s'; set local app.tenant_id = '{tenant_id}'");
    sqlx::raw_sql(AssertSqlSafe(settings))
        .execute(&mut **tx)
        .await?;
    Ok(sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
        .bind(LOCK_KEY)
        .fetch_one(&mut **tx)
        .await?)
}

async fn delete_rows(
    connection: &mut PgConnection,
    tenant_id: TenantId,
    table: &str,
) -> Result<i64, StoreError> {
    let stays = KEPT.iter().find(|(kept, _)| *kept == table);
    let goes = stays.map_or_else(String::new, |(_, stays)| format!(" and not ({stays})"));
    // The name is the catalogue's own.
    let statement = format!(
        "delete from \"{table}\" where tenant_id = $1{goes}
           and ctid = any(array(select ctid from \"{table}\" where tenant_id = $1{goes} limit $2))"
    );
    let deleted = sqlx::query(AssertSqlSafe(statement))
        .bind(tenant_id.0)
        .bind(ROWS_PER_BATCH)
        .execute(connection)
        .await?;
    Ok(i64::try_from(deleted.rows_affected()).unwrap_or(i64::MAX))
}

/// The oldest failures of the tenant; the ledger's numbers shrink with them, so that it still agrees with the events.
async fn delete_facts(
    connection: &mut PgConnection,
    tenant_id: TenantId,
) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "with edge as (
           select occurred_at from origin_failure where tenant_id = $1 order by occurred_at offset $2 limit 1
         ),
         gone as (
           delete from origin_failure
           where tenant_id = $1 and occurred_at <= coalesce((select occurred_at from edge), 'infinity'::timestamptz)
           returning node_id, batch_seq, occurrences
         ),
         batch as (
           select node_id, batch_seq, count(*)::integer as events, sum(occurrences)::bigint as occurrences from gone group by 1, 2
         ),
         ledger as (
           update ingest_batch l set events = l.events - b.events, occurrences = l.occurrences - b.occurrences
           from batch b where l.node_id = b.node_id and l.batch_seq = b.batch_seq
         )
         select count(*) from gone",
    )
    .bind(tenant_id.0)
    .bind(ROWS_PER_BATCH)
    .fetch_one(connection)
    .await?)
}

async fn note(
    connection: &mut PgConnection,
    tenant_id: TenantId,
    (table, rows): (&str, i64),
) -> Result<(), StoreError> {
    sqlx::query(
        "update tenant_erasure
         set erased_rows = erased_rows || jsonb_build_object($2::text, coalesce((erased_rows->>$2)::bigint, 0) + $3)
         where tenant_id = $1",
    )
    .bind(tenant_id.0)
    .bind(table)
    .bind(rows)
    .execute(connection)
    .await?;
    Ok(())
}
