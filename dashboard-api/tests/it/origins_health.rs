//! How origins fare, and what of them ends soon.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_domain::clock::Clock;
use limpid_domain::failure::Reason;
use limpid_domain::ids::{NodeId, OriginId, RunId, StreamVersion, TenantId};
use limpid_domain::origin_health::{LatencyHistogram, OriginBreaker};
use limpid_event_store::origin_observation_append::{
    CredentialEnd, OriginBatch, OriginHour, OriginSeen, append_origin_batch,
};
use serde_json::{Value, json};

use crate::dashboard::{Account, Dashboard};

pub(crate) fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap()
}

/// What a node saw of an origin's hour.
pub(crate) fn hour(
    (tenant_id, origin): (TenantId, &str),
    hour: DateTime<Utc>,
    (successes, file_faults, failures): (i64, i64, i64),
) -> OriginHour {
    let mut latency = LatencyHistogram::default();
    for _ in 0..successes {
        latency.count(std::time::Duration::from_millis(40));
    }
    OriginHour {
        tenant_id,
        origin_id: origin.parse().unwrap(),
        hour,
        successes,
        file_faults,
        failures,
        latency,
    }
}

pub(crate) fn seen(tenant_id: TenantId, origin: &str) -> OriginSeen {
    let origin_id: OriginId = origin.parse().unwrap();
    OriginSeen::new(tenant_id, origin_id, StreamVersion(1))
}

pub(crate) async fn append(
    dashboard: &Dashboard,
    origins: Vec<OriginSeen>,
    hours: Vec<OriginHour>,
) {
    let batch = OriginBatch {
        node: NodeId(77),
        run: RunId::mint(),
        seq: 1,
        counted_to: Clock::system().now(),
        stopped: false,
        origins,
        hours,
        served: Vec::new(),
    };
    let mut connection = dashboard.database.service().await.unwrap();
    let stored = append_origin_batch(&mut connection, &batch).await.unwrap();
    assert!(stored);
}

async fn blob(account: &Account<'_>, name: &str) -> String {
    let body = json!({"name": name, "type": "AZURE_BLOB", "accountName": "account", "container": "photos",
        "prefix": "/shop/", "sasToken": "?sv=2022-11-02&sig=abc"});
    let origin = account.post("/v1/accounts/origins", &body).await;
    origin.expect(201)["id"].as_str().unwrap().to_owned()
}

