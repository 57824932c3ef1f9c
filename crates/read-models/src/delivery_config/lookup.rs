//! Point reads: who has this key, which origins are there. Lookups across tenants take a [`Database`], all others the
//! tenant's own transaction.

use chrono::{DateTime, Utc};
use limpid_domain::caching::Caching;
use limpid_domain::ids::{
    ImagekitId, KeyPairId, OriginId, OriginNo, StreamVersion, TenantId, UrlEndpointId,
    UrlEndpointNo,
};
use limpid_domain::key_pair::{KeyHash, PublicKey};
use limpid_domain::origin::OriginSettings;
use limpid_domain::restrictions::Restrictions;
use limpid_domain::tenant::{TenantLifecycle, TenantLimits, TenantSettings};
use limpid_domain::url_endpoint::{CustomDomain, UrlEndpointName, UrlEndpointSettings};
use limpid_event_store::{Database, StoreError, TenantTx};
use sqlx::types::Json;
use uuid::Uuid;

use super::{KeyPairView, OriginView, TenantView, UrlEndpointConfig};

/// Whose private key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPairOwner {
    /// Whose.
    pub tenant_id: TenantId,
    /// The tenant's public name.
    pub imagekit_id: ImagekitId,
    /// Whether the tenant is served.
    pub lifecycle: TenantLifecycle,
    /// Which pair.
    pub key_pair_id: KeyPairId,
    /// Its public half: what the log calls the actor.
    pub public_key: PublicKey,
    /// A revoked pair is known, so that its key is "expired" rather than "wrong".
    pub revoked: bool,
}

/// Where a custom domain is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainUse {
    /// The domain.
    pub domain: CustomDomain,
    /// The endpoint.
    pub url_endpoint_id: UrlEndpointId,
}

/// Finds the owner of a private key.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn find_by_private_key(
    database: &Database,
    hash: KeyHash,
) -> Result<Option<KeyPairOwner>, StoreError> {
    let mut conn = database.service().await?;
    let row: Option<OwnerRow> = sqlx::query_as(
        "select t.tenant_id, t.imagekit_id, t.lifecycle, k.key_pair_id, k.public_key, k.revoked_at is not null as revoked \
         from key_pair k join tenant t on t.tenant_id = k.tenant_id and t.generation = 0 \
         where k.private_key_hash = $1 and k.generation = 0",
    )
    .bind(hash.0)
    .fetch_optional(&mut *conn)
    .await?;
    row.map(KeyPairOwner::try_from).transpose()
}

/// Finds a tenant by its public name.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn tenant_by_imagekit_id(
    database: &Database,
    id: &ImagekitId,
) -> Result<Option<TenantView>, StoreError> {
    let mut conn = database.service().await?;
    let row: Option<TenantRow> = sqlx::query_as(
        "select tenant_id, imagekit_id, name, lifecycle, version, settings, limits, created_at from tenant \
         where imagekit_id = $1 and generation = 0",
    )
    .bind(id.as_str())
    .fetch_optional(&mut *conn)
    .await?;
    row.map(TenantView::try_from).transpose()
}

/// At most `limit` tenants, without erased ones, whose public name sorts after `after`, by name.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn tenants(
    database: &Database,
    after: Option<&ImagekitId>,
    limit: u32,
) -> Result<Vec<TenantView>, StoreError> {
    let mut conn = database.service().await?;
    // Bytewise, whatever the database's collation: the same order everywhere.
    let rows: Vec<TenantRow> = sqlx::query_as(
        "select tenant_id, imagekit_id, name, lifecycle, version, settings, limits, created_at from tenant \
         where generation = 0 and lifecycle <> 'erased' and imagekit_id collate \"C\" > $1 order by imagekit_id collate \"C\" limit $2",
    )
    .bind(after.map_or("", ImagekitId::as_str))
    .bind(i64::from(limit))
    .fetch_all(&mut *conn)
    .await?;
    rows.into_iter().map(TenantView::try_from).collect()
}

/// Whether some tenant has this public name.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn imagekit_id_is_taken(
    database: &Database,
    id: &ImagekitId,
) -> Result<bool, StoreError> {
    Ok(tenant_by_imagekit_id(database, id).await?.is_some())
}

/// The tenant itself.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn tenant(tx: &mut TenantTx) -> Result<Option<TenantView>, StoreError> {
    let row: Option<TenantRow> = sqlx::query_as(
        "select tenant_id, imagekit_id, name, lifecycle, version, settings, limits, created_at from tenant \
         where tenant_id = $1 and generation = 0",
    )
    .bind(tx.tenant_id().0)
    .fetch_optional(tx.as_conn())
    .await?;
    row.map(TenantView::try_from).transpose()
}

