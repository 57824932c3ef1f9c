//! What people do about groups, and how far groups reach.

use chrono::TimeDelta;
use http::Method;
use limpid_domain::failure::{FailureDetail, FailureEvent, Reason};
use limpid_domain::ids::TenantSeq;
use serde_json::{Value, json};

use super::failures::{a_minute_ago, detail, failure, store};
use super::groups::some_groups;
use crate::dashboard::{Account, Dashboard};

const GROUPS: &str = "/dashboard/v1/origin-errors/groups";

async fn act(account: &Account<'_>, id: &str, action: &str, body: Value) -> Value {
    let path = format!("{GROUPS}/{id}/{action}");
    account.post(&path, &body).await.expect(200)
}

async fn templates(account: &Account<'_>, query: &str) -> Vec<String> {
    let page = account.get(&format!("{GROUPS}?{query}")).await.expect(200);
    let groups = page["data"].as_array().unwrap();
    groups
        .iter()
        .map(|group| group["pathTemplate"].as_str().unwrap().to_owned())
        .collect()
}

async fn id_of(account: &Account<'_>, reason: &str) -> String {
    let page = account.get(&format!("{GROUPS}?reason={reason}")).await;
    let page = page.expect(200);
    page["data"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn people_resolve_and_reopen_and_the_life_is_told_newest_first() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    some_groups(&dashboard, &account).await;
    let id = id_of(&account, "object_not_found").await;
    let reopen = format!("{GROUPS}/{id}/reopen");
    let refusal = account.post(&reopen, &json!({})).await.refusal(409);
    assert_eq!(
        refusal,
        "The group is not resolved, so there is nothing to reopen."
    );
    let resolved = act(&account, &id, "resolve", json!({"note": "uploaded"})).await;
    assert_eq!(resolved["state"], "resolved");
    assert_eq!(resolved["muted"], false);
    let again = account
        .post(&format!("{GROUPS}/{id}/resolve"), &json!({}))
        .await;
    assert_eq!(again.refusal(409), "The group is resolved already.");
    assert_eq!(
        templates(&account, "").await,
        ["/hats/*/*.png", "/old/*.gif", "/shoes/*.jpg"],
        "what is over comes last"
    );
    assert_eq!(
        templates(&account, "state=resolved").await,
        ["/shoes/*.jpg"]
    );
    assert_eq!(
        templates(&account, "state=new&state=ongoing").await,
        ["/hats/*/*.png", "/old/*.gif"]
    );
    let reopened = act(&account, &id, "reopen", json!({})).await;
    assert_eq!(reopened["state"], "ongoing");
    let path = format!("{GROUPS}/{id}/events");
    let life = account.get(&format!("{path}?limit=2")).await.expect(200);
    let told: Vec<(&Value, &Value)> = life["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (&event["seq"], &event["kind"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!(3), &json!("reopened")),
            (&json!(2), &json!("resolved"))
        ]
    );
    let done = &life["data"][1];
    assert_eq!(done["data"], json!({"by": "hand"}));
    assert_eq!(done["note"], "uploaded");
    assert_eq!(
        done["actor"],
        json!({"kind": "api_key", "label": account.public_key})
    );
    let cursor = life["nextCursor"].as_str().unwrap();
    let rest = account.get(&format!("{path}?cursor={cursor}")).await;
    let rest = rest.expect(200);
    assert_eq!(rest["data"][0]["kind"], "began");
    assert_eq!(rest["data"][0]["actor"]["kind"], "system");
    assert_eq!(rest["nextCursor"], Value::Null);
}

#[tokio::test]
async fn a_resolved_group_that_fails_again_is_regressed_and_comes_first() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    some_groups(&dashboard, &account).await;
    let id = id_of(&account, "body_empty").await;
    act(&account, &id, "resolve", json!({})).await;
    let again = FailureEvent {
        path: "/old/y.gif".to_owned(),
        occurrences: 40,
        occurred_at: a_minute_ago() + TimeDelta::minutes(2),
        ..failure(account.id, Reason::BodyEmpty)
    };
    let late = FailureEvent {
        occurred_at: a_minute_ago(),
        ..again.clone()
    };
    store(&dashboard, 2, vec![late]).await;
    let group = account.get(&format!("{GROUPS}/{id}")).await.expect(200);
    assert_eq!(group["state"], "resolved");
    store(&dashboard, 3, vec![again]).await;
    let page = account
        .get(&format!("{GROUPS}?from=now-1d&to=now"))
        .await
        .expect(200);
    let first = &page["data"][0];
    assert_eq!(
        (&first["id"], &first["state"]),
        (&json!(id), &json!("regressed"))
    );
    let summary = account
        .get("/dashboard/v1/origin-errors/summary")
        .await
        .expect(200);
    assert_eq!(summary["groups"]["byState"]["regressed"], 1);
}

