//! The numbers above everything else, how one origin fared over time, and how far a new account is.

use chrono::TimeDelta;
use http::Method;
use limpid_domain::clock::Clock;
use limpid_domain::failure::Reason;
use limpid_domain::ids::{NodeId, RunId};
use limpid_domain::usage::{CacheResult, DeliveredFormat, UsageCounts};
use limpid_event_store::origin_observation_append::OriginSeen;
use limpid_event_store::usage_append::{UsageBatch, UsageCell, append_usage};
use serde_json::{Value, json};

use crate::dashboard::{Account, Dashboard};
use crate::origin_errors::failures::{DEFAULT_ENDPOINT, failure, store};
use crate::origins_health::{append, hour, hour_of, seen};

/// Requests of the present hour and of the one a day before.
async fn delivered(dashboard: &Dashboard, account: &Account<'_>) {
    let now = Clock::system().now();
    let cell = |days, cache, requests, bytes| UsageCell {
        tenant_id: account.id,
        hour: hour_of(now) - TimeDelta::days(days),
        endpoint_no: DEFAULT_ENDPOINT,
        status: 200,
        cache,
        format: DeliveredFormat::WebP,
        counts: UsageCounts { requests, bytes },
    };
    let batch = UsageBatch {
        node: NodeId(77),
        run: RunId::mint(),
        began_at: now,
        seq: 1,
        counted_to: now,
        stopped: false,
        cells: vec![
            cell(0, CacheResult::Hit, 6, 600),
            cell(0, CacheResult::Miss, 2, 900),
            cell(1, CacheResult::Miss, 3, 300),
        ],
        tops: Vec::new(),
    };
    let mut connection = dashboard.database.service().await.unwrap();
    append_usage(&mut connection, &batch).await.unwrap();
}

#[tokio::test]
async fn every_number_of_the_overview_has_its_past_and_its_course() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    delivered(&dashboard, &account).await;
    let this_hour = hour_of(Clock::system().now());
    let hours = vec![
        hour((account.id, &origin), this_hour, (6, 1, 1)),
        hour(
            (account.id, &origin),
            this_hour - TimeDelta::days(1),
            (3, 0, 1),
        ),
    ];
    append(&dashboard, vec![seen(account.id, &origin)], hours).await;

    let from = (this_hour - TimeDelta::hours(2)).to_rfc3339();
    let path = format!("/dashboard/v1/overview?from={}", from.replace('+', "%2B"));
    let overview = account.get(&path).await.expect(200);
    assert_eq!(
        overview["requests"],
        json!({"value": 8, "previous": 0, "delta": 8, "series": [0, 0, 8]})
    );
    assert_eq!(overview["cacheHitRatio"]["value"], 0.75);
    assert_eq!(overview["cacheHitRatio"]["previous"], Value::Null);
    assert_eq!(overview["cacheHitRatio"]["delta"], Value::Null);
    assert_eq!(
        overview["failingShare"]["series"],
        json!([null, null, 0.125])
    );
    assert_eq!(overview["meta"]["intervalMs"], 3_600_000);

    // Of a day, the day before is there to be compared with.
    let from = (this_hour - TimeDelta::hours(23)).to_rfc3339();
    let path = format!("/dashboard/v1/overview?from={}", from.replace('+', "%2B"));
    let overview = account.get(&path).await.expect(200);
    let tile = |name: &str| {
        let tile = &overview[name];
        (
            tile["value"].clone(),
            tile["previous"].clone(),
            tile["delta"].clone(),
        )
    };
    assert_eq!(tile("requests"), (json!(8), json!(3), json!(5)));
    assert_eq!(tile("bytes"), (json!(1_500), json!(300), json!(1_200)));
    assert_eq!(tile("originFetches"), (json!(8), json!(4), json!(4)));
    assert_eq!(
        tile("failingShare"),
        (json!(0.125), json!(0.25), json!(-0.125))
    );
    assert_eq!(
        tile("cacheHitRatio"),
        (json!(0.75), json!(0.0), json!(0.75))
    );
    let (p50, before, delta) = tile("p50Ms");
    assert!((33..=48).contains(&p50.as_u64().unwrap()));
    assert_eq!((before, delta), (p50, json!(0)));
    assert_eq!(overview["requests"]["series"].as_array().unwrap().len(), 24);
}

#[tokio::test]
async fn an_account_without_traffic_has_an_overview_of_nothing() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let overview = account.get("/dashboard/v1/overview").await.expect(200);
    assert_eq!(overview["requests"]["value"], 0);
    assert_eq!(overview["failingShare"]["value"], Value::Null);
    assert_eq!(overview["p95Ms"]["delta"], Value::Null);
    let refused = account.get("/dashboard/v1/overview?form=now-1h").await;
    assert_eq!(
        refused.refusal(400),
        "Unknown parameter \"form\"; did you mean \"from\"?"
    );
    let too_fine = account.get("/dashboard/v1/overview?from=now-30d&interval=1h");
    assert!(
        too_fine
            .await
            .refusal(400)
            .contains("more than 120 buckets")
    );
}

