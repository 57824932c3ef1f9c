//! What an erased tenant leaves in the projection.

use limpid_domain::tenant::{TenantLifecycle, TenantLimits, TenantSettings};
use limpid_event_store::StoreError;
use sqlx::types::Json;

use super::Row;

impl Row<'_> {
    /// What is left is a row without a name, so that serving nodes hear of it like of any other change.
    pub(super) async fn tenant_erased(self) -> Result<(), StoreError> {
        let (tenant, generation) = (self.at.tenant_id.0, self.generation.number());
        for statement in [
            "delete from key_pair where tenant_id = $1 and generation = $2",
            "delete from origin where tenant_id = $1 and generation = $2",
            "delete from url_endpoint where tenant_id = $1 and generation = $2",
            "delete from custom_domain where tenant_id = $1 and generation = $2",
            "delete from named_transformation where tenant_id = $1 and generation = $2",
            "delete from alert_rule where tenant_id = $1 and generation = $2",
            "delete from webhook where tenant_id = $1 and generation = $2",
        ] {
            sqlx::query(statement)
                .bind(tenant)
                .bind(generation)
                .execute(&mut *self.conn)
                .await?;
        }
        sqlx::query(
            "insert into tenant (tenant_id, generation, imagekit_id, name, lifecycle, version, settings, limits, created_at) \
             values ($1, $2, $3, '', $4, $5, $6, $7, $8) \
             on conflict (tenant_id, generation) do update set imagekit_id = excluded.imagekit_id, name = excluded.name, \
               lifecycle = excluded.lifecycle, version = excluded.version, settings = excluded.settings, \
               limits = excluded.limits, created_at = excluded.created_at",
        )
        .bind(tenant)
        .bind(generation)
        .bind(format!("erased-{}", self.at.event_id.0.simple()))
        .bind(TenantLifecycle::Erased.as_str())
        .bind(self.at.version.0)
        .bind(Json(TenantSettings::default()))
        .bind(Json(TenantLimits::default()))
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }
}
