//! Events → rows. No rules here: what an event says is done.

mod erasure;

use limpid_domain::caching::Caching;
use limpid_domain::event::ConfigEvent;
use limpid_domain::ids::{ImagekitId, OriginId};
use limpid_domain::key_pair::{KeyHash, PublicKey};
use limpid_domain::named_transformation::NamedTransformationSettings;
use limpid_domain::origin::OriginSettings;
use limpid_domain::restrictions::Restrictions;
use limpid_domain::secret::SecretRef;
use limpid_domain::tenant::{TenantLifecycle, TenantLimits, TenantSettings};
use limpid_domain::url_endpoint::{CustomDomain, UrlEndpointSettings};
use limpid_event_store::config_log::StoredEvent;
use limpid_event_store::{StoreError, TenantTx};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres};

use super::Generation;

/// Brings the projection up to an event; call it in the transaction that appended it, once, in order.
///
/// Errors: [`StoreError::Taken`] if a global name is taken, [`StoreError::Unavailable`].
pub async fn apply(tx: &mut TenantTx, event: &StoredEvent) -> Result<(), StoreError> {
    apply_to(tx, Generation::Live, event).await
}

pub(super) async fn apply_to(
    tx: &mut TenantTx,
    generation: Generation,
    event: &StoredEvent,
) -> Result<(), StoreError> {
    let row = Row::at(tx, generation, event);
    match &event.event {
        ConfigEvent::TenantCreated {
            imagekit_id,
            name,
            settings,
        } => row.tenant_created(imagekit_id, name, settings).await,
        ConfigEvent::TenantSettingsChanged { settings } => {
            row.tenant_settings_changed(settings).await
        }
        ConfigEvent::TenantLimitsSet { limits } => row.tenant_limits_set(limits).await,
        ConfigEvent::UrlEndpointRestrictionsSet { restrictions } => {
            row.url_endpoint_restricted(restrictions).await
        }
        ConfigEvent::UrlEndpointCachingSet { caching } => row.url_endpoint_caching(caching).await,
        ConfigEvent::KeyPairCreated {
            name,
            public_key,
            private_key_hash,
            private_key_hint,
            private_key,
        } => {
            let key = NewKeyPair {
                name,
                public_key,
                private_key_hash,
                private_key_hint,
                private_key,
            };
            row.key_pair_created(&key).await
        }
        ConfigEvent::KeyPairRevoked {} => row.key_pair_revoked().await,
        ConfigEvent::OriginCreated {
            settings,
            credentials,
        } => row.origin_created(settings, credentials.as_ref()).await,
        ConfigEvent::OriginReplaced {
            settings,
            credentials,
        } => row.origin_replaced(settings, credentials.as_ref()).await,
        ConfigEvent::OriginDeleted {} => row.origin_deleted().await,
        ConfigEvent::UrlEndpointCreated {
            is_default,
            settings,
        } => row.url_endpoint_created(*is_default, settings).await,
        ConfigEvent::UrlEndpointReplaced { settings } => row.url_endpoint_replaced(settings).await,
        ConfigEvent::OriginAttached { origin_id } => row.origin_attached(*origin_id).await,
        ConfigEvent::UrlEndpointDeleted {} => row.url_endpoint_deleted().await,
        ConfigEvent::CustomDomainsSet { domains } => row.custom_domains_set(domains).await,
        ConfigEvent::NamedTransformationCreated { settings } => {
            row.named_transformation_created(settings).await
        }
        ConfigEvent::NamedTransformationChanged { settings } => {
            row.named_transformation_changed(settings).await
        }
        ConfigEvent::NamedTransformationDeleted {} => row.named_transformation_deleted().await,
        notification @ (ConfigEvent::AlertRuleCreated { .. }
        | ConfigEvent::AlertRuleReplaced { .. }
        | ConfigEvent::AlertRuleDeleted {}
        | ConfigEvent::WebhookCreated { .. }
        | ConfigEvent::WebhookChanged { .. }
        | ConfigEvent::WebhookSecretRotated { .. }
        | ConfigEvent::WebhookDisabled { .. }
        | ConfigEvent::WebhookDeleted {}) => row.notification_changed(notification).await,
        ConfigEvent::TenantErased {} => row.tenant_erased().await,
        // Read from the log itself, see `purges`.
        ConfigEvent::CachePurged { .. } => Ok(()),
    }
}

/// The rows an event is about. Every statement binds tenant, generation and stream as `$1`, `$2`, `$3`.
pub(super) struct Row<'a> {
    pub(super) conn: &'a mut PgConnection,
    generation: Generation,
    pub(super) at: &'a StoredEvent,
}