#[tokio::test]
async fn a_group_that_fails_again_names_the_change_before_that_and_not_the_one_before_it_began() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let began = FailureEvent {
        occurred_at: a_minute_ago() + TimeDelta::minutes(1),
        ..failure(account.id, Reason::ObjectNotFound)
    };
    let again = FailureEvent {
        occurred_at: a_minute_ago() + TimeDelta::minutes(3),
        config_version: TenantSeq(6),
        ..failure(account.id, Reason::ObjectNotFound)
    };
    store(&dashboard, 1, vec![began]).await;
    let id = id_of(&account, "object_not_found").await;
    let one = format!("{GROUPS}/{id}");
    let kinds = async || {
        let group = account.get(&one).await.expect(200);
        let in_period = &group["inPeriod"]["suspect"];
        [&group["suspect"]["kind"], &in_period["kind"]].map(Clone::clone)
    };
    assert_eq!(kinds().await, ["origin_attached", "origin_attached"]);

    act(&account, &id, "resolve", json!({})).await;
    let folder = json!({"name": "Photos", "type": "WEB_FOLDER", "baseUrl": "https://a.example"});
    let path = format!("/v1/accounts/origins/{origin}");
    account.put(&path, &folder).await.expect(200);
    store(&dashboard, 2, vec![again]).await;
    assert_eq!(kinds().await, ["origin_replaced", "origin_replaced"]);
    act(&account, &id, "resolve", json!({})).await;
    assert_eq!(
        act(&account, &id, "reopen", json!({})).await["state"],
        "ongoing"
    );
    assert_eq!(kinds().await, ["origin_replaced", "origin_replaced"]);
}

#[tokio::test]
async fn what_needs_no_member_needs_no_body() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    some_groups(&dashboard, &account).await;
    let id = id_of(&account, "access_denied").await;
    for action in ["mute", "unmute", "verify", "resolve", "reopen"] {
        let path = format!("{GROUPS}/{id}/{action}");
        let answer = account.call(Method::POST, &path).send().await;
        assert_eq!(answer.status, 200, "{action}: {:?}", answer.body);
    }
    let path = format!("{GROUPS}/{id}/mute");
    let list = account.call(Method::POST, &path).body("[]").send().await;
    list.expect(400);
}

