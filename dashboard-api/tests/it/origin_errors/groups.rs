//! Failures alike, as one line each.

use chrono::TimeDelta;
use limpid_domain::failure::{FailureEvent, Outcome, Reason};
use limpid_domain::ids::{OriginNo, TenantSeq, UrlEndpointNo};
use serde_json::{Value, json};

use super::failures::{a_minute_ago, detail, failure, store};
use crate::dashboard::{Account, Dashboard};

const GROUPS: &str = "/dashboard/v1/origin-errors/groups";

/// Four missing files of one folder, two refused ones of another, one of them rescued, and an old failure that goes on.
pub(super) async fn some_groups(dashboard: &Dashboard, account: &Account<'_>) {
    let missing = |name: &str| FailureEvent {
        path: format!("/shoes/{name}.jpg"),
        ..failure(account.id, Reason::ObjectNotFound)
    };
    let refused = FailureEvent {
        path: "/hats/1/top.png".to_owned(),
        upstream_status: 403,
        ..failure(account.id, Reason::AccessDenied)
    };
    let rescued = FailureEvent {
        outcome: Outcome::Rescued,
        headline: false,
        path: "/hats/2/top.png".to_owned(),
        detail: Some(Box::new(detail())),
        occurred_at: a_minute_ago() - TimeDelta::minutes(5),
        ..refused.clone()
    };
    let old = FailureEvent {
        path: "/old/x.gif".to_owned(),
        occurrences: 50,
        occurred_at: a_minute_ago() - TimeDelta::days(3),
        ..failure(account.id, Reason::BodyEmpty)
    };
    let still = FailureEvent {
        occurred_at: a_minute_ago(),
        occurrences: 9,
        ..old.clone()
    };
    let mut events: Vec<FailureEvent> = ["red", "blue", "green", "odd-1"].map(missing).into();
    events.extend([refused, rescued, old, still]);
    store(dashboard, 1, events).await;
}

#[tokio::test]
async fn groups_come_new_first_with_their_numbers() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    some_groups(&dashboard, &account).await;
    let page = account.get(GROUPS).await.expect(200);
    assert_eq!(page["total"], 3);
    let column = |name: &str| -> Vec<Value> {
        let groups = page["data"].as_array().unwrap();
        groups.iter().map(|group| group[name].clone()).collect()
    };
    assert_eq!(
        column("pathTemplate"),
        [
            json!("/shoes/*.jpg"),
            json!("/hats/*/*.png"),
            json!("/old/*.gif")
        ]
    );
    assert_eq!(column("attempts"), [json!(4), json!(2), json!(9)]);
    assert_eq!(column("clientVisible"), [json!(4), json!(1), json!(9)]);
    assert_eq!(column("lifetimeAttempts"), [json!(4), json!(2), json!(59)]);
    assert_eq!(
        column("badges"),
        [json!(["new"]), json!(["new"]), json!([])],
        "nothing spikes: there are fewer than ten"
    );
    assert_eq!(column("originId"), [&origin; 3].map(|id| json!(id)));
    assert_eq!(
        column("code"),
        [json!("ENOENT"), json!("EACCES"), json!("UNIDENTIFIED")]
    );
    let trends = column("trend");
    let sums = trends.iter().map(|trend| {
        let buckets = trend.as_array().unwrap();
        buckets
            .iter()
            .map(|count| count.as_i64().unwrap())
            .sum::<i64>()
    });
    assert_eq!(sums.collect::<Vec<_>>(), [4, 2, 9]);
    assert_eq!(page["trendIntervalMs"], 3_600_000);

    let most = account
        .get(&format!("{GROUPS}?sort=count"))
        .await
        .expect(200);
    assert_eq!(most["data"][0]["pathTemplate"], "/old/*.gif");
    let before = account
        .get(&format!("{GROUPS}?from=now-4d&to=now-2d"))
        .await
        .expect(200);
    assert_eq!(before["data"][0]["attempts"], 50);
    assert_eq!(before["total"], 1);
}

