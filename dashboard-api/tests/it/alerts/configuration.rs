//! Rules and webhooks as configuration: what is refused, who sees what, and where a secret is not.

use http::Method;
use limpid_domain::failure::Reason;
use limpid_read_models::delivery_config::verify;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::watch::{ALERTS, RULES, WEBHOOKS, Watch, group_rule, patch};
use crate::dashboard::{Account, Dashboard};
use crate::origin_errors::failures::{failure, store};

const IMAGEKIT: &str = "/v1/accounts/webhooks";

fn hook(name: &str) -> Value {
    json!({"url": format!("https://{name}.example/"), "events": ["alert.firing"]})
}

fn watching(webhooks: &[&str]) -> Value {
    json!({"name": "Night watch", "condition": {"type": "group_state", "states": ["new"]}, "webhooks": webhooks})
}

/// A rule whose quiet hours are local time of `zone`.
fn quiet(zone: &str) -> Value {
    json!({"name": "Night watch", "condition": {"type": "expiry"}, "quietHours": {"from": "22:00", "to": "07:00", "timeZone": zone}})
}

async fn id_of(account: &Account<'_>, path: &str, body: &Value) -> String {
    let created = account.post(path, body).await.expect(201);
    created["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_rule_lives_from_201_to_204_and_holds_its_webhook() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let webhook = id_of(&account, WEBHOOKS, &hook("a")).await;
    let created = account.post(RULES, &watching(&[&webhook])).await;
    assert_eq!(created.header("etag"), "\"1\"");
    let created = created.expect(201);
    assert_eq!(
        (&created["enabled"], &created["quietHours"]),
        (&json!(true), &Value::Null)
    );
    let path = format!("{RULES}/{}", created["id"].as_str().unwrap());
    let refused = account.delete(&format!("{WEBHOOKS}/{webhook}")).await;
    assert_eq!(
        refused.refusal(400),
        "The webhook is used by the alert rules Night watch. Take it out of them first."
    );
    let stale = account.call(Method::PUT, &path).header("if-match", "\"9\"");
    stale.json(&watching(&[])).send().await.expect(412);
    let replaced = account.put(&path, &watching(&[])).await.expect(200);
    assert_eq!(replaced["webhooks"], json!([]));
    assert_eq!(account.get(RULES).await.expect(200), json!([replaced]));
    account
        .delete(&format!("{WEBHOOKS}/{webhook}"))
        .await
        .expect(204);
    account.delete(&path).await.expect(204);
    account.get(&path).await.expect(404);
}

#[tokio::test]
async fn what_could_never_alert_is_refused_when_it_is_saved() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let nobody = "01890a5d-ac96-774b-bcce-b302099a8057";
    for (body, message) in [
        (
            watching(&[nobody]),
            format!("The account has no webhook with the id {nobody}."),
        ),
        (
            json!({"name": "x", "condition": {"type": "group_state", "states": ["new"], "origins": [nobody]}}),
            format!("The account has no origin with the id {nobody}."),
        ),
        (
            json!({"name": "x"}),
            "condition is required and must be an object".to_owned(),
        ),
        (
            quiet("Europe/Atlantis"),
            "quietHours.timeZone must be a name of the IANA time zone database such as Europe/Berlin; \"Europe/Atlantis\" is none".to_owned(),
        ),
        (
            quiet("right/UTC"),
            "quietHours.timeZone must be a name of the IANA time zone database such as Europe/Berlin; \"right/UTC\" is none".to_owned(),
        ),
    ] {
        assert_eq!(account.post(RULES, &body).await.refusal(400), message);
    }
    let ftp = json!({"url": "ftp://a.example", "events": ["alert.firing"]});
    let refused = account.post(WEBHOOKS, &ftp).await.refusal(400);
    assert_eq!(refused, "url must begin with https://");
    account
        .get(&format!("{ALERTS}?state=open"))
        .await
        .expect(400);
}

#[tokio::test]
async fn imagekits_shape_has_endpoint_events_and_a_secret_that_is_whole_once() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let body = json!({"endpoint": "https://hooks.example/x", "events": ["alert.firing"]});
    let created = account.post(IMAGEKIT, &body).await.expect(201);
    let secret = created["secret"].as_str().unwrap();
    assert!(
        secret.starts_with("whsec_") && secret.len() == 55,
        "{secret}"
    );
    let members: Vec<&String> = created.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        [
            "createdAt",
            "enabled",
            "endpoint",
            "events",
            "id",
            "secret",
            "updatedAt"
        ]
    );
    let path = format!("{IMAGEKIT}/{}", created["id"].as_str().unwrap());
    let read = account.get(&path).await.expect(200);
    assert_eq!(read["secret"], format!("{}…", secret.get(..10).unwrap()));
    assert_eq!(account.get(IMAGEKIT).await.expect(200), json!([read]));
    let changed = patch(&account, &path, &json!({"enabled": false})).await;
    assert_eq!(
        (&changed["enabled"], &changed["endpoint"]),
        (&json!(false), &body["endpoint"])
    );
    account.post(IMAGEKIT, &body).await.expect(409);
    let media = json!({"endpoint": "https://b.example", "events": ["file.created"]});
    let refused = account.post(IMAGEKIT, &media).await.refusal(400);
    assert!(
        refused.contains("\"file.created\" never happens here"),
        "{refused}"
    );
    account.delete(&path).await.expect(204);
    assert_eq!(account.get(&path).await.refusal(404), "Webhook not found.");
}

