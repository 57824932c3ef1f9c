//! Answers to commands: stored with what they answer or not at all, found by their own key only, gone after their time.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::ids::{CommandId, TenantId};
use limpid_event_store::config_log::answers::{
    AnswerKey, AnswerScope, NewAnswer, claim, drop_expired, find, replace, store,
};
use limpid_event_store::{Database, StoreError};

use crate::fresh;

fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn answer(text: &str, minutes: i64) -> NewAnswer {
    NewAnswer {
        command_id: CommandId::mint(),
        sealed: text.as_bytes().to_vec(),
        expires_at: noon() + TimeDelta::minutes(minutes),
    }
}

fn key(scope: AnswerScope, byte: u8) -> AnswerKey {
    AnswerKey {
        scope,
        digest: [byte; 32],
    }
}

async fn tenant(database: &Database) -> TenantId {
    let tx = database.new_tenant_tx().await.unwrap();
    let id = tx.tenant_id();
    tx.commit().await.unwrap();
    id
}

async fn text(database: &Database, key: &AnswerKey) -> Option<String> {
    let found = find(database, key, noon()).await.unwrap();
    found.map(|found| String::from_utf8(found.sealed).unwrap())
}

#[tokio::test]
async fn an_answer_is_there_with_its_transaction_and_for_its_own_key_only() {
    let (_test, database) = fresh().await;
    let (ours, theirs) = (tenant(&database).await, tenant(&database).await);
    let mine = key(AnswerScope::Tenant(ours), 1);
    let mut tx = database.tenant_tx(ours).await.unwrap();
    let stored = answer("sealed", 1);
    store(&mut tx, &mine, &stored).await.unwrap();
    assert_eq!(text(&database, &mine).await, None);
    drop(tx);
    assert_eq!(text(&database, &mine).await, None);
    let mut tx = database.tenant_tx(ours).await.unwrap();
    store(&mut tx, &mine, &stored).await.unwrap();
    tx.commit().await.unwrap();
    let found = find(&database, &mine, noon()).await.unwrap().unwrap();
    assert_eq!(
        (found.tenant_id, found.command_id),
        (ours, stored.command_id)
    );
    for other in [
        key(AnswerScope::Tenant(ours), 2),
        key(AnswerScope::Tenant(theirs), 1),
        key(AnswerScope::Operator, 1),
    ] {
        assert_eq!(text(&database, &other).await, None, "{other:?}");
    }
}

#[tokio::test]
async fn an_operators_key_is_one_whichever_account_it_was_about() {
    let (_test, database) = fresh().await;
    let operator = key(AnswerScope::Operator, 1);
    let mut tx = database.new_tenant_tx().await.unwrap();
    let first = tx.tenant_id();
    store(&mut tx, &operator, &answer("first", 1))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let found = find(&database, &operator, noon()).await.unwrap().unwrap();
    assert_eq!(found.tenant_id, first);
    let mut tx = database.new_tenant_tx().await.unwrap();
    let second = store(&mut tx, &operator, &answer("second", 1)).await;
    assert!(
        matches!(second, Err(StoreError::Taken { .. })),
        "{second:?}"
    );
}

#[tokio::test]
async fn one_transaction_works_on_a_key_and_the_others_are_told_at_once() {
    let (_test, database) = fresh().await;
    let id = tenant(&database).await;
    let mine = key(AnswerScope::Tenant(id), 1);
    let mut first = database.tenant_tx(id).await.unwrap();
    let mut second = database.tenant_tx(id).await.unwrap();
    assert!(claim(&mut first, &mine).await.unwrap());
    assert!(!claim(&mut second, &mine).await.unwrap());
    assert!(
        claim(&mut second, &key(AnswerScope::Tenant(id), 2))
            .await
            .unwrap()
    );
    assert!(
        claim(&mut second, &key(AnswerScope::Operator, 1))
            .await
            .unwrap()
    );
    first.commit().await.unwrap();
    assert!(claim(&mut second, &mine).await.unwrap());
}

#[tokio::test]
async fn an_answer_ends_frees_its_key_and_is_dropped() {
    let (_test, database) = fresh().await;
    let id = tenant(&database).await;
    let mut tx = database.tenant_tx(id).await.unwrap();
    for (byte, minutes) in [(1, 0), (2, -5), (3, 5)] {
        let key = key(AnswerScope::Tenant(id), byte);
        store(&mut tx, &key, &answer("old", minutes)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let ended = key(AnswerScope::Tenant(id), 1);
    assert_eq!(text(&database, &ended).await, None);
    let mut tx = database.tenant_tx(id).await.unwrap();
    store(&mut tx, &ended, &answer("new", 5)).await.unwrap();
    replace(&mut tx, &ended, &answer("newer", 6)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(text(&database, &ended).await.as_deref(), Some("newer"));
    assert_eq!(drop_expired(&database, noon()).await.unwrap(), 1);
    assert_eq!(drop_expired(&database, noon()).await.unwrap(), 0);
    let later = noon() + TimeDelta::minutes(6);
    assert_eq!(drop_expired(&database, later).await.unwrap(), 2);
}