#[tokio::test]
async fn one_origin_is_shown_over_time_with_its_codes_times_and_changes() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let other = account.origin("Other").await;
    let this_hour = hour_of(Clock::system().now());
    let hours = vec![
        hour((account.id, &origin), this_hour, (4, 1, 2)),
        hour((account.id, &other), this_hour, (50, 0, 0)),
    ];
    append(&dashboard, vec![seen(account.id, &origin)], hours).await;
    let failures = vec![
        failure(account.id, Reason::ObjectNotFound),
        failure(account.id, Reason::AccessDenied),
    ];
    store(&dashboard, 1, failures).await;

    let path = format!("/dashboard/v1/origins/{origin}/metrics?from=now-3h");
    let metrics = account.get(&path).await.expect(200);
    let sum = |column: &Value| {
        let column = column.as_array().unwrap().iter();
        column.map(|count| count.as_i64().unwrap()).sum::<i64>()
    };
    assert_eq!(sum(&metrics["successes"]), 4);
    assert_eq!(
        (sum(&metrics["fileFaults"]), sum(&metrics["failures"])),
        (1, 2)
    );
    let mut codes: Vec<&str> = metrics["byCode"]["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_str().unwrap())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, ["EACCES", "ENOENT"]);
    let last = metrics["successes"].as_array().unwrap().len() - 1;
    for name in ["p50Ms", "p95Ms", "p99Ms"] {
        let time = metrics[name][last].as_u64().unwrap();
        assert!((33..=48).contains(&time), "{name}: {time}");
        assert_eq!(metrics[name][0], Value::Null);
    }
    let latency = &metrics["latency"];
    assert_eq!(latency["upToMs"].as_array().unwrap().len(), 33);
    assert_eq!(latency["counts"][last].as_array().unwrap().len(), 34);
    assert_eq!(sum(&latency["counts"][last]), 4);
    let marks = metrics["annotations"].as_array().unwrap();
    assert_eq!(marks.len(), 1, "{marks:?}");
    assert_eq!(marks[0]["resourceId"], json!(origin));
    // Nobody else's.
    let stranger = dashboard.account("zeta").await;
    stranger.get(&path).await.expect(404);
    account
        .get("/dashboard/v1/origins/nonsense/metrics")
        .await
        .expect(404);
}

async fn done(account: &Account<'_>) -> Vec<String> {
    let answer = account.get("/dashboard/v1/onboarding").await.expect(200);
    let steps = answer["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 6);
    let done: Vec<String> = steps
        .iter()
        .filter(|step| step["done"] == true)
        .map(|step| step["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(answer["finished"], done.len() == 6);
    for step in steps {
        let snippet = step["snippet"].as_str().unwrap();
        assert!(!snippet.contains(&account.private_key));
    }
    done
}

#[tokio::test]
async fn a_new_account_sees_what_is_done_and_what_comes_next() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    assert_eq!(done(&account).await, [""; 0]);
    let origin = account.origin("Photos").await;
    assert_eq!(done(&account).await, ["create_origin", "attach_origin"]);
    let answer = account.get("/dashboard/v1/onboarding").await.expect(200);
    let snippet = answer["steps"][1]["snippet"].as_str().unwrap();
    assert!(snippet.contains(&origin), "{snippet}");
    let snippet = answer["steps"][3]["snippet"].as_str().unwrap();
    assert!(
        snippet.contains("http://127.0.0.1:8080/acme/tr:w-300/"),
        "{snippet}"
    );

    let answered = OriginSeen {
        last_success_at: Some(Clock::system().now()),
        ..seen(account.id, &origin)
    };
    append(&dashboard, vec![answered], Vec::new()).await;
    delivered(&dashboard, &account).await;
    let from_sdk = account.call(Method::POST, "/v1/accounts/origins");
    let from_sdk = from_sdk.header("user-agent", "ImageKit/JS 7.11.0");
    let body = json!({"name": "Second", "type": "WEB_PROXY"});
    from_sdk.json(&body).send().await.expect(201);
    let hook = json!({"url": "https://hooks.example/", "events": ["alert.firing"]});
    let hook = account
        .post("/dashboard/v1/webhooks", &hook)
        .await
        .expect(201);
    let rule = json!({"name": "New", "condition": {"type": "group_state", "states": ["new"]}, "webhooks": [hook["id"]]});
    account
        .post("/dashboard/v1/alert-rules", &rule)
        .await
        .expect(201);
    assert_eq!(done(&account).await.len(), 6);
}
