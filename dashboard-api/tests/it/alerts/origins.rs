//! Rules about origins, as they are judged when their facts are there.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_read_models::alerts::{announce, watch_origins};
use serde_json::{Value, json};

use super::watch::{Watch, alerts, rule};
use crate::dashboard::{Account, Dashboard};

async fn health(
    watch: &Watch<'_>,
    (account, origin): (&Account<'_>, &str),
    (failures, certificate_ends_at): (i32, Option<DateTime<Utc>>),
) {
    let mut owner = watch.dashboard.database.owner_tx().await.unwrap();
    sqlx::query(
        "insert into origin_health (tenant_id, origin_id, origin_version, consecutive_failures, certificate_ends_at, breaker)
         values ($1, $2::uuid, 1, $3, $4, 0)
         on conflict (tenant_id, origin_id) do update set consecutive_failures = excluded.consecutive_failures,
           certificate_ends_at = excluded.certificate_ends_at",
    )
    .bind(account.id.0)
    .bind(origin)
    .bind(failures)
    .bind(certificate_ends_at)
    .execute(&mut *owner)
    .await
    .unwrap();
    owner.commit().await.unwrap();
}

/// Looks at rules about origins and tells what is new; the alerts that are firing.
async fn look(watch: &Watch<'_>, account: &Account<'_>) -> Vec<Value> {
    let (database, now) = (&watch.dashboard.database, watch.clock.now());
    watch_origins(database, now).await.unwrap().unwrap();
    announce(database, now).await.unwrap().unwrap();
    alerts(account, "firing").await
}

#[tokio::test]
async fn an_origin_that_fails_in_a_row_is_told_once_and_when_it_answers_again() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = watch.webhook(&account).await;
    let condition = json!({"type": "origin_test", "origins": [origin], "failures": 3});
    rule(
        &account,
        json!({"name": "Origin", "condition": condition, "webhooks": [webhook]}),
    )
    .await;
    for (failures, firing) in [(2, 0), (3, 1), (900, 1), (0, 0), (3, 1)] {
        health(&watch, (&account, &origin), (failures, None)).await;
        let found = look(&watch, &account).await;
        assert_eq!(found.len(), firing, "{failures}");
        watch.clock.advance(TimeDelta::seconds(1));
    }
    let found = look(&watch, &account).await;
    assert_eq!(found[0]["subject"], format!("origin:{origin}"));
    assert_eq!(found[0]["detail"]["originName"], "Photos");
    watch.send().await;
    assert_eq!(watch.received().len(), 3, "began, ended, began");
    account
        .put(
            "/v1/accounts/url-endpoints/default",
            &json!({"description": "Default", "origins": []}),
        )
        .await
        .expect(200);
    account
        .delete(&format!("/v1/accounts/origins/{origin}"))
        .await
        .expect(204);
    assert_eq!(look(&watch, &account).await.len(), 0, "it is gone");
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_told_until_it_is_renewed() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = watch.webhook(&account).await;
    let condition = json!({"type": "expiry", "days": 14});
    rule(
        &account,
        json!({"name": "Expiry", "condition": condition, "webhooks": [webhook]}),
    )
    .await;
    let day = |days| Some(watch.clock.now() + TimeDelta::days(days));
    for (ends, firing) in [
        (None, 0),
        (day(15), 0),
        (day(13), 1),
        (day(12), 1),
        (day(90), 0),
    ] {
        health(&watch, (&account, &origin), (0, ends)).await;
        let found = look(&watch, &account).await;
        assert_eq!(found.len(), firing, "{ends:?}");
        if let Some(alert) = found.first() {
            assert_eq!(alert["subject"], format!("origin:{origin}:certificate"));
        }
    }
    watch.send().await;
    assert_eq!(watch.received().len(), 2, "ends soon, renewed");
}

#[tokio::test]
async fn the_end_of_a_token_that_was_replaced_is_told_no_more() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = watch.webhook(&account).await;
    let condition = json!({"type": "expiry", "days": 14});
    rule(
        &account,
        json!({"name": "Expiry", "condition": condition, "webhooks": [webhook]}),
    )
    .await;
    let seen = async |version: i32, days: i64| {
        let mut owner = dashboard.database.owner_tx().await.unwrap();
        sqlx::query(
            "insert into origin_health (tenant_id, origin_id, origin_version, consecutive_failures, certificate_ends_at,
               credential_ends_at, credential_version, breaker)
             values ($1, $2::uuid, $3, 0, $4, $4, $3, 0)
             on conflict (tenant_id, origin_id) do update set origin_version = excluded.origin_version,
               certificate_ends_at = excluded.certificate_ends_at, credential_ends_at = excluded.credential_ends_at,
               credential_version = excluded.credential_version",
        )
        .bind(account.id.0)
        .bind(&origin)
        .bind(version)
        .bind(watch.clock.now() + TimeDelta::days(days))
        .execute(&mut *owner)
        .await
        .unwrap();
        owner.commit().await.unwrap();
    };
    seen(1, 5).await;
    assert_eq!(look(&watch, &account).await.len(), 2, "both end");
    watch.clock.advance(TimeDelta::seconds(1));
    let body =
        json!({"name": "Photos", "type": "WEB_FOLDER", "baseUrl": "https://new.example.com"});
    account
        .put(&format!("/v1/accounts/origins/{origin}"), &body)
        .await
        .expect(200);
    assert_eq!(look(&watch, &account).await.len(), 0, "neither is in use");
    watch.clock.advance(TimeDelta::seconds(1));
    seen(2, 3).await;
    assert_eq!(
        look(&watch, &account).await.len(),
        2,
        "the new ones end too"
    );
}

#[tokio::test]
async fn an_origin_that_is_renamed_keeps_its_alert_about_a_certificate() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let path = "/v1/accounts/origins";
    let settings = |name: &str, folder: &str| {
        let base_url = format!("https://photos.example.com/{folder}");
        json!({"name": name, "type": "WEB_FOLDER", "baseUrl": base_url})
    };
    let created = account.post(path, &settings("Photos", "a")).await;
    let origin = created.expect(201)["id"].as_str().unwrap().to_owned();
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = watch.webhook(&account).await;
    let condition = json!({"type": "expiry", "days": 14});
    rule(
        &account,
        json!({"name": "Expiry", "condition": condition, "webhooks": [webhook]}),
    )
    .await;
    let soon = watch.clock.now() + TimeDelta::days(5);
    health(&watch, (&account, &origin), (0, Some(soon))).await;
    let path = format!("{path}/{origin}");
    for (name, folder, firing) in [
        ("Photos", "a", 1),
        ("Pictures", "a", 1),
        ("Images", "a", 1),
        ("Images", "b", 0),
    ] {
        account
            .put(&path, &settings(name, folder))
            .await
            .expect(200);
        let found = look(&watch, &account).await;
        assert_eq!(found.len(), firing, "{name} {folder}");
        watch.clock.advance(TimeDelta::seconds(1));
    }
}
