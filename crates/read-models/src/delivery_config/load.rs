//! Reads tenants as serving holds them: everything at one moment, secrets opened.

use std::collections::HashMap;
use std::hash::BuildHasher;

use limpid_domain::ids::{
    KeyPairId, OriginId, OriginNo, StreamId, StreamVersion, TenantId, TenantSeq, UrlEndpointId,
};
use limpid_domain::origin::{OriginCredentials, OriginSettings};
use limpid_event_store::vault::{self, SealedSecret, SecretAddress, Vault};
use limpid_event_store::{Database, StoreError, config_log};
use secrecy::SecretString;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::lookup::{TenantRow, UrlEndpointRow, public_key};
use super::named_transformations::NamedTransformationRow;
use super::{
    KeyPairConfig, NamedTransformationConfig, OriginConfig, TenantConfig, TenantView,
    UrlEndpointConfig,
};

/// One tenant, or `None` where there is no such tenant.
///
/// A secret that does not open is logged and left out (a key pair) or marked [`OriginCredentials::Unreadable`]: one damaged row
/// must not take a tenant, or all of them, off the air.
///
/// Errors: [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn load_tenant(
    database: &Database,
    vault: &Vault,
    tenant_id: TenantId,
) -> Result<Option<TenantConfig>, StoreError> {
    let mut configs = load(database, vault, Some(&[tenant_id])).await?;
    Ok(configs.pop())
}

/// Every tenant. As [`load_tenant`] otherwise.
///
/// Errors: [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn load_all(database: &Database, vault: &Vault) -> Result<Vec<TenantConfig>, StoreError> {
    load(database, vault, None).await
}

/// Every tenant that has come further than the caller knows, with how far.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn changed_since<S: BuildHasher + Sync>(
    database: &Database,
    known: &HashMap<TenantId, TenantSeq, S>,
) -> Result<HashMap<TenantId, TenantSeq>, StoreError> {
    let heads = config_log::heads(database).await?;
    let newer = heads
        .into_iter()
        .filter(|head| head.last_seq > known.get(&head.tenant_id).copied().unwrap_or(TenantSeq(0)));
    Ok(newer.map(|head| (head.tenant_id, head.last_seq)).collect())
}

async fn load(
    database: &Database,
    vault: &Vault,
    tenants: Option<&[TenantId]>,
) -> Result<Vec<TenantConfig>, StoreError> {
    let mut tx = database.snapshot_tx().await?;
    let wanted: Option<Vec<i64>> = tenants.map(|ids| ids.iter().map(|id| id.0).collect());
    let mut configs = tenants_at(&mut tx, wanted.as_deref()).await?;
    let secrets = Secrets {
        vault,
        sealed: vault::fetch_all(&mut tx, tenants).await?,
    };
    add_key_pairs(&mut tx, wanted.as_deref(), &secrets, &mut configs).await?;
    add_origins(&mut tx, wanted.as_deref(), &secrets, &mut configs).await?;
    add_endpoints(&mut tx, wanted.as_deref(), &mut configs).await?;
    add_domains(&mut tx, wanted.as_deref(), &mut configs).await?;
    add_named_transformations(&mut tx, wanted.as_deref(), &mut configs).await?;
    tx.commit().await?;
    let mut configs: Vec<TenantConfig> = configs.into_values().collect();
    configs.sort_by_key(|config| config.tenant_id);
    Ok(configs)
}

type Configs = HashMap<i64, TenantConfig>;

#[derive(sqlx::FromRow)]
struct TenantWithHead {
    #[sqlx(flatten)]
    tenant: TenantRow,
    last_seq: i64,
}

async fn tenants_at(
    conn: &mut PgConnection,
    wanted: Option<&[i64]>,
) -> Result<Configs, StoreError> {
    let rows: Vec<TenantWithHead> = sqlx::query_as(
        "select t.tenant_id, t.imagekit_id, t.name, t.lifecycle, t.version, t.settings, t.limits, t.created_at, h.last_seq \
         from tenant t join tenant_head h on h.tenant_id = t.tenant_id \
         where t.generation = 0 and ($1::bigint[] is null or t.tenant_id = any($1))",
    )
    .bind(wanted)
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let view = TenantView::try_from(row.tenant)?;
            let config = TenantConfig {
                tenant_id: view.tenant_id,
                imagekit_id: view.imagekit_id,
                lifecycle: view.lifecycle,
                config_version: TenantSeq(row.last_seq),
                settings: view.settings,
                limits: view.limits,
                key_pairs: Vec::new(),
                endpoints: Vec::new(),
                origins: HashMap::new(),
                custom_domains: HashMap::new(),
                named_transformations: Vec::new(),
            };
            Ok((view.tenant_id.0, config))
        })
        .collect()
}

