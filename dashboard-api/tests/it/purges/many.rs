//! Purges of many URLs: calls at the same moment, nodes that lag, and who may ask.

use std::collections::HashMap;
use std::ops::Range;

use http::Method;
use limpid_domain::ids::{NodeId, TenantSeq};
use limpid_read_models::purges;
use serde_json::{Value, json};

use super::{LIST, MANY, PATH};
use crate::client::Answer;
use crate::dashboard::{Account, Dashboard, OPERATOR_KEY};

fn urls(numbers: Range<usize>) -> Vec<String> {
    let urls = numbers.map(|n| format!("https://images.example.com/acme/{n}.jpg"));
    urls.collect()
}

fn members(list: &Value, member: &str) -> Vec<Value> {
    let items = list["data"].as_array().unwrap().iter();
    items.map(|item| item[member].clone()).collect()
}

/// How many of a call's URLs were recorded.
fn recorded(answer: &Answer) -> usize {
    if answer.status == 400 {
        return 0;
    }
    let ids = members(&answer.expect(201), "requestId");
    ids.iter().filter(|id| id.is_string()).count()
}

async fn purge_numbers(account: &Account<'_>, numbers: Range<usize>) -> Answer {
    account.post(MANY, &json!({ "urls": urls(numbers) })).await
}

#[tokio::test]
async fn a_body_without_one_to_a_hundred_strings_is_refused_and_costs_no_call() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    for body in [
        json!({}),
        json!({"urls": null}),
        json!({"urls": "https://images.example.com/acme/a.jpg"}),
        json!({"urls": []}),
        json!({"urls": ["https://images.example.com/acme/a.jpg", 7]}),
        json!({ "urls": urls(0..101) }),
    ] {
        let refusal = account.post(MANY, &body).await.refusal(400);
        assert!(refusal.starts_with("urls must "), "{refusal}");
    }
    let body = json!({"urls": urls(0..1), "url": "x"});
    let answer = account.post(MANY, &body).await;
    assert_eq!(answer.refusal(400), "\"url\" is not allowed");
    let listed = account.get(LIST).await.expect(200);
    assert_eq!(listed["data"], json!([]));
    let single = json!({"url": "https://images.example.com/acme/a.jpg"});
    for _ in 0..30 {
        purge_numbers(&account, 0..2).await.expect(201);
        account.post(PATH, &single).await.expect(201);
    }
    for answer in [
        purge_numbers(&account, 0..2).await,
        account.post(PATH, &single).await,
    ] {
        assert_eq!(answer.status, 429);
        assert_eq!(answer.json()["code"], "too-often");
    }
}

#[tokio::test]
async fn calls_at_the_same_moment_share_what_is_left_of_the_month() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    for _ in 0..9 {
        assert_eq!(recorded(&purge_numbers(&account, 0..100).await), 100);
    }
    // A URL that is refused anyway uses nothing up.
    let mut forty = urls(0..40);
    forty.insert(7, "https://images.example.com/other/a.jpg".to_owned());
    let body = json!({ "urls": forty });
    let (a, b, c, d) = tokio::join!(
        account.post(MANY, &body),
        account.post(MANY, &body),
        account.post(MANY, &body),
        account.post(MANY, &body),
    );
    let mut each = [a, b, c, d].map(|answer| recorded(&answer));
    each.sort_unstable();
    assert_eq!(each, [0, 20, 40, 40]);
}

#[tokio::test]
async fn a_listed_purge_is_completed_when_every_node_has_applied_it() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let other = dashboard.account("other").await;
    let database = &dashboard.database;
    for node in [NodeId(1), NodeId(2)] {
        purges::note_node(database, node, false).await.unwrap();
    }
    purge_numbers(&account, 0..2).await.expect(201);
    let theirs = json!({"urls": ["https://images.example.com/other/a.jpg"]});
    other.post(MANY, &theirs).await.expect(201);
    let states = async || {
        let listed = account.get(LIST).await.expect(200);
        let states = members(&listed, "status");
        for (id, state) in members(&listed, "requestId").iter().zip(&states) {
            let path = format!("{PATH}/{}", id.as_str().unwrap());
            let single = account.get(&path).await.expect(200);
            assert_eq!(&single["status"], state);
        }
        states
    };
    assert_eq!(states().await, ["Pending", "Pending"]);

    let changes = account
        .get("/dashboard/v1/changes?limit=2")
        .await
        .expect(200);
    let versions = members(&changes, "configVersion");
    let [newer, older] = [&versions[0], &versions[1]].map(|seq| TenantSeq(seq.as_i64().unwrap()));
    let applied = async |node: NodeId, seq: TenantSeq| {
        let versions = HashMap::from([(account.id, seq)]);
        purges::note_applied(database, node, &versions)
            .await
            .unwrap();
    };
    applied(NodeId(1), newer).await;
    assert_eq!(states().await, ["Pending", "Pending"]);
    applied(NodeId(2), older).await;
    assert_eq!(states().await, ["Pending", "Completed"]);
    purges::note_node(database, NodeId(2), true).await.unwrap();
    assert_eq!(states().await, ["Completed", "Completed"]);

    // What nodes applied of one account says nothing of another.
    let listed = other.get(LIST).await.expect(200);
    assert_eq!(members(&listed, "status"), ["Pending"]);
    assert_eq!(
        members(&listed, "url"),
        ["https://images.example.com/other/a.jpg"]
    );
}

#[tokio::test]
async fn purges_need_the_private_key_and_stay_within_its_account() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let body = json!({ "urls": urls(0..1) });
    let list = || dashboard.get(LIST);
    let purge = || dashboard.call(Method::POST, MANY).json(&body);
    for (call, status) in [
        (list(), 401),
        (purge(), 401),
        (list().bearer(OPERATOR_KEY), 401),
        (purge().bearer(OPERATOR_KEY), 401),
        (list().private_key("private_none"), 403),
        (purge().private_key("private_none"), 403),
    ] {
        assert_eq!(call.send().await.status, status);
    }
    assert_eq!(account.get(LIST).await.expect(200)["data"], json!([]));
    assert_eq!(account.get(MANY).await.status, 405);

    let other = dashboard.account("other").await;
    let answer = other.post(MANY, &body).await;
    assert_eq!(answer.status, 400, "another account's URL");
    let message = answer.refusal(400);
    assert!(
        message.starts_with("None of the 1 URLs is purged; data says why. The first: The URL"),
        "{message}"
    );
    account.post(MANY, &body).await.expect(201);
    let listed = account.get(LIST).await.expect(200);
    assert_eq!(members(&listed, "url").len(), 1);
    account.post(MANY, &body).await.expect(201);
    let first = account.get(&format!("{LIST}?limit=1")).await.expect(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    let path = format!("{LIST}?cursor={cursor}");
    let theirs = other.get(&path).await.expect(200);
    assert_eq!(theirs, json!({"data": [], "nextCursor": null}));
}