#[tokio::test]
async fn groups_are_paged_and_filtered_like_everything_else() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    some_groups(&dashboard, &account).await;
    let first = account.get(&format!("{GROUPS}?limit=2")).await.expect(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = account
        .get(&format!("{GROUPS}?limit=2&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(second["data"].as_array().unwrap().len(), 1);
    assert_eq!(second["nextCursor"], Value::Null);
    assert_eq!(second["total"], 3);
    // The cursor brings its period, to the microsecond.
    let to = |page: &Value| {
        page["meta"]["to"]
            .as_str()
            .unwrap()
            .get(..26)
            .map(str::to_owned)
    };
    assert_eq!(to(&second), to(&first));
    for other in [
        format!("cursor={cursor}&sort=count"),
        format!("cursor={cursor}&code=ENOENT"),
        format!("cursor={cursor}&state=new"),
        format!("cursor={cursor}x"),
        "cursor=2".to_owned(),
    ] {
        let refused = account.get(&format!("{GROUPS}?limit=2&{other}")).await;
        assert_eq!(refused.expect(400)["code"], "invalid-cursor", "{other}");
    }
    let id = first["data"][1]["id"].as_str().unwrap();
    for (query, expected) in [
        (format!("group={id}"), vec!["/hats/*/*.png"]),
        (
            format!("not.group={id}&sort=count"),
            vec!["/old/*.gif", "/shoes/*.jpg"],
        ),
        ("status=403".to_owned(), vec!["/hats/*/*.png"]),
        (
            "not.status=403&not.code=UNIDENTIFIED".to_owned(),
            vec!["/shoes/*.jpg"],
        ),
        ("outcome=rescued".to_owned(), vec!["/hats/*/*.png"]),
        ("q=odd".to_owned(), vec!["/shoes/*.jpg"]),
        ("version=6".to_owned(), vec![]),
    ] {
        let page = account.get(&format!("{GROUPS}?{query}")).await.expect(200);
        let groups = page["data"].as_array().unwrap();
        let templates: Vec<&str> = groups
            .iter()
            .map(|group| group["pathTemplate"].as_str().unwrap())
            .collect();
        assert_eq!(templates, expected, "{query}");
    }
    let stranger = dashboard.account("globex").await;
    assert_eq!(stranger.get(GROUPS).await.expect(200)["total"], 0);
    let answer = stranger.get(&format!("{GROUPS}/{id}")).await;
    assert_eq!(answer.refusal(404), "Group not found.");
    assert_eq!(
        account.get(&format!("{GROUPS}/x")).await.refusal(404),
        "Group not found."
    );
}

#[tokio::test]
async fn one_group_comes_with_advice_and_the_event_to_look_at() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    some_groups(&dashboard, &account).await;
    let page = account
        .get(&format!("{GROUPS}?status=403"))
        .await
        .expect(200);
    let id = page["data"][0]["id"].as_str().unwrap();
    let group = account.get(&format!("{GROUPS}/{id}")).await.expect(200);
    assert_eq!(group["pathTemplate"], "/hats/*/*.png");
    assert_eq!(group["inPeriod"]["attempts"], 2);
    assert!(!group["advice"].as_str().unwrap().is_empty());
    assert_eq!(
        group["recommendedEvent"]["path"], "/hats/2/top.png",
        "the one with details"
    );
    let quiet = account
        .get(&format!("{GROUPS}/{id}?from=now-4d&to=now-2d"))
        .await
        .expect(200);
    assert_eq!(quiet["inPeriod"], Value::Null);
    assert_eq!(quiet["lifetimeAttempts"], 2);
}

#[tokio::test]
async fn the_summary_counts_groups_and_compares_with_the_period_before() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    some_groups(&dashboard, &account).await;
    let summary = account
        .get("/dashboard/v1/origin-errors/summary?from=now-2d")
        .await
        .expect(200);
    assert_eq!(
        summary["groups"],
        json!({"active": 3, "new": 2, "spiking": 0, "muted": 0, "byState":
            {"new": 2, "ongoing": 1, "escalating": 0, "regressed": 0, "resolved": 0}})
    );
    assert_eq!(summary["attempts"], 15);
    assert_eq!(
        summary["previous"],
        json!({"clientVisible": 50, "attempts": 50, "rescued": 0, "failingShare": null})
    );
    assert_eq!(
        summary["delta"],
        json!({"clientVisible": -36, "attempts": -35, "rescued": 1, "failingShare": null})
    );
    assert_eq!(
        (&summary["originsAffected"], &summary["origins"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn a_group_that_begins_after_a_change_of_its_origin_names_the_change() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let folder =
        json!({"name": "Photos", "type": "WEB_FOLDER", "baseUrl": "https://images.example.com"});
    let path = format!("/v1/accounts/origins/{origin}");
    account.put(&path, &folder).await.expect(200);
    let after = |reason, version| FailureEvent {
        occurred_at: a_minute_ago() + TimeDelta::minutes(1),
        config_version: TenantSeq(version),
        ..failure(account.id, reason)
    };
    let unrelated = FailureEvent {
        origin_no: OriginNo::NONE,
        endpoint_no: UrlEndpointNo::NONE,
        ..after(Reason::NoOriginAttached, 6)
    };
    let already = FailureEvent {
        occurred_at: a_minute_ago() - TimeDelta::hours(1),
        ..after(Reason::BodyEmpty, 3)
    };
    let events = vec![
        after(Reason::ObjectNotFound, 6),
        after(Reason::AccessDenied, 5),
        unrelated,
        already,
    ];
    store(&dashboard, 1, events).await;
    let page = account.get(GROUPS).await.expect(200);
    let suspect = |reason: &str| -> Value {
        let groups = page["data"].as_array().unwrap();
        let group = groups.iter().find(|group| group["reason"] == reason);
        group.unwrap()["suspect"].clone()
    };
    let changed = suspect("object_not_found");
    assert_eq!(changed["kind"], "origin_replaced");
    assert_eq!(changed["configVersion"], 6);
    assert_eq!(changed["actor"]["label"], account.public_key);
    assert!(changed["secondsBefore"].as_i64().unwrap() < 60);
    let attached = suspect("access_denied");
    assert_eq!(
        attached["kind"], "origin_attached",
        "the node had not heard of version 6"
    );
    assert_eq!(suspect("no_origin_attached"), Value::Null);
    assert_eq!(suspect("body_empty"), Value::Null);

    let found = account
        .get(&format!("{GROUPS}?reason=object_not_found"))
        .await;
    let id = found.expect(200)["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let group = account.get(&format!("{GROUPS}/{id}")).await.expect(200);
    let diff = group["suspect"]["diff"].as_array().unwrap();
    let fields: Vec<&str> = diff
        .iter()
        .map(|change| change["field"].as_str().unwrap())
        .collect();
    assert!(
        fields.contains(&"baseUrl") && fields.contains(&"type"),
        "{fields:?}"
    );
}
