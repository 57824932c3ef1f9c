//! Failures in a database of their own: every answer as if they were beside the accounts.

use chrono::{TimeDelta, Utc};
use http::Method;
use limpid_domain::clock::Clock;
use limpid_domain::failure::Reason;
use limpid_domain::ids::TenantId;
use limpid_event_store::Database;
use limpid_event_store::tenant_erasure::{adopt, erasure};
use limpid_projector::alerts::look;
use limpid_projector::{ProjectorConfig, run};
use limpid_read_models::delivery_config::{follow, verify};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::alerts::watch::{WEBHOOKS, Watch, alerts, group_rule, is_signed_by, log};
use crate::dashboard::{Account, Dashboard, OPERATOR_KEY};
use crate::origin_errors::failures::{failure, store};

const ERRORS: &str = "/dashboard/v1/origin-errors";

async fn count(database: &Database, query: &'static str, tenant: TenantId) -> i64 {
    let mut connection = database.service().await.unwrap();
    sqlx::query_scalar(query)
        .bind(tenant.0)
        .fetch_one(&mut *connection)
        .await
        .unwrap()
}

const FAILURES: &str = "select count(*) from origin_failure where tenant_id = $1";
const NOTES: &str = "select count(*) from annotation where tenant_id = $1";
const EVENTS: &str = "select count(*) from config_event where tenant_id = $1";
const SECRETS: &str = "select count(*) from sealed_secret where tenant_id = $1";

async fn domain(account: &Account<'_>, domain: Option<&str>) {
    let domains: Vec<Value> = domain.iter().map(|domain| json!(domain)).collect();
    let path = "/dashboard/v1/url-endpoints/default/custom-domains";
    account
        .put(path, &json!({"customDomains": domains}))
        .await
        .expect(200);
}