#[tokio::test]
async fn muted_groups_are_hidden_by_attention_and_counted_all_the_same() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    some_groups(&dashboard, &account).await;
    let id = id_of(&account, "object_not_found").await;
    let until = "2099-01-01T00:00:00Z";
    let muted = act(
        &account,
        &id,
        "mute",
        json!({"until": until, "note": "known"}),
    )
    .await;
    assert_eq!(
        (&muted["muted"], &muted["mutedUntil"], &muted["state"]),
        (&json!(true), &json!(until), &json!("new"))
    );
    let page = account.get(GROUPS).await.expect(200);
    assert_eq!(
        (&page["total"], &page["mutedHidden"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(templates(&account, "muted=true").await, ["/shoes/*.jpg"]);
    assert_eq!(
        templates(&account, "muted=false&sort=count").await,
        ["/old/*.gif", "/hats/*/*.png"]
    );
    let all = account.get(&format!("{GROUPS}?sort=count")).await;
    let all = all.expect(200);
    assert_eq!((&all["total"], &all["mutedHidden"]), (&json!(3), &json!(0)));
    let summary = account
        .get("/dashboard/v1/origin-errors/summary")
        .await
        .expect(200);
    assert_eq!(summary["groups"]["muted"], 1);
    let forever = act(&account, &id, "mute", json!({})).await;
    assert_eq!(
        (&forever["muted"], &forever["mutedUntil"]),
        (&json!(true), &Value::Null)
    );
    let shown = act(&account, &id, "unmute", json!({})).await;
    assert_eq!(shown["muted"], false);
    let path = format!("{GROUPS}/{id}");
    let again = account.post(&format!("{path}/unmute"), &json!({})).await;
    assert_eq!(again.refusal(409), "The group is not muted.");
    for until in ["2001-01-01T00:00:00Z", "tomorrow"] {
        let body = json!({"until": until});
        let answer = account.post(&format!("{path}/mute"), &body).await;
        assert_eq!(answer.status, 400, "{until}");
    }
    let answer = account
        .get(&format!("{GROUPS}?state=old&muted=maybe"))
        .await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn groups_of_strangers_do_not_exist() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    some_groups(&dashboard, &account).await;
    let id = id_of(&account, "object_not_found").await;
    let stranger = dashboard.account("globex").await;
    for action in ["resolve", "reopen", "mute", "unmute", "verify"] {
        for id in [id.as_str(), "0000000000000000", "x"] {
            let path = format!("{GROUPS}/{id}/{action}");
            let answer = stranger.post(&path, &json!({})).await;
            assert_eq!(answer.refusal(404), "Group not found.", "{path}");
        }
    }
    let events = stranger.get(&format!("{GROUPS}/{id}/events")).await;
    assert_eq!(events.refusal(404), "Group not found.");
    let life = account.get(&format!("{GROUPS}/{id}/events")).await;
    assert_eq!(life.expect(200)["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_group_says_whether_it_is_one_thing_or_several() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let with = |name: &str, transformation: Option<&str>| FailureEvent {
        path: format!("/shoes/{name}.jpg"),
        detail: Some(Box::new(FailureDetail {
            transformation: transformation.map(ToOwned::to_owned),
            referrer: Some("https://shop.example/".to_owned()),
            ..detail()
        })),
        ..failure(account.id, Reason::ObjectNotFound)
    };
    let without = FailureEvent {
        detail: None,
        ..with("red", None)
    };
    let single = FailureEvent {
        path: "/hats/top.jpg".to_owned(),
        ..failure(account.id, Reason::AccessDenied)
    };
    let events = vec![
        with("red", Some("w-30")),
        with("blue", None),
        without,
        single,
    ];
    store(&dashboard, 1, events).await;
    let id = id_of(&account, "object_not_found").await;
    let group = account.get(&format!("{GROUPS}/{id}")).await.expect(200);
    let reach = &group["blastRadius"];
    assert_eq!(
        reach["paths"],
        json!({"extent": "several", "distinct": 2, "only": null, "without": 0, "ofEvents": 3, "complete": true})
    );
    assert_eq!(
        reach["transformations"],
        json!({"extent": "several", "distinct": 1, "only": "w-30", "without": 1, "ofEvents": 2, "complete": false}),
        "one has none, and one kept no details"
    );
    assert_eq!(
        reach["referrers"],
        json!({"extent": "one", "distinct": 1, "only": "https://shop.example/", "without": 0, "ofEvents": 2, "complete": false})
    );
    let id = id_of(&account, "access_denied").await;
    let group = account.get(&format!("{GROUPS}/{id}")).await.expect(200);
    assert_eq!(group["blastRadius"]["paths"]["only"], "/hats/top.jpg");
    assert_eq!(group["blastRadius"]["referrers"]["extent"], "none");
}

#[tokio::test]
async fn a_verification_without_a_serving_node_learns_and_changes_nothing() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    some_groups(&dashboard, &account).await;
    let id = id_of(&account, "access_denied").await;
    let path = format!("{GROUPS}/{id}/verify");
    for sample in [json!(0), json!(51), json!("all")] {
        let answer = account.post(&path, &json!({"sample": sample})).await;
        assert_eq!(answer.status, 400, "{sample}");
    }
    let answer = account.post(&path, &json!({"sample": 1})).await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        lines[0],
        json!({"path": "/hats/1/top.png", "outcome": "unknown", "reason": "no serving node answers"})
    );
    assert_eq!(lines[1]["verdict"], "0 of 1 now served");
    assert_eq!(lines[1]["unknown"], 1);
    let life = account.get(&format!("{GROUPS}/{id}/events")).await;
    assert_eq!(life.expect(200)["data"].as_array().unwrap().len(), 1);
}
