//! Hints, and what finds out without them.

use std::collections::HashMap;
use std::time::Duration;

use limpid_domain::ids::{OriginId, StreamVersion, TenantId, TenantSeq};
use limpid_event_store::config_listener::ConfigListener;
use limpid_event_store::config_log::append;
use limpid_event_store::{Database, DatabaseOptions};
use limpid_testkit::database::TestCluster;
use tokio::time::timeout;

use crate::{created, fresh, meta};

/// Longer than any test takes: what arrives sooner came by another way.
const NEVER: Duration = Duration::from_hours(1);
const PATIENCE: Duration = Duration::from_secs(30);

async fn tenant_with_one_event(database: &Database) -> TenantId {
    let mut tx = database.new_tenant_tx().await.unwrap();
    let events = [created("a").into()];
    append(
        &mut tx,
        OriginId::mint().into(),
        StreamVersion(0),
        &events,
        &meta(),
    )
    .await
    .unwrap();
    let tenant = tx.tenant_id();
    tx.commit().await.unwrap();
    tenant
}

async fn append_more(database: &Database, tenant: TenantId) {
    let mut tx = database.tenant_tx(tenant).await.unwrap();
    let events = [created("b").into()];
    append(
        &mut tx,
        OriginId::mint().into(),
        StreamVersion(0),
        &events,
        &meta(),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

type Known = HashMap<TenantId, TenantSeq>;

async fn changed(listener: &mut ConfigListener, known: &Known) -> Known {
    timeout(PATIENCE, listener.changed(known)).await.unwrap()
}

#[tokio::test]
async fn the_first_look_reports_every_tenant_and_a_hint_every_change() {
    let (_test, database) = fresh().await;
    let tenant = tenant_with_one_event(&database).await;
    let mut listener = ConfigListener::new(database.clone(), NEVER);
    let known = changed(&mut listener, &Known::new()).await;
    assert_eq!(known, Known::from([(tenant, TenantSeq(1))]));

    append_more(&database, tenant).await;
    let newer = changed(&mut listener, &known).await;
    assert_eq!(newer, Known::from([(tenant, TenantSeq(2))]));
}

#[tokio::test]
async fn a_change_without_a_hint_is_found_by_the_sweep() {
    let (_test, database) = fresh().await;
    let tenant = tenant_with_one_event(&database).await;
    let mut listener = ConfigListener::new(database.clone(), Duration::from_millis(20));
    let known = changed(&mut listener, &Known::new()).await;

    let mut owner = database.owner_tx().await.unwrap();
    sqlx::query("update tenant_head set last_seq = last_seq + 1, changed_at = clock_timestamp()")
        .execute(&mut *owner)
        .await
        .unwrap();
    owner.commit().await.unwrap();
    let newer = changed(&mut listener, &known).await;
    assert_eq!(newer, Known::from([(tenant, TenantSeq(2))]));
}

#[tokio::test]
async fn a_tenant_is_reported_again_until_the_caller_has_caught_up() {
    let (_test, database) = fresh().await;
    let tenant = tenant_with_one_event(&database).await;
    let mut listener = ConfigListener::new(database.clone(), Duration::from_millis(20));
    let first = changed(&mut listener, &Known::new()).await;
    let again = changed(&mut listener, &Known::new()).await;
    assert_eq!(first, again);
    let nothing = timeout(Duration::from_millis(200), listener.changed(&first)).await;
    assert!(
        nothing.is_err(),
        "nothing is reported to who knows it: {tenant} {nothing:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_during_an_outage_is_reported_after_it() {
    let mut cluster = TestCluster::start();
    Database::migrate(cluster.url()).await.unwrap();
    let options = DatabaseOptions {
        acquire_timeout: Duration::from_millis(300),
        ..DatabaseOptions::default()
    };
    let database = Database::connect(cluster.url(), &options).await.unwrap();
    let tenant = tenant_with_one_event(&database).await;
    let mut listener = ConfigListener::new(database.clone(), NEVER);
    let known = changed(&mut listener, &Known::new()).await;

    cluster.crash();
    let during = timeout(Duration::from_millis(500), listener.changed(&known)).await;
    assert!(during.is_err());
    cluster.restart();
    // Through a pool of its own, while the listener's connection is still broken: its hint is lost.
    let other = Database::connect(cluster.url(), &DatabaseOptions::default())
        .await
        .unwrap();
    append_more(&other, tenant).await;
    let newer = changed(&mut listener, &known).await;
    assert_eq!(newer, Known::from([(tenant, TenantSeq(2))]));
}
