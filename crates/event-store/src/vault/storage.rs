//! Sealed secrets in their table.

use std::collections::HashMap;

use limpid_domain::ids::{StreamId, StreamVersion, TenantId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{KekId, SealedSecret, SecretAddress, Vault};
use crate::database::TenantTx;
use crate::error::StoreError;

/// How many secrets a key wraps. A retired key may leave the ring when it wraps none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KekUse {
    /// The key.
    pub kek_id: KekId,
    /// Secrets wrapped by it.
    pub secrets: i64,
}

/// Stores a sealed secret.
///
/// Errors: [`StoreError::Taken`] if its place is taken, [`StoreError::Unavailable`].
pub async fn put(
    tx: &mut TenantTx,
    stream_id: StreamId,
    version: StreamVersion,
    sealed: &SealedSecret,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into sealed_secret (tenant_id, stream_id, version, kek_id, wrapped_dek, nonce, ciphertext) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tx.tenant_id().0)
    .bind(stream_id.0)
    .bind(version.0)
    .bind(sealed.kek_id.0)
    .bind(&sealed.wrapped_dek)
    .bind(&sealed.nonce)
    .bind(&sealed.ciphertext)
    .execute(tx.as_conn())
    .await?;
    Ok(())
}

/// One sealed secret.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn fetch(
    conn: &mut PgConnection,
    address: SecretAddress,
) -> Result<Option<SealedSecret>, StoreError> {
    let row: Option<SecretRow> = sqlx::query_as(
        "select tenant_id, stream_id, version, kek_id, wrapped_dek, nonce, ciphertext from sealed_secret \
         where tenant_id = $1 and stream_id = $2 and version = $3",
    )
    .bind(address.tenant_id.0)
    .bind(address.stream_id.0)
    .bind(address.version.0)
    .fetch_optional(conn)
    .await?;
    row.map(|row| row.split().map(|(_, sealed)| sealed))
        .transpose()
}

/// The sealed secrets of some tenants, or of all.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn fetch_all(
    conn: &mut PgConnection,
    tenants: Option<&[TenantId]>,
) -> Result<HashMap<SecretAddress, SealedSecret>, StoreError> {
    let tenants: Option<Vec<i64>> = tenants.map(|ids| ids.iter().map(|id| id.0).collect());
    let rows: Vec<SecretRow> = sqlx::query_as(
        "select tenant_id, stream_id, version, kek_id, wrapped_dek, nonce, ciphertext from sealed_secret \
         where $1::bigint[] is null or tenant_id = any($1)",
    )
    .bind(tenants)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(SecretRow::split).collect()
}

/// Destroys the older versions of a stream's secret and keeps the newest ones.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn keep_newest_versions(
    tx: &mut TenantTx,
    stream_id: StreamId,
    kept: u8,
) -> Result<(), StoreError> {
    sqlx::query(
        "delete from sealed_secret where tenant_id = $1 and stream_id = $2 and version not in (
           select version from sealed_secret where tenant_id = $1 and stream_id = $2 order by version desc limit $3)",
    )
    .bind(tx.tenant_id().0)
    .bind(stream_id.0)
    .bind(i64::from(kept))
    .execute(tx.as_conn())
    .await?;
    Ok(())
}

/// Destroys every version of a stream's secret.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn remove_stream(tx: &mut TenantTx, stream_id: StreamId) -> Result<(), StoreError> {
    sqlx::query("delete from sealed_secret where tenant_id = $1 and stream_id = $2")
        .bind(tx.tenant_id().0)
        .bind(stream_id.0)
        .execute(tx.as_conn())
        .await?;
    Ok(())
}

/// Destroys every secret of the tenant.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn remove_tenant(tx: &mut TenantTx) -> Result<u64, StoreError> {
    let removed = sqlx::query("delete from sealed_secret where tenant_id = $1")
        .bind(tx.tenant_id().0)
        .execute(tx.as_conn())
        .await?;
    Ok(removed.rows_affected())
}

/// Puts every secret of a tenant under the active key and says how many were not.
///
/// Errors: [`StoreError::Vault`] if one does not open, [`StoreError::Unavailable`].
pub async fn rewrap_tenant(tx: &mut TenantTx, vault: &Vault) -> Result<u64, StoreError> {
    let tenant_id = tx.tenant_id();
    let secrets = fetch_all(tx.as_conn(), Some(&[tenant_id])).await?;
    let mut rewrapped = 0;
    for (address, sealed) in secrets {
        if sealed.kek_id == vault.active_kek() {
            continue;
        }
        let fresh = vault.rewrap(address, &sealed)?;
        sqlx::query(
            "update sealed_secret set kek_id = $4, wrapped_dek = $5 \
             where tenant_id = $1 and stream_id = $2 and version = $3",
        )
        .bind(tenant_id.0)
        .bind(address.stream_id.0)
        .bind(address.version.0)
        .bind(fresh.kek_id.0)
        .bind(&fresh.wrapped_dek)
        .execute(tx.as_conn())
        .await?;
        rewrapped += 1;
    }
    Ok(rewrapped)
}

/// Which keys wrap how many secrets, across tenants.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn kek_use(conn: &mut PgConnection) -> Result<Vec<KekUse>, StoreError> {
    let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(
        "select kek_id, count(*) from sealed_secret group by kek_id order by kek_id",
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|(id, secrets)| {
            Ok(KekUse {
                kek_id: kek_id(id)?,
                secrets,
            })
        })
        .collect()
}

#[derive(sqlx::FromRow)]
struct SecretRow {
    tenant_id: i64,
    stream_id: Uuid,
    version: i32,
    kek_id: Vec<u8>,
    wrapped_dek: Vec<u8>,
    nonce: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl SecretRow {
    fn split(self) -> Result<(SecretAddress, SealedSecret), StoreError> {
        let address = SecretAddress {
            tenant_id: TenantId(self.tenant_id),
            stream_id: StreamId(self.stream_id),
            version: StreamVersion(self.version),
        };
        let sealed = SealedSecret {
            kek_id: kek_id(self.kek_id)?,
            wrapped_dek: self.wrapped_dek,
            nonce: self.nonce,
            ciphertext: self.ciphertext,
        };
        Ok((address, sealed))
    }
}

fn kek_id(bytes: Vec<u8>) -> Result<KekId, StoreError> {
    <[u8; 8]>::try_from(bytes)
        .map(KekId)
        .map_err(|_| StoreError::Corrupt("a key id is not 8 bytes long"))
}
