//! `GET /dashboard/v1/changes`.

use chrono::{DateTime, TimeDelta, Utc};
use http::Method;
use limpid_domain::failure::{FailureEvent, Reason};
use limpid_domain::ids::OriginNo;
use serde_json::{Value, json};

use crate::dashboard::{Account, Dashboard};
use crate::origin_errors::failures::{FIRST_ORIGIN, failure, store};

#[tokio::test]
async fn changes_are_told_newest_first_with_who_and_what_and_without_secrets() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    dashboard.account("other").await;
    let body = json!({
        "name": "Photos", "type": "S3", "bucket": "b", "accessKey": "canary", "secretKey": "canary"
    });
    let call = account
        .call(Method::POST, "/v1/accounts/origins")
        .json(&body);
    let created = call.header("user-agent", "ImageKit/JS 7.11.0").send().await;
    let origin = created.expect(201)["id"].clone();

    let answer = account.get("/dashboard/v1/changes").await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    for secret in ["canary", "private_", "fingerprint", "rivateKey"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let changes = answer.expect(200);
    let kinds: Vec<&str> = changes["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(kind_of)
        .collect();
    assert_eq!(
        kinds,
        [
            "origin_attached",
            "origin_created",
            "key_pair_created",
            "url_endpoint_created",
            "tenant_created"
        ]
    );
    let change = &changes["data"][1];
    assert_eq!(change["configVersion"], 4);
    assert_eq!(change["resource"], "origin");
    assert_eq!(change["resourceId"], origin);
    assert_eq!(
        change["actor"],
        json!({"kind": "api_key", "label": account.public_key})
    );
    assert_eq!(change["source"], "ImageKit/JS 7.11.0");
    assert_eq!(change["requestId"], created.header("x-request-id"));
    assert_eq!(change["data"]["settings"]["bucket"], "b");
    assert_eq!(changes["data"][4]["actor"]["kind"], "operator");
    assert_eq!(changes["nextCursor"], Value::Null);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    for name in ["a", "b", "c"] {
        account.origin(name).await;
    }
    let mut versions = Vec::new();
    let mut path = "/dashboard/v1/changes?limit=3".to_owned();
    for _ in 0..10 {
        let page = account.get(&path).await.expect(200);
        let of_page = page["data"].as_array().unwrap().iter();
        versions.extend(of_page.map(|change| change["configVersion"].as_i64().unwrap()));
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("/dashboard/v1/changes?limit=3&cursor={cursor}");
    }
    assert_eq!(versions, [7, 6, 5, 4, 3, 2, 1]);
    let refused = account.get("/dashboard/v1/changes?cursor=x").await;
    assert_eq!(refused.expect(400)["code"], "invalid-cursor");
}

async fn versions(account: &Account<'_>, query: &str) -> Vec<i64> {
    let path = format!("/dashboard/v1/changes?{query}");
    let page = account.get(&path).await.expect(200);
    let changes = page["data"].as_array().unwrap().iter();
    changes
        .map(|change| change["configVersion"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn changes_are_chosen_by_thing_kind_actor_and_time_and_say_the_same_diff() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    // 1 to 3: account, URL endpoint, key pair; 4 and 5: the first origin; 6: the second one; 7: the first one again.
    let first = account.origin("Photos").await;
    let second = account.origin("More").await;
    let path = format!("/v1/accounts/origins/{first}");
    let folder = json!({"name": "Photos", "type": "WEB_FOLDER", "baseUrl": "https://a.example"});
    account.put(&path, &folder).await.expect(200);
    let key = &account.public_key;
    for (query, expected) in [
        ("resource=origin".to_owned(), vec![7, 6, 4]),
        ("resource=tenant".to_owned(), vec![1]),
        (format!("resourceId={second}"), vec![6]),
        ("kind=origin_created".to_owned(), vec![6, 4]),
        (format!("kind=origin_created&resourceId={first}"), vec![4]),
        ("actor=operator".to_owned(), vec![3, 2, 1]),
        (format!("actor={key}"), vec![7, 6, 5, 4]),
        ("actor=nobody".to_owned(), vec![]),
        ("resource=origin&from=now-1h".to_owned(), vec![7, 6, 4]),
        ("from=2099-01-01T00:00:00Z".to_owned(), vec![]),
        ("to=now-1h".to_owned(), vec![]),
    ] {
        assert_eq!(versions(&account, &query).await, expected, "{query}");
    }
    let all = account.get("/dashboard/v1/changes").await.expect(200);
    let of_first = format!("/dashboard/v1/changes?limit=1&resourceId={first}");
    let newest = account.get(&of_first).await.expect(200);
    assert_eq!(newest["data"][0], all["data"][0]);
    let cursor = newest["nextCursor"].as_str().unwrap();
    let oldest = format!("{of_first}&cursor={cursor}");
    let oldest = account.get(&oldest).await.expect(200);
    assert_eq!(oldest["data"][0], all["data"][3]);
    assert_eq!(oldest["nextCursor"], Value::Null);
    for (query, allowed) in [
        (
            "resource=file",
            "resource is one of tenant, key_pair, origin",
        ),
        ("kind=changed", "kind is one of tenant_created"),
        ("resourceId=photos", "resourceId is the id of a thing"),
        ("from=yesterday", "from is a time like"),
    ] {
        let path = format!("/dashboard/v1/changes?{query}");
        let message = account.get(&path).await.refusal(400);
        assert!(message.starts_with(allowed), "{message}");
    }
}

#[tokio::test]
async fn an_origin_has_its_history_also_when_it_is_gone() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    account.origin("More").await;
    let path = format!("/v1/accounts/origins/{origin}");
    let body = json!({"name": "Later", "type": "WEB_PROXY"});
    account.put(&path, &body).await.expect(200);
    let detached = json!({"description": "Nothing", "origins": []});
    let endpoint = "/v1/accounts/url-endpoints/default";
    account.put(endpoint, &detached).await.expect(200);
    account.delete(&path).await.expect(204);
    let history = format!("/dashboard/v1/origins/{origin}/history");
    let mut kinds = Vec::new();
    let mut next = format!("{history}?limit=2");
    for _ in 0..3 {
        let page = account.get(&next).await.expect(200);
        let changes = page["data"].as_array().unwrap().iter();
        kinds.extend(changes.map(|change| kind_of(change).to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        next = format!("{history}?limit=2&cursor={cursor}");
    }
    assert_eq!(
        kinds,
        ["origin_deleted", "origin_replaced", "origin_created"]
    );
    let stranger = dashboard.account("globex").await;
    let nobody = "/dashboard/v1/origins/01890a5d-ac96-774b-bcce-b302099a8057/history";
    for (who, path) in [(&stranger, &*history), (&account, nobody)] {
        assert_eq!(who.get(path).await.refusal(404), "Origin not found.");
    }
}

fn kind_of(change: &Value) -> &str {
    change["kind"].as_str().unwrap()
}

#[tokio::test]
async fn one_change_is_shown_with_the_failures_before_and_after_it() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let body = json!({"name": "Pictures", "type": "WEB_PROXY"});
    let path = format!("/v1/accounts/origins/{origin}");
    account.put(&path, &body).await.expect(200);
    let list = format!("/dashboard/v1/changes?resourceId={origin}");
    let changes = account.get(&list).await.expect(200)["data"].clone();
    let version = changes[0]["configVersion"].as_i64().unwrap();
    let at: DateTime<Utc> = changes[0]["at"].as_str().unwrap().parse().unwrap();
    let failed = |minutes: i64, origin_no| FailureEvent {
        occurred_at: at - TimeDelta::minutes(minutes),
        origin_no,
        ..failure(account.id, Reason::ObjectNotFound)
    };
    let failures = vec![
        failed(1, FIRST_ORIGIN),
        failed(14, FIRST_ORIGIN),
        failed(16, FIRST_ORIGIN),
        failed(1, OriginNo(99)),
    ];
    store(&dashboard, 1, failures).await;
    let of = async |version: i64, query: &str| {
        let path = format!("/dashboard/v1/changes/{version}{query}");
        account.get(&path).await
    };
    let answer = of(version, "").await.expect(200);
    assert_eq!(answer["change"], changes[0]);
    let counted = |answer: &Value, side: &str| {
        let side = &answer["effect"][side];
        (
            side["attempts"].as_i64().unwrap(),
            side["clientVisible"].as_i64().unwrap(),
        )
    };
    assert_eq!(
        (counted(&answer, "before"), counted(&answer, "after")),
        ((2, 2), (0, 0))
    );
    let wider = of(version, "?minutes=60").await.expect(200);
    assert_eq!(counted(&wider, "before"), (3, 3));
    // The account itself: whatever failed.
    let all = of(1, "").await.expect(200);
    assert_eq!(all["change"]["resource"], "tenant");
    for version in [0, -1, version + 100, i64::MIN] {
        of(version, "").await.expect(404);
    }
    of(version, "?minutes=0").await.expect(400);
}