async fn add_key_pairs(
    conn: &mut PgConnection,
    wanted: Option<&[i64]>,
    secrets: &Secrets<'_>,
    configs: &mut Configs,
) -> Result<(), StoreError> {
    let rows: Vec<(i64, Uuid, String, i32)> = sqlx::query_as(
        "select tenant_id, key_pair_id, public_key, secret_version from key_pair \
         where generation = 0 and revoked_at is null and ($1::bigint[] is null or tenant_id = any($1)) \
         order by tenant_id, created_seq",
    )
    .bind(wanted)
    .fetch_all(conn)
    .await?;
    for (tenant_id, id, key, version) in rows {
        let id = KeyPairId(id);
        let opened = secrets.open(address(tenant_id, id.into(), version));
        let text = opened.and_then(|opened| String::from_utf8(opened.to_vec()).ok());
        if let (Some(config), Some(text)) = (configs.get_mut(&tenant_id), text) {
            config.key_pairs.push(KeyPairConfig {
                id,
                public_key: public_key(key)?,
                private_key: SecretString::from(text),
            });
        }
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct OriginRow {
    tenant_id: i64,
    origin_no: i32,
    origin_id: Uuid,
    version: i32,
    settings: Json<OriginSettings>,
    secret_version: Option<i32>,
}

async fn add_origins(
    conn: &mut PgConnection,
    wanted: Option<&[i64]>,
    secrets: &Secrets<'_>,
    configs: &mut Configs,
) -> Result<(), StoreError> {
    let rows: Vec<OriginRow> = sqlx::query_as(
        "select tenant_id, origin_no, origin_id, version, settings, secret_version from origin \
         where generation = 0 and not deleted and ($1::bigint[] is null or tenant_id = any($1))",
    )
    .bind(wanted)
    .fetch_all(conn)
    .await?;
    for row in rows {
        let id = OriginId(row.origin_id);
        let credentials = match row.secret_version {
            None => OriginCredentials::None,
            Some(version) => secrets.credentials(address(row.tenant_id, id.into(), version)),
        };
        if let Some(config) = configs.get_mut(&row.tenant_id) {
            let origin = OriginConfig {
                no: OriginNo(row.origin_no),
                id,
                version: StreamVersion(row.version),
                settings: row.settings.0,
                credentials,
            };
            config.origins.insert(id, origin);
        }
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct OwnedUrlEndpointRow {
    tenant_id: i64,
    #[sqlx(flatten)]
    endpoint: UrlEndpointRow,
}

async fn add_endpoints(
    conn: &mut PgConnection,
    wanted: Option<&[i64]>,
    configs: &mut Configs,
) -> Result<(), StoreError> {
    let rows: Vec<OwnedUrlEndpointRow> = sqlx::query_as(
        "select tenant_id, url_endpoint_no, url_endpoint_id, version, is_default, settings, restrictions, caching, updated_at, deleted \
         from url_endpoint where generation = 0 and not deleted and ($1::bigint[] is null or tenant_id = any($1)) \
         order by tenant_id, url_endpoint_no",
    )
    .bind(wanted)
    .fetch_all(conn)
    .await?;
    for row in rows {
        if let Some(config) = configs.get_mut(&row.tenant_id) {
            config.endpoints.push(UrlEndpointConfig::from(row.endpoint));
        }
    }
    Ok(())
}

async fn add_domains(
    conn: &mut PgConnection,
    wanted: Option<&[i64]>,
    configs: &mut Configs,
) -> Result<(), StoreError> {
    let rows: Vec<(i64, String, Uuid)> = sqlx::query_as(
        "select tenant_id, domain, url_endpoint_id from custom_domain \
         where generation = 0 and ($1::bigint[] is null or tenant_id = any($1))",
    )
    .bind(wanted)
    .fetch_all(conn)
    .await?;
    for (tenant_id, domain, endpoint) in rows {
        let domain = domain
            .parse()
            .map_err(|_| StoreError::Corrupt("a stored custom domain is malformed"))?;
        if let Some(config) = configs.get_mut(&tenant_id) {
            config
                .custom_domains
                .insert(domain, UrlEndpointId(endpoint));
        }
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct OwnedNamedTransformationRow {
    tenant_id: i64,
    #[sqlx(flatten)]
    named: NamedTransformationRow,
}

async fn add_named_transformations(
    conn: &mut PgConnection,
    wanted: Option<&[i64]>,
    configs: &mut Configs,
) -> Result<(), StoreError> {
    let rows: Vec<OwnedNamedTransformationRow> = sqlx::query_as(
        "select tenant_id, named_transformation_id, version, name, transformation, enabled, created_at \
         from named_transformation where generation = 0 and ($1::bigint[] is null or tenant_id = any($1)) \
         order by tenant_id, created_seq",
    )
    .bind(wanted)
    .fetch_all(conn)
    .await?;
    for row in rows {
        if let Some(config) = configs.get_mut(&row.tenant_id) {
            let named = NamedTransformationConfig::from(row.named);
            config.named_transformations.push(named);
        }
    }
    Ok(())
}

fn address(tenant_id: i64, stream_id: StreamId, version: i32) -> SecretAddress {
    SecretAddress {
        tenant_id: TenantId(tenant_id),
        stream_id,
        version: StreamVersion(version),
    }
}

struct Secrets<'a> {
    vault: &'a Vault,
    sealed: HashMap<SecretAddress, SealedSecret>,
}

impl Secrets<'_> {
    fn open(&self, address: SecretAddress) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        let Some(sealed) = self.sealed.get(&address) else {
            tracing::error!(tenant_id = %address.tenant_id, stream_id = %address.stream_id, "a sealed secret is missing");
            return None;
        };
        match self.vault.open(address, sealed) {
            Ok(opened) => Some(opened),
            Err(error) => {
                tracing::error!(
                    tenant_id = %address.tenant_id,
                    stream_id = %address.stream_id,
                    error = &error as &dyn std::error::Error,
                    "a sealed secret can't be used"
                );
                None
            }
        }
    }

    fn credentials(&self, address: SecretAddress) -> OriginCredentials {
        let opened = self.open(address);
        let credentials =
            opened.and_then(|document| OriginCredentials::from_plaintext(&document).ok());
        credentials.unwrap_or(OriginCredentials::Unreadable)
    }
}
