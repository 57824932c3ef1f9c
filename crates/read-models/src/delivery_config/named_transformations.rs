//! Reads of a tenant's named transformations.

use chrono::{DateTime, Utc};
use limpid_domain::ids::{NamedTransformationId, StreamVersion};
use limpid_domain::named_transformation::NamedTransformationSettings;
use limpid_event_store::{StoreError, TenantTx};
use uuid::Uuid;

use super::NamedTransformationConfig;

/// The tenant's named transformations, oldest first.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn named_transformations(
    tx: &mut TenantTx,
) -> Result<Vec<NamedTransformationConfig>, StoreError> {
    let rows: Vec<NamedTransformationRow> = sqlx::query_as(
        "select named_transformation_id, version, name, transformation, enabled, created_at from named_transformation \
         where tenant_id = $1 and generation = 0 order by created_seq",
    )
    .bind(tx.tenant_id().0)
    .fetch_all(tx.as_conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(NamedTransformationConfig::from)
        .collect())
}

/// One of the tenant's named transformations.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn named_transformation(
    tx: &mut TenantTx,
    id: NamedTransformationId,
) -> Result<Option<NamedTransformationConfig>, StoreError> {
    let row: Option<NamedTransformationRow> = sqlx::query_as(
        "select named_transformation_id, version, name, transformation, enabled, created_at from named_transformation \
         where tenant_id = $1 and generation = 0 and named_transformation_id = $2",
    )
    .bind(tx.tenant_id().0)
    .bind(id.0)
    .fetch_optional(tx.as_conn())
    .await?;
    Ok(row.map(NamedTransformationConfig::from))
}

#[derive(sqlx::FromRow)]
pub(super) struct NamedTransformationRow {
    named_transformation_id: Uuid,
    version: i32,
    name: String,
    transformation: String,
    enabled: bool,
    created_at: DateTime<Utc>,
}

impl From<NamedTransformationRow> for NamedTransformationConfig {
    fn from(row: NamedTransformationRow) -> Self {
        Self {
            id: NamedTransformationId(row.named_transformation_id),
            version: StreamVersion(row.version),
            settings: NamedTransformationSettings {
                name: row.name,
                transformation: row.transformation,
                enabled: row.enabled,
            },
            created_at: row.created_at,
        }
    }
}