/// The tenant's key pairs, revoked ones included, oldest first.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn key_pairs(tx: &mut TenantTx) -> Result<Vec<KeyPairView>, StoreError> {
    let rows: Vec<KeyPairRow> = sqlx::query_as(
        "select key_pair_id, name, public_key, private_key_hint, created_at, revoked_at from key_pair \
         where tenant_id = $1 and generation = 0 order by created_seq",
    )
    .bind(tx.tenant_id().0)
    .fetch_all(tx.as_conn())
    .await?;
    rows.into_iter().map(KeyPairView::try_from).collect()
}

/// One of the tenant's key pairs.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn key_pair(tx: &mut TenantTx, id: KeyPairId) -> Result<Option<KeyPairView>, StoreError> {
    let pairs = key_pairs(tx).await?;
    Ok(pairs.into_iter().find(|pair| pair.id == id))
}

/// The tenant's origins, deleted ones included, oldest first.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn origins(tx: &mut TenantTx) -> Result<Vec<OriginView>, StoreError> {
    let rows: Vec<OriginRow> = sqlx::query_as(
        "select origin_no, origin_id, version, settings, updated_at, deleted from origin \
         where tenant_id = $1 and generation = 0 order by origin_no",
    )
    .bind(tx.tenant_id().0)
    .fetch_all(tx.as_conn())
    .await?;
    Ok(rows.into_iter().map(OriginView::from).collect())
}

/// One of the tenant's origins, deleted or not.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn origin(tx: &mut TenantTx, id: OriginId) -> Result<Option<OriginView>, StoreError> {
    let row: Option<OriginRow> = sqlx::query_as(
        "select origin_no, origin_id, version, settings, updated_at, deleted from origin \
         where tenant_id = $1 and generation = 0 and origin_id = $2",
    )
    .bind(tx.tenant_id().0)
    .bind(id.0)
    .fetch_optional(tx.as_conn())
    .await?;
    Ok(row.map(OriginView::from))
}

/// The tenant's URL endpoints, deleted ones included, oldest (the default one) first.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn url_endpoints(tx: &mut TenantTx) -> Result<Vec<UrlEndpointConfig>, StoreError> {
    let rows: Vec<UrlEndpointRow> = sqlx::query_as(
        "select url_endpoint_no, url_endpoint_id, version, is_default, settings, restrictions, caching, updated_at, deleted from url_endpoint \
         where tenant_id = $1 and generation = 0 order by url_endpoint_no",
    )
    .bind(tx.tenant_id().0)
    .fetch_all(tx.as_conn())
    .await?;
    Ok(rows.into_iter().map(UrlEndpointConfig::from).collect())
}

/// One of the tenant's URL endpoints, deleted or not.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn url_endpoint(
    tx: &mut TenantTx,
    name: UrlEndpointName,
) -> Result<Option<UrlEndpointConfig>, StoreError> {
    let id = match name {
        UrlEndpointName::Default => None,
        UrlEndpointName::Id(id) => Some(id.0),
    };
    let row: Option<UrlEndpointRow> = sqlx::query_as(
        "select url_endpoint_no, url_endpoint_id, version, is_default, settings, restrictions, caching, updated_at, deleted from url_endpoint \
         where tenant_id = $1 and generation = 0 and (url_endpoint_id = $2 or $2 is null and is_default)",
    )
    .bind(tx.tenant_id().0)
    .bind(id)
    .fetch_optional(tx.as_conn())
    .await?;
    Ok(row.map(UrlEndpointConfig::from))
}

/// Descriptions of the URL endpoints that list an origin.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn endpoints_using(tx: &mut TenantTx, id: OriginId) -> Result<Vec<String>, StoreError> {
    let endpoints = url_endpoints(tx).await?;
    let using = endpoints
        .into_iter()
        .filter(|endpoint| !endpoint.deleted && endpoint.settings.origins.contains(&id));
    Ok(using
        .map(|endpoint| endpoint.settings.description)
        .collect())
}

/// The tenant's custom domains, by name, with the endpoint each is bound to.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn custom_domains(tx: &mut TenantTx) -> Result<Vec<DomainUse>, StoreError> {
    let rows: Vec<(String, Uuid)> = sqlx::query_as(
        "select domain, url_endpoint_id from custom_domain where tenant_id = $1 and generation = 0 order by domain",
    )
    .bind(tx.tenant_id().0)
    .fetch_all(tx.as_conn())
    .await?;
    rows.into_iter()
        .map(|(domain, id)| {
            Ok(DomainUse {
                domain: domain
                    .parse()
                    .map_err(|_| StoreError::Corrupt("a stored custom domain is malformed"))?,
                url_endpoint_id: UrlEndpointId(id),
            })
        })
        .collect()
}