struct NewKeyPair<'a> {
    name: &'a str,
    public_key: &'a PublicKey,
    private_key_hash: &'a KeyHash,
    private_key_hint: &'a str,
    private_key: &'a SecretRef,
}

impl<'a> Row<'a> {
    fn at(tx: &'a mut TenantTx, generation: Generation, event: &'a StoredEvent) -> Self {
        Self {
            conn: tx.as_conn(),
            generation,
            at: event,
        }
    }
}

impl Row<'_> {
    async fn tenant_created(
        self,
        imagekit_id: &ImagekitId,
        name: &str,
        settings: &TenantSettings,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "insert into tenant (tenant_id, generation, imagekit_id, name, lifecycle, settings, created_at) \
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(self.at.tenant_id.0)
        .bind(self.generation.number())
        .bind(imagekit_id.as_str())
        .bind(name)
        .bind(TenantLifecycle::Active.as_str())
        .bind(Json(settings))
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn tenant_settings_changed(self, settings: &TenantSettings) -> Result<(), StoreError> {
        sqlx::query("update tenant set version = $3, settings = $4 where tenant_id = $1 and generation = $2")
            .bind(self.at.tenant_id.0)
            .bind(self.generation.number())
            .bind(self.at.version.0)
            .bind(Json(settings))
            .execute(self.conn)
            .await?;
        Ok(())
    }

    async fn tenant_limits_set(self, limits: &TenantLimits) -> Result<(), StoreError> {
        sqlx::query(
            "update tenant set version = $3, limits = $4 where tenant_id = $1 and generation = $2",
        )
        .bind(self.at.tenant_id.0)
        .bind(self.generation.number())
        .bind(self.at.version.0)
        .bind(Json(limits))
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn key_pair_created(self, key: &NewKeyPair<'_>) -> Result<(), StoreError> {
        self.statement(
            "insert into key_pair (tenant_id, generation, key_pair_id, created_seq, name, public_key, private_key_hash, \
             private_key_hint, secret_version, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(self.at.tenant_seq.0)
        .bind(key.name)
        .bind(key.public_key.as_str())
        .bind(key.private_key_hash.0)
        .bind(key.private_key_hint)
        .bind(key.private_key.version.0)
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn key_pair_revoked(self) -> Result<(), StoreError> {
        self.statement("update key_pair set revoked_at = $4 where tenant_id = $1 and generation = $2 and key_pair_id = $3")
            .bind(self.at.recorded_at)
            .execute(self.conn)
            .await?;
        Ok(())
    }

    async fn origin_created(
        self,
        settings: &OriginSettings,
        credentials: Option<&SecretRef>,
    ) -> Result<(), StoreError> {
        let origin_no = self.number()?;
        self.statement(
            "insert into origin (tenant_id, generation, origin_id, origin_no, version, settings, secret_version, updated_at, deleted) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, false)",
        )
        .bind(origin_no)
        .bind(self.at.version.0)
        .bind(Json(settings))
        .bind(credentials.map(|secret| secret.version.0))
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn origin_replaced(
        self,
        settings: &OriginSettings,
        credentials: Option<&SecretRef>,
    ) -> Result<(), StoreError> {
        self.statement(
            "update origin set version = $4, settings = $5, secret_version = $6, updated_at = $7 \
             where tenant_id = $1 and generation = $2 and origin_id = $3",
        )
        .bind(self.at.version.0)
        .bind(Json(settings))
        .bind(credentials.map(|secret| secret.version.0))
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn origin_deleted(self) -> Result<(), StoreError> {
        self.statement(
            "update origin set version = $4, updated_at = $5, secret_version = null, deleted = true \
             where tenant_id = $1 and generation = $2 and origin_id = $3",
        )
        .bind(self.at.version.0)
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn url_endpoint_created(
        self,
        is_default: bool,
        settings: &UrlEndpointSettings,
    ) -> Result<(), StoreError> {
        let url_endpoint_no = self.number()?;
        self.statement(
            "insert into url_endpoint (tenant_id, generation, url_endpoint_id, url_endpoint_no, version, is_default, url_prefix, \
             settings, updated_at, deleted) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, false)",
        )
        .bind(url_endpoint_no)
        .bind(self.at.version.0)
        .bind(is_default)
        .bind(settings.url_prefix.as_str())
        .bind(Json(settings))
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn url_endpoint_replaced(self, settings: &UrlEndpointSettings) -> Result<(), StoreError> {
        self.statement(
            "update url_endpoint set version = $4, url_prefix = $5, settings = $6, updated_at = $7 \
             where tenant_id = $1 and generation = $2 and url_endpoint_id = $3",
        )
        .bind(self.at.version.0)
        .bind(settings.url_prefix.as_str())
        .bind(Json(settings))
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn origin_attached(self, origin_id: OriginId) -> Result<(), StoreError> {
        self.statement(
            "update url_endpoint set version = $4, updated_at = $5, \
             settings = jsonb_set(settings, '{origins}', settings -> 'origins' || to_jsonb($6::text)) \
             where tenant_id = $1 and generation = $2 and url_endpoint_id = $3",
        )
        .bind(self.at.version.0)
        .bind(self.at.recorded_at)
        .bind(origin_id.to_string())
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn url_endpoint_deleted(mut self) -> Result<(), StoreError> {
        self.forget_custom_domains().await?;
        self.statement(
            "update url_endpoint set version = $4, updated_at = $5, deleted = true \
             where tenant_id = $1 and generation = $2 and url_endpoint_id = $3",
        )
        .bind(self.at.version.0)
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn custom_domains_set(mut self, domains: &[CustomDomain]) -> Result<(), StoreError> {
        self.forget_custom_domains().await?;
        let names: Vec<&str> = domains.iter().map(CustomDomain::as_str).collect();
        self.statement(
            "insert into custom_domain (tenant_id, generation, url_endpoint_id, domain) \
             select $1, $2, $3, unnest($4::text[])",
        )
        .bind(names)
        .execute(&mut *self.conn)
        .await?;
        self.statement(
            "update url_endpoint set version = $4, updated_at = $5 \
             where tenant_id = $1 and generation = $2 and url_endpoint_id = $3",
        )
        .bind(self.at.version.0)
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn url_endpoint_restricted(self, restrictions: &Restrictions) -> Result<(), StoreError> {
        self.statement(
            "update url_endpoint set version = $4, restrictions = $5, updated_at = $6 \
             where tenant_id = $1 and generation = $2 and url_endpoint_id = $3",
        )
        .bind(self.at.version.0)
        .bind(Json(restrictions))
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn url_endpoint_caching(self, caching: &Caching) -> Result<(), StoreError> {
        self.statement(
            "update url_endpoint set version = $4, caching = $5, updated_at = $6 \
             where tenant_id = $1 and generation = $2 and url_endpoint_id = $3",
        )
        .bind(self.at.version.0)
        .bind(Json(caching))
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn forget_custom_domains(&mut self) -> Result<(), StoreError> {
        self.statement("delete from custom_domain where tenant_id = $1 and generation = $2 and url_endpoint_id = $3")
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }

    async fn named_transformation_created(
        self,
        settings: &NamedTransformationSettings,
    ) -> Result<(), StoreError> {
        self.statement(
            "insert into named_transformation (tenant_id, generation, named_transformation_id, created_seq, version, name, \
             transformation, enabled, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(self.at.tenant_seq.0)
        .bind(self.at.version.0)
        .bind(settings.name.as_str())
        .bind(settings.transformation.as_str())
        .bind(settings.enabled)
        .bind(self.at.recorded_at)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn named_transformation_changed(
        self,
        settings: &NamedTransformationSettings,
    ) -> Result<(), StoreError> {
        self.statement(
            "update named_transformation set version = $4, name = $5, transformation = $6, enabled = $7 \
             where tenant_id = $1 and generation = $2 and named_transformation_id = $3",
        )
        .bind(self.at.version.0)
        .bind(settings.name.as_str())
        .bind(settings.transformation.as_str())
        .bind(settings.enabled)
        .execute(self.conn)
        .await?;
        Ok(())
    }

    async fn named_transformation_deleted(self) -> Result<(), StoreError> {
        self.statement(
            "delete from named_transformation \
             where tenant_id = $1 and generation = $2 and named_transformation_id = $3",
        )
        .execute(self.conn)
        .await?;
        Ok(())
    }

    pub(super) fn statement<'q>(&self, sql: &'static str) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(sql)
            .bind(self.at.tenant_id.0)
            .bind(self.generation.number())
            .bind(self.at.stream_id.0)
    }

    /// The small number of an origin or endpoint: the position of the event that created it.
    fn number(&self) -> Result<i32, StoreError> {
        i32::try_from(self.at.tenant_seq.0)
            .map_err(|_| StoreError::Corrupt("a tenant has over two billion events"))
    }
}