fn names(answer: &Value) -> Vec<&str> {
    let origins = answer["origins"].as_array().unwrap().iter();
    origins
        .map(|origin| origin["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told in one piece")]
async fn every_origin_has_a_row_with_a_bar_of_twenty_four_hours() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let (well, ill) = (account.origin("Alpha").await, account.origin("Beta").await);
    account.origin("Gamma").await;
    let now = Clock::system().now();
    let this_hour = hour_of(now);
    let last_hour = this_hour - TimeDelta::hours(1);
    let failed = OriginSeen {
        consecutive_failures: 4,
        last_success_at: Some(last_hour),
        last_answer_at: Some(last_hour),
        last_failure: Some((now, Reason::ConnectionRefused)),
        ..seen(account.id, &ill)
    };
    let hours = vec![
        hour((account.id, &well), last_hour, (90, 10, 0)),
        hour((account.id, &ill), last_hour, (15, 0, 1)),
        hour((account.id, &ill), this_hour, (0, 0, 4)),
        hour(
            (account.id, &ill),
            this_hour - TimeDelta::hours(60),
            (500, 0, 0),
        ),
    ];
    append(&dashboard, vec![failed], hours).await;

    let answer = account
        .get("/dashboard/v1/origins/health")
        .await
        .expect(200);
    assert_eq!(names(&answer), ["Alpha", "Beta", "Gamma"]);
    let [alpha, beta, gamma] = [0, 1, 2].map(|place| &answer["origins"][place]);
    assert_eq!(alpha["state"], "good");
    assert_eq!(alpha["type"], "WEB_PROXY");
    assert_eq!(alpha["address"], Value::Null);
    assert_eq!(
        (&alpha["fetches"], &alpha["successes"], &alpha["fileFaults"]),
        (&json!(100), &json!(90), &json!(10))
    );
    assert_eq!(alpha["failingShare"], 0.0);
    let p50 = alpha["p50Ms"].as_u64().unwrap();
    assert!((33..=48).contains(&p50), "{p50}");
    assert_eq!(alpha["p95Ms"], p50);
    assert_eq!(alpha["usedBy"][0]["id"], "default", "the account's first");
    let bar = alpha["bar"].as_array().unwrap();
    assert_eq!(bar.len(), 24);
    assert_eq!(bar[23]["state"], "no_traffic");
    assert_eq!(
        (&bar[22]["state"], &bar[22]["successes"]),
        (&json!("good"), &json!(90))
    );

    assert_eq!(beta["state"], "failing");
    assert_eq!(beta["fetches"], 20, "those of the last 24 hours");
    assert_eq!(beta["failingShare"], 0.25);
    assert_eq!(beta["consecutiveFailures"], 4);
    assert_eq!(beta["lastFailure"]["reason"], "connection_refused");
    assert_eq!(beta["lastFailure"]["code"], "ECONNREFUSED");
    assert_eq!(beta["lastFailure"]["title"], "Connection refused");
    assert_eq!(
        (&beta["breaker"], &beta["usedBy"]),
        (&json!("closed"), &json!([]))
    );
    assert_eq!(gamma["state"], "no_traffic");
    assert_eq!(
        (&gamma["failingShare"], &gamma["p50Ms"], &gamma["breaker"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(answer["meta"]["complete"], true);

    let three_days = account
        .get("/dashboard/v1/origins/health?from=now-3d&state=failing")
        .await
        .expect(200);
    assert_eq!(names(&three_days), ["Beta"]);
    assert_eq!(three_days["origins"][0]["fetches"], 520);
    assert_eq!(
        three_days["origins"][0]["bar"].as_array().unwrap().len(),
        24
    );
    let by_endpoint = account
        .get("/dashboard/v1/origins/health?endpoint=default")
        .await
        .expect(200);
    assert_eq!(names(&by_endpoint), ["Alpha"]);
    let one = account
        .get(&format!("/dashboard/v1/origins/health?origin={ill}"))
        .await
        .expect(200);
    assert_eq!(names(&one), ["Beta"]);
    account
        .get("/dashboard/v1/origins/health?state=ill")
        .await
        .expect(400);

    let stranger = dashboard.account("other").await;
    let foreign = stranger
        .get(&format!("/dashboard/v1/origins/health?origin={ill}"))
        .await
        .expect(200);
    assert_eq!(names(&foreign), Vec::<&str>::new());
}

#[tokio::test]
async fn a_breaker_that_is_open_makes_an_origin_fail_until_nobody_says_so_any_more() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Alpha").await;
    let now = Clock::system().now();
    let open = |at| OriginSeen {
        breaker: Some((OriginBreaker::Open, at)),
        ..seen(account.id, &origin)
    };
    append(
        &dashboard,
        vec![open(now - TimeDelta::minutes(5))],
        Vec::new(),
    )
    .await;
    let health = async || {
        let answer = account
            .get("/dashboard/v1/origins/health")
            .await
            .expect(200);
        let origin = &answer["origins"][0];
        (origin["breaker"].clone(), origin["state"].clone())
    };
    assert_eq!(health().await, (json!("closed"), json!("no_traffic")));
    append(&dashboard, vec![open(now)], Vec::new()).await;
    assert_eq!(health().await, (json!("open"), json!("failing")));
}

#[tokio::test]
async fn what_ends_is_forecast_soonest_first_with_what_to_do() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let (blobs, proxy) = (blob(&account, "Blobs").await, account.origin("Proxy").await);
    let now = Clock::system().now();
    let half_a_day = TimeDelta::hours(12);
    let certificate = |origin: &str, days| OriginSeen {
        certificate: Some((now + TimeDelta::days(days) + half_a_day, now)),
        ..seen(account.id, origin)
    };
    let of_blobs = OriginSeen {
        credential: CredentialEnd::At(now + TimeDelta::days(6) + half_a_day),
        ..certificate(&blobs, 200)
    };
    append(
        &dashboard,
        vec![of_blobs, certificate(&proxy, 20)],
        Vec::new(),
    )
    .await;
    let answer = account.get("/dashboard/v1/expiries").await.expect(200);
    let expiries = answer["expiries"].as_array().unwrap();
    let told: Vec<Value> = expiries
        .iter()
        .map(|expiry| {
            json!([
                expiry["kind"],
                expiry["originName"],
                expiry["daysLeft"],
                expiry["severity"]
            ])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!(["sas_token", "Blobs", 6, "warning"]),
            json!(["certificate", "Proxy", 20, "notice"]),
            json!(["certificate", "Blobs", 200, "fine"]),
        ]
    );
    assert_eq!(expiries[0]["address"], "account/photos/shop");
    assert!(
        expiries[0]["advice"]
            .as_str()
            .unwrap()
            .contains("\"Blobs\"")
    );
    assert!(answer["lagMs"].as_i64().unwrap() < 30_000);
    let soon = account
        .get("/dashboard/v1/expiries?days=30")
        .await
        .expect(200);
    assert_eq!(soon["expiries"].as_array().unwrap().len(), 2);
    account
        .get("/dashboard/v1/expiries?days=0")
        .await
        .expect(400);
    let health = account
        .get("/dashboard/v1/origins/health")
        .await
        .expect(200);
    let origin = &health["origins"][0];
    assert_eq!(origin["credential"]["daysLeft"], 6);
    assert_eq!(origin["certificate"]["severity"], "fine");
}

#[tokio::test]
async fn the_end_of_an_old_token_and_of_a_deleted_origin_is_none() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let (blobs, proxy) = (blob(&account, "Blobs").await, account.origin("Proxy").await);
    let now = Clock::system().now();
    let token = OriginSeen {
        credential: CredentialEnd::At(now + TimeDelta::days(6)),
        ..seen(account.id, &blobs)
    };
    let certificate = OriginSeen {
        certificate: Some((now + TimeDelta::days(20), now)),
        ..seen(account.id, &proxy)
    };
    append(&dashboard, vec![token, certificate], Vec::new()).await;
    let answer = account.get("/dashboard/v1/expiries").await.expect(200);
    assert_eq!(answer["expiries"].as_array().unwrap().len(), 2);
    let body = json!({"name": "Blobs", "type": "AZURE_BLOB", "accountName": "account", "container": "photos",
        "sasToken": "?sv=2022-11-02&se=2099-01-01&sig=abc"});
    let path = format!("/v1/accounts/origins/{blobs}");
    account.put(&path, &body).await.expect(200);
    let answer = account.get("/dashboard/v1/expiries").await.expect(200);
    assert_eq!(answer["expiries"].as_array().unwrap().len(), 1);
    let path = format!("/v1/accounts/origins/{proxy}");
    let first = json!({"description": "Default", "urlPrefix": "", "origins": [blobs]});
    account
        .put("/v1/accounts/url-endpoints/default", &first)
        .await
        .expect(200);
    account.delete(&path).await.expect(204);
    let answer = account.get("/dashboard/v1/expiries").await.expect(200);
    assert_eq!(answer["expiries"], json!([]), "deleted origins end nothing");
}