#[derive(sqlx::FromRow)]
struct OwnerRow {
    tenant_id: i64,
    imagekit_id: String,
    lifecycle: String,
    key_pair_id: Uuid,
    public_key: String,
    revoked: bool,
}

impl TryFrom<OwnerRow> for KeyPairOwner {
    type Error = StoreError;

    fn try_from(row: OwnerRow) -> Result<Self, StoreError> {
        Ok(Self {
            tenant_id: TenantId(row.tenant_id),
            imagekit_id: imagekit_id(row.imagekit_id)?,
            lifecycle: lifecycle(&row.lifecycle)?,
            key_pair_id: KeyPairId(row.key_pair_id),
            public_key: public_key(row.public_key)?,
            revoked: row.revoked,
        })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct TenantRow {
    pub(super) tenant_id: i64,
    imagekit_id: String,
    name: String,
    lifecycle: String,
    version: i32,
    settings: Json<TenantSettings>,
    limits: Json<TenantLimits>,
    created_at: DateTime<Utc>,
}

impl TryFrom<TenantRow> for TenantView {
    type Error = StoreError;

    fn try_from(row: TenantRow) -> Result<Self, StoreError> {
        Ok(Self {
            tenant_id: TenantId(row.tenant_id),
            imagekit_id: imagekit_id(row.imagekit_id)?,
            name: row.name,
            lifecycle: lifecycle(&row.lifecycle)?,
            version: StreamVersion(row.version),
            settings: row.settings.0,
            limits: row.limits.0,
            created_at: row.created_at,
        })
    }
}

#[derive(sqlx::FromRow)]
struct KeyPairRow {
    key_pair_id: Uuid,
    name: String,
    public_key: String,
    private_key_hint: String,
    created_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

impl TryFrom<KeyPairRow> for KeyPairView {
    type Error = StoreError;

    fn try_from(row: KeyPairRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: KeyPairId(row.key_pair_id),
            name: row.name,
            public_key: public_key(row.public_key)?,
            private_key_hint: row.private_key_hint,
            created_at: row.created_at,
            revoked_at: row.revoked_at,
        })
    }
}

#[derive(sqlx::FromRow)]
struct OriginRow {
    origin_no: i32,
    origin_id: Uuid,
    version: i32,
    settings: Json<OriginSettings>,
    updated_at: DateTime<Utc>,
    deleted: bool,
}

impl From<OriginRow> for OriginView {
    fn from(row: OriginRow) -> Self {
        Self {
            no: OriginNo(row.origin_no),
            id: OriginId(row.origin_id),
            version: StreamVersion(row.version),
            settings: row.settings.0,
            updated_at: row.updated_at,
            deleted: row.deleted,
        }
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct UrlEndpointRow {
    url_endpoint_no: i32,
    url_endpoint_id: Uuid,
    version: i32,
    is_default: bool,
    settings: Json<UrlEndpointSettings>,
    restrictions: Json<Restrictions>,
    caching: Json<Caching>,
    updated_at: DateTime<Utc>,
    deleted: bool,
}

impl From<UrlEndpointRow> for UrlEndpointConfig {
    fn from(row: UrlEndpointRow) -> Self {
        Self {
            no: UrlEndpointNo(row.url_endpoint_no),
            id: UrlEndpointId(row.url_endpoint_id),
            version: StreamVersion(row.version),
            is_default: row.is_default,
            settings: row.settings.0,
            restrictions: row.restrictions.0,
            caching: row.caching.0,
            updated_at: row.updated_at,
            deleted: row.deleted,
        }
    }
}

pub(super) fn public_key(text: String) -> Result<PublicKey, StoreError> {
    PublicKey::try_from(text).map_err(|_| StoreError::Corrupt("a stored public key is malformed"))
}

fn imagekit_id(text: String) -> Result<ImagekitId, StoreError> {
    ImagekitId::try_from(text).map_err(|_| StoreError::Corrupt("a stored imagekit id is malformed"))
}

fn lifecycle(text: &str) -> Result<TenantLifecycle, StoreError> {
    TenantLifecycle::from_name(text)
        .ok_or(StoreError::Corrupt("a stored tenant lifecycle is unknown"))
}
