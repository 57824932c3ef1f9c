//! The same command twice at once, and what is left when it ends in the middle.

use std::pin::pin;

use futures::future::{Either, join_all, select};
use http::Method;
use limpid_event_store::config_log;

use super::{ORIGINS, changes, create, keyed, origins, photos, run, stored};
use crate::dashboard::Dashboard;

#[tokio::test]
async fn while_a_command_is_being_worked_on_the_same_one_is_409_and_later_answered_alike() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    // Every command of the account waits for this.
    let mut head = dashboard.database.tenant_tx(account.id).await.unwrap();
    config_log::lock(&mut head).await.unwrap();
    let body = photos();
    let one = pin!(create(&account, "k-1", &body));
    let other = pin!(create(&account, "k-1", &body));
    let (refused, waiting) = match select(one, other).await {
        Either::Left((refused, waiting)) | Either::Right((refused, waiting)) => (refused, waiting),
    };
    let problem = refused.expect(409);
    assert_eq!(problem["code"], "idempotency-key-in-use");
    assert_eq!(refused.header("x-should-retry"), "true");
    assert_eq!(refused.header("retry-after"), "1");
    // Another key of the account is none of its business.
    assert_eq!(stored(&dashboard.database).await, 0);
    head.commit().await.unwrap();
    let done = waiting.await;
    let again = create(&account, "k-1", &photos()).await;
    assert_eq!(done.expect(201), again.expect(201));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(origins(&account).await, 1);
}

#[tokio::test]
async fn of_many_at_once_one_takes_effect() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let body = photos();
    let answers = join_all((0..8).map(|_| create(&account, "k-1", &body))).await;
    let fresh = answers
        .iter()
        .filter(|answer| answer.status == 201 && answer.header("idempotent-replayed").is_empty());
    assert_eq!(fresh.count(), 1);
    for answer in &answers {
        assert!(matches!(answer.status.as_u16(), 201 | 409), "{answer:?}");
    }
    let last = create(&account, "k-1", &body).await.expect(201);
    for answer in answers.iter().filter(|answer| answer.status == 201) {
        assert_eq!(answer.json(), last);
    }
    assert_eq!(origins(&account).await, 1);
    assert_eq!(changes(&account).await.len(), 2);
}

#[tokio::test]
async fn of_many_deletions_at_once_none_says_404() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("First").await;
    let second = account.origin("Second").await;
    let path = format!("{ORIGINS}/{second}");
    let delete = || keyed(&account, (Method::DELETE, &path), "k-1").send();
    let answers = join_all((0..8).map(|_| delete())).await;
    for answer in &answers {
        assert!(matches!(answer.status.as_u16(), 204 | 409), "{answer:?}");
    }
    assert_eq!(delete().await.status, 204);
}

#[tokio::test]
async fn an_answer_that_cannot_be_stored_undoes_the_command() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let revoke = "revoke insert on command_answer from limpid_tenant";
    run(&dashboard.database, revoke).await;
    create(&account, "k-1", &photos()).await.expect(500);
    assert_eq!(origins(&account).await, 0);
    assert_eq!(changes(&account).await.len(), 0);
    let grant = "grant insert on command_answer to limpid_tenant";
    run(&dashboard.database, grant).await;
    let answer = create(&account, "k-1", &photos()).await;
    assert_eq!(answer.header("idempotent-replayed"), "");
    answer.expect(201);
    assert_eq!(origins(&account).await, 1);
}

#[tokio::test]
async fn a_client_that_hung_up_can_send_the_command_again() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let mut head = dashboard.database.tenant_tx(account.id).await.unwrap();
    config_log::lock(&mut head).await.unwrap();
    {
        let body = photos();
        let waiting = pin!(create(&account, "k-1", &body));
        let other = pin!(create(&account, "k-1", &body));
        // One is refused as soon as the other one is at it; then both hang up.
        drop(select(waiting, other).await);
    }
    head.commit().await.unwrap();
    // Whether the first one noticed before or after it was done: there is one origin in the end.
    let answer = loop {
        let answer = create(&account, "k-1", &photos()).await;
        if answer.status != 409 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    answer.expect(201);
    assert_eq!(origins(&account).await, 1);
}