#[tokio::test]
async fn another_tenants_things_behave_like_those_nobody_has() {
    let dashboard = Dashboard::start().await;
    let (ours, theirs) = (
        dashboard.account("ours").await,
        dashboard.account("theirs").await,
    );
    let webhook = id_of(&theirs, WEBHOOKS, &hook("a")).await;
    let rule = id_of(&theirs, RULES, &watching(&[&webhook])).await;
    for path in [
        format!("{WEBHOOKS}/{webhook}"),
        format!("{WEBHOOKS}/{webhook}/deliveries"),
        format!("{IMAGEKIT}/{webhook}"),
        format!("{RULES}/{rule}"),
    ] {
        ours.get(&path).await.expect(404);
    }
    let test = format!("{WEBHOOKS}/{webhook}/test");
    ours.post(&test, &json!({})).await.expect(404);
    let rotate = format!("{WEBHOOKS}/{webhook}/rotate-secret");
    ours.post(&rotate, &json!({})).await.expect(404);
    ours.post(RULES, &watching(&[&webhook])).await.expect(400);
    ours.delete(&format!("{RULES}/{rule}")).await.expect(404);
    assert_eq!(
        theirs
            .get(RULES)
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

/// Every row of every table, as text.
async fn everything_stored(dashboard: &Dashboard) -> String {
    let mut owner = dashboard.database.owner_tx().await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relkind in ('r', 'p')",
    )
    .fetch_all(&mut *owner)
    .await
    .unwrap();
    drop(owner);
    let mut all = String::new();
    let mut service = dashboard.database.service().await.unwrap();
    for table in tables {
        let query =
            format!("select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from {table} t");
        let rows: Result<String, _> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_one(&mut *service)
            .await;
        all.extend(rows);
    }
    assert!(all.contains("whsec_"), "the hint of the secret is among it");
    all
}

#[tokio::test]
async fn a_secret_is_answered_once_and_stored_nowhere() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, first) = watch.webhook(&account).await;
    let path = format!("{WEBHOOKS}/{webhook}");
    let rotated = account
        .post(&format!("{path}/rotate-secret"), &json!({}))
        .await
        .expect(200);
    let second = rotated["secret"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    group_rule(&account, &["new"], &webhook).await;
    store(
        &dashboard,
        1,
        vec![failure(account.id, Reason::ObjectNotFound)],
    )
    .await;
    watch.look().await;
    watch.send().await;
    assert!(
        super::watch::is_signed_by(&watch.received()[0], &second),
        "by the new one"
    );
    let mut told = everything_stored(&dashboard).await;
    for path in [
        WEBHOOKS.to_owned(),
        path.clone(),
        format!("{path}/deliveries"),
        IMAGEKIT.to_owned(),
        ALERTS.to_owned(),
        "/dashboard/v1/changes".to_owned(),
        "/dashboard/v1/config".to_owned(),
    ] {
        told += &account.get(&path).await.expect(200).to_string();
    }
    for secret in [first, second] {
        let random = secret.get(12..40).unwrap();
        assert!(!told.contains(random));
    }
    let changes = account.get("/dashboard/v1/changes").await.expect(200);
    let rotation = changes["data"].as_array().unwrap().iter();
    let rotation = rotation
        .clone()
        .find(|change| change["kind"] == "webhook_secret_rotated")
        .unwrap();
    let fields: Vec<&Value> = rotation["diff"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| &field["field"])
        .collect();
    assert_eq!(fields, [&json!("secret")]);
    assert!(
        rotation["diff"][0]["to"]
            .as_str()
            .unwrap()
            .starts_with("v2 #"),
        "{rotation}"
    );
}

#[tokio::test]
async fn the_log_gives_the_same_rules_and_webhooks_again() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let webhook = id_of(&account, WEBHOOKS, &hook("a")).await;
    let path = format!("{WEBHOOKS}/{webhook}");
    patch(
        &account,
        &path,
        &json!({"description": "x", "enabled": false}),
    )
    .await;
    account
        .post(&format!("{path}/rotate-secret"), &json!({}))
        .await
        .expect(200);
    let rule = id_of(&account, RULES, &watching(&[&webhook])).await;
    let mut changed = watching(&[]);
    changed["enabled"] = json!(false);
    account
        .put(&format!("{RULES}/{rule}"), &changed)
        .await
        .expect(200);
    let gone = id_of(&account, WEBHOOKS, &hook("b")).await;
    account
        .delete(&format!("{WEBHOOKS}/{gone}"))
        .await
        .expect(204);
    assert_eq!(verify(&dashboard.database).await.unwrap(), []);
}
