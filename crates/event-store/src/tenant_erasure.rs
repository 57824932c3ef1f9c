//! Erasing a tenant: every row of every table that names it, in batches, table by table.
//!
//! The command that asks for it destroys secrets and configuration in its own transaction and writes a row of `tenant_erasure`; what is left
//! is done by [`erase`], which may be interrupted anywhere: each batch counts itself in that row. The tables are read from the
//! catalogue, so that a table made later cannot be forgotten. Serving nodes may still hold events of the tenant in their spools;
//! [`crate::failure_append`] drops them, and an erasure ends only when no statement that did not know can still be under way.

mod rows;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::event::Actor;
use limpid_domain::ids::TenantId;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::database::{Database, TenantTx};
use crate::error::StoreError;

pub use rows::{KEPT, erase, erased_tables};

/// Nothing that began to store something before the request can still be at it after this long: no statement lives longer.
pub const SETTLING: TimeDelta = TimeDelta::minutes(2);

/// An erasure under way, or what is left of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Whose.
    pub tenant_id: TenantId,
    /// When it was asked for. UTC.
    pub requested_at: DateTime<Utc>,
    /// Who asked for it.
    pub requested_by: Actor,
    /// Rows erased so far, by table.
    pub erased_rows: BTreeMap<String, i64>,
    /// When the last row was gone. UTC.
    pub finished_at: Option<DateTime<Utc>>,
}

/// Asks for the erasure, in the transaction that destroys what must be gone at once.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn request(tx: &mut TenantTx, by: &Actor) -> Result<Erasure, StoreError> {
    let row: ErasureRow = sqlx::query_as(
        "insert into tenant_erasure (tenant_id, requested_by) values ($1, $2)
         returning tenant_id, requested_at, requested_by, erased_rows, finished_at",
    )
    .bind(tx.tenant_id().0)
    .bind(Json(by))
    .fetch_one(tx.as_conn())
    .await?;
    Ok(row.into())
}

/// Makes an erasure of the main database known to another one that holds failures of the tenant.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn adopt(database: &Database, erasure: &Erasure) -> Result<(), StoreError> {
    let mut connection = database.service().await?;
    sqlx::query(
        "insert into tenant_erasure (tenant_id, requested_at, requested_by) values ($1, $2, $3) on conflict (tenant_id) do nothing",
    )
    .bind(erasure.tenant_id.0)
    .bind(erasure.requested_at)
    .bind(Json(&erasure.requested_by))
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// One erasure, or `None` where there is none of this tenant.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn erasure(
    database: &Database,
    tenant_id: TenantId,
) -> Result<Option<Erasure>, StoreError> {
    let mut connection = database.service().await?;
    let row: Option<ErasureRow> = sqlx::query_as(
        "select tenant_id, requested_at, requested_by, erased_rows, finished_at from tenant_erasure where tenant_id = $1",
    )
    .bind(tenant_id.0)
    .fetch_optional(&mut *connection)
    .await?;
    Ok(row.map(Erasure::from))
}

/// At most `limit` erasures, the latest first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn erasures(database: &Database, limit: u16) -> Result<Vec<Erasure>, StoreError> {
    let mut connection = database.service().await?;
    let rows: Vec<ErasureRow> = sqlx::query_as(
        "select tenant_id, requested_at, requested_by, erased_rows, finished_at from tenant_erasure
         order by requested_at desc, tenant_id desc limit $1",
    )
    .bind(i64::from(limit))
    .fetch_all(&mut *connection)
    .await?;
    Ok(rows.into_iter().map(Erasure::from).collect())
}

/// The erasures that are not finished, the oldest first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn unfinished(database: &Database) -> Result<Vec<Erasure>, StoreError> {
    let mut connection = database.service().await?;
    let rows: Vec<ErasureRow> = sqlx::query_as(
        "select tenant_id, requested_at, requested_by, erased_rows, finished_at from tenant_erasure
         where finished_at is null order by requested_at, tenant_id",
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(rows.into_iter().map(Erasure::from).collect())
}

/// Writes down that nothing is left.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn finish(
    database: &Database,
    tenant_id: TenantId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut connection = database.service().await?;
    sqlx::query(
        "update tenant_erasure set finished_at = $2 where tenant_id = $1 and finished_at is null",
    )
    .bind(tenant_id.0)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// Which of these tenants were erased or are being erased.
pub(crate) async fn erased_among(
    connection: &mut PgConnection,
    tenants: Vec<i64>,
) -> Result<Vec<i64>, StoreError> {
    Ok(
        sqlx::query_scalar("select tenant_id from tenant_erasure where tenant_id = any($1)")
            .bind(tenants)
            .fetch_all(connection)
            .await?,
    )
}

#[derive(sqlx::FromRow)]
struct ErasureRow {
    tenant_id: i64,
    requested_at: DateTime<Utc>,
    requested_by: Json<Actor>,
    erased_rows: Json<BTreeMap<String, i64>>,
    finished_at: Option<DateTime<Utc>>,
}

impl From<ErasureRow> for Erasure {
    fn from(row: ErasureRow) -> Self {
        Self {
            tenant_id: TenantId(row.tenant_id),
            requested_at: row.requested_at,
            requested_by: row.requested_by.0,
            erased_rows: row.erased_rows.0,
            finished_at: row.finished_at,
        }
    }
}
