//! Sealed secrets in their table.

use limpid_domain::ids::{OriginId, StreamId, StreamVersion, TenantId};
use limpid_event_store::vault::{self, KeyRing, SecretAddress, Vault};
use limpid_event_store::{Database, TenantTx};

use crate::fresh;

fn at(tenant_id: TenantId, stream_id: StreamId, version: i32) -> SecretAddress {
    SecretAddress {
        tenant_id,
        stream_id,
        version: StreamVersion(version),
    }
}

async fn store(tx: &mut TenantTx, vault: &Vault, stream: StreamId, version: i32) {
    let address = at(tx.tenant_id(), stream, version);
    let sealed = vault
        .seal(address, format!("secret {version}").as_bytes())
        .unwrap();
    vault::put(tx, stream, StreamVersion(version), &sealed)
        .await
        .unwrap();
}

async fn open(database: &Database, vault: &Vault, address: SecretAddress) -> Option<String> {
    let mut conn = database.service().await.unwrap();
    let sealed = vault::fetch(&mut conn, address).await.unwrap()?;
    let opened = vault.open(address, &sealed).unwrap();
    Some(String::from_utf8(opened.to_vec()).unwrap())
}

#[tokio::test]
async fn versions_are_kept_apart_and_destroyed_for_good() {
    let (_test, database) = fresh().await;
    let vault = Vault::new(KeyRing::generate().unwrap());
    let stream: StreamId = OriginId::mint().into();
    let mut tx = database.new_tenant_tx().await.unwrap();
    let tenant = tx.tenant_id();
    store(&mut tx, &vault, stream, 1).await;
    store(&mut tx, &vault, stream, 2).await;
    tx.commit().await.unwrap();
    assert_eq!(
        open(&database, &vault, at(tenant, stream, 1))
            .await
            .unwrap(),
        "secret 1"
    );
    assert_eq!(
        open(&database, &vault, at(tenant, stream, 2))
            .await
            .unwrap(),
        "secret 2"
    );

    let mut tx = database.tenant_tx(tenant).await.unwrap();
    vault::keep_newest_versions(&mut tx, stream, 1)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(open(&database, &vault, at(tenant, stream, 1)).await, None);
    assert!(
        open(&database, &vault, at(tenant, stream, 2))
            .await
            .is_some()
    );

    let mut tx = database.tenant_tx(tenant).await.unwrap();
    vault::remove_stream(&mut tx, stream).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(open(&database, &vault, at(tenant, stream, 2)).await, None);
}

#[tokio::test]
async fn after_a_rotation_every_secret_is_rewrapped_and_the_old_key_is_free() {
    let (_test, database) = fresh().await;
    let old_ring = KeyRing::generate().unwrap();
    let old = Vault::new(old_ring.clone());
    let stream: StreamId = OriginId::mint().into();
    let mut tx = database.new_tenant_tx().await.unwrap();
    let tenant = tx.tenant_id();
    store(&mut tx, &old, stream, 1).await;
    store(&mut tx, &old, stream, 2).await;
    tx.commit().await.unwrap();

    let new = Vault::new(old_ring.rotated().unwrap());
    let mut tx = database.tenant_tx(tenant).await.unwrap();
    assert_eq!(vault::rewrap_tenant(&mut tx, &new).await.unwrap(), 2);
    assert_eq!(vault::rewrap_tenant(&mut tx, &new).await.unwrap(), 0);
    tx.commit().await.unwrap();

    let mut conn = database.service().await.unwrap();
    let usage = vault::kek_use(&mut conn).await.unwrap();
    let by_key: Vec<_> = usage.iter().map(|key| (key.kek_id, key.secrets)).collect();
    assert_eq!(by_key, [(new.active_kek(), 2)]);
    assert_eq!(
        open(&database, &new, at(tenant, stream, 2)).await.unwrap(),
        "secret 2"
    );
}

#[tokio::test]
async fn a_row_copied_to_another_tenant_does_not_open() {
    let (_test, database) = fresh().await;
    let vault = Vault::new(KeyRing::generate().unwrap());
    let stream: StreamId = OriginId::mint().into();
    let mut tx = database.new_tenant_tx().await.unwrap();
    store(&mut tx, &vault, stream, 1).await;
    tx.commit().await.unwrap();
    let thief = database.new_tenant_tx().await.unwrap();
    let thief_id = thief.tenant_id();
    thief.commit().await.unwrap();
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::query(
        "insert into sealed_secret select $1, stream_id, version, kek_id, wrapped_dek, nonce, ciphertext from sealed_secret",
    )
    .bind(thief_id.0)
    .execute(&mut *owner)
    .await
    .unwrap();
    owner.commit().await.unwrap();
    let mut conn = database.service().await.unwrap();
    let stolen = vault::fetch(&mut conn, at(thief_id, stream, 1))
        .await
        .unwrap()
        .unwrap();
    assert!(vault.open(at(thief_id, stream, 1), &stolen).is_err());
}