#[tokio::test]
async fn answers_have_names_changes_and_notes_and_the_accounts_database_no_failure() {
    let dashboard = Dashboard::start_apart().await;
    let account = dashboard.account("acme").await;
    let other = dashboard.account("other").await;
    let origin = account.origin("Photos").await;
    let failures = vec![
        failure(account.id, Reason::ObjectNotFound),
        failure(account.id, Reason::ObjectNotFound),
        failure(other.id, Reason::BodyEmpty),
    ];
    store(&dashboard, 1, failures).await;
    assert_eq!(count(&dashboard.database, FAILURES, account.id).await, 0);

    let summary = account.get(&format!("{ERRORS}/summary")).await.expect(200);
    assert_eq!(summary["attempts"], 2, "{summary}");
    let events = account.get(&format!("{ERRORS}/events")).await.expect(200);
    assert_eq!(events["data"][0]["originName"], "Photos", "{events}");

    // What was changed a moment ago is known without any projector.
    let renamed = json!({"name": "Pictures", "type": "WEB_PROXY"});
    account
        .put(&format!("/v1/accounts/origins/{origin}"), &renamed)
        .await
        .expect(200);
    let events = account.get(&format!("{ERRORS}/events")).await.expect(200);
    assert_eq!(events["data"][0]["originName"], "Pictures", "{events}");

    let note = json!({"note": "deployed"});
    account
        .post("/dashboard/v1/annotations", &note)
        .await
        .expect(201);
    assert_eq!(count(&dashboard.database, NOTES, account.id).await, 0);
    let marks = account.get("/dashboard/v1/annotations").await.expect(200);
    let kinds: Vec<&str> = marks["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mark| mark["type"].as_str().unwrap())
        .collect();
    assert!(kinds.contains(&"note") && kinds.len() > 1, "{marks}");
    assert_eq!(count(&dashboard.failures, SECRETS, account.id).await, 0);
    dashboard.get("/readyz").send().await.expect(200)["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == "failures_database")
        .unwrap();
}

#[tokio::test]
async fn alerts_are_signed_delivered_and_end_where_the_failures_are() {
    let dashboard = Dashboard::start_apart().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, secret) = watch.webhook(&account).await;
    group_rule(&account, &["new"], &webhook).await;
    follow(&dashboard.database, &dashboard.failures, account.id)
        .await
        .unwrap();
    watch.look().await;
    store(&dashboard, 1, vec![failure(account.id, Reason::BodyEmpty)]).await;
    watch.look().await;
    watch.send().await;
    let received = watch.received();
    assert_eq!(received.len(), 1, "{received:?}");
    assert!(is_signed_by(&received[0], &secret));
    assert_eq!(alerts(&account, "firing").await.len(), 1);
    assert_eq!(log(&account, &webhook).await[0]["state"], "delivered");

    // The receiver wants no more: that is a change of the account, so it is told where accounts are.
    watch.receiver.judge(|_| {
        Some(limpid_testkit::fake_origin::script::Script::response(
            410,
            &[],
            b"",
        ))
    });
    store(
        &dashboard,
        2,
        vec![failure(account.id, Reason::ObjectNotFound)],
    )
    .await;
    watch.look().await;
    watch.send().await;
    let path = format!("{WEBHOOKS}/{webhook}");
    assert_eq!(account.get(&path).await.expect(200)["enabled"], false);
}

#[tokio::test]
async fn a_new_webhook_can_be_tested_at_once() {
    let dashboard = Dashboard::start_apart().await;
    let account = dashboard.account("acme").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, secret) = watch.webhook(&account).await;
    let path = format!("{WEBHOOKS}/{webhook}/test");
    let test = account.call(Method::POST, &path).json(&json!({}));
    let (answer, ()) = tokio::join!(test.send(), async {
        while watch.send().await.is_empty() {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(answer.expect(200)["state"], "delivered");
    assert!(is_signed_by(&watch.received()[0], &secret));
}

#[tokio::test]
async fn the_projector_follows_every_account() {
    let dashboard = Dashboard::start_apart().await;
    let accounts = [
        dashboard.account("acme").await,
        dashboard.account("zeta").await,
    ];
    let config = ProjectorConfig {
        accounts_database: Some(dashboard.database.clone()),
        ..ProjectorConfig::new(dashboard.failures.clone(), Clock::system())
    };
    let shutdown = CancellationToken::new();
    let checked = async {
        let later = dashboard.account("later").await;
        later.origin("Photos").await;
        for account in accounts.iter().chain([&later]) {
            let wanted = count(&dashboard.database, EVENTS, account.id).await;
            assert!(wanted >= 3);
            while count(&dashboard.failures, EVENTS, account.id).await < wanted {
                tokio::task::yield_now().await;
            }
        }
        shutdown.cancel();
    };
    tokio::join!(run(config, shutdown.clone()), checked);
    assert_eq!(verify(&dashboard.failures).await.unwrap(), []);
}

#[tokio::test]
async fn a_host_name_that_went_from_one_account_to_the_other_and_back_is_followed() {
    let dashboard = Dashboard::start_apart().await;
    let acme = dashboard.account("acme").await;
    let zeta = dashboard.account("zeta").await;
    domain(&acme, Some("images.example.com")).await;
    for account in [&acme, &zeta] {
        follow(&dashboard.database, &dashboard.failures, account.id)
            .await
            .unwrap();
    }
    domain(&acme, None).await;
    domain(&zeta, Some("images.example.com")).await;
    domain(&zeta, None).await;
    domain(&acme, Some("images.example.com")).await;
    domain(&acme, None).await;
    domain(&zeta, Some("images.example.com")).await;
    // In this order the name is taken in the copy when it is wanted.
    let too_early = follow(&dashboard.database, &dashboard.failures, zeta.id).await;
    assert!(too_early.is_err());
    for account in [&acme, &zeta] {
        follow(&dashboard.database, &dashboard.failures, account.id)
            .await
            .unwrap();
    }
    assert_eq!(verify(&dashboard.failures).await.unwrap(), []);
}

#[tokio::test]
async fn of_an_account_that_is_being_erased_nothing_comes_back() {
    let dashboard = Dashboard::start_apart().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    dashboard
        .call(Method::POST, "/operator/v1/tenants/acme/erase")
        .bearer(OPERATOR_KEY)
        .json(&json!({"confirm": "acme"}))
        .send()
        .await
        .expect(202);
    let asked = erasure(&dashboard.database, account.id).await.unwrap();
    adopt(&dashboard.failures, &asked.unwrap()).await.unwrap();
    follow(&dashboard.database, &dashboard.failures, account.id)
        .await
        .unwrap();
    assert_eq!(count(&dashboard.failures, EVENTS, account.id).await, 1);
    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    let clock = Clock::fixed(Utc::now() + TimeDelta::minutes(1));
    look(&dashboard.failures, &clock).await.unwrap();
}
