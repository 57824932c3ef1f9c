//! What groups go through, told once.

use chrono::TimeDelta;
use limpid_domain::failure::{FailureEvent, Reason};
use limpid_projector::alerts::look;
use serde_json::{Value, json};

use super::watch::{RULES, Watch, alerts, group_rule, is_signed_by, rule};
use crate::dashboard::{Account, Dashboard};
use crate::origin_errors::failures::{failure, store};

const GROUPS: &str = "/dashboard/v1/origin-errors/groups";

fn failures(account: &Account<'_>, reason: Reason, count: usize) -> Vec<FailureEvent> {
    (0..count).map(|_| failure(account.id, reason)).collect()
}

async fn group_of(account: &Account<'_>, reason: &str) -> String {
    let page = account.get(&format!("{GROUPS}?reason={reason}")).await;
    page.expect(200)["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn ten_thousand_failures_of_a_group_are_one_alert_and_one_message() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, secret) = watch.webhook(&account).await;
    let id = group_rule(&account, &["new", "regressed"], &webhook).await;
    for batch in 1..=10 {
        store(
            &dashboard,
            batch,
            failures(&account, Reason::ObjectNotFound, 1_000),
        )
        .await;
        watch.look().await;
        watch.send().await;
    }
    let received = watch.received();
    assert_eq!(received.len(), 1, "{received:?}");
    assert!(is_signed_by(&received[0], &secret));
    assert!(!is_signed_by(&received[0], "whsec_of_somebody_else"));
    let message = watch.last();
    assert_eq!(message["type"], "alert.firing");
    assert_eq!(received[0].header("webhook-id"), message["id"].as_str());
    let data = &message["data"];
    assert_eq!(
        (&data["imagekitId"], &data["total"]),
        (&json!("acme"), &json!(1))
    );
    assert_eq!(data["rule"]["id"], json!(id));
    let detail = &data["alerts"][0]["detail"];
    for (member, value) in [
        ("state", "new"),
        ("reason", "object_not_found"),
        ("code", "ENOENT"),
        ("pathTemplate", "/shoes/*.jpg"),
        ("endpointId", "default"),
        ("originName", "Photos"),
    ] {
        assert_eq!(detail[member], value, "{detail}");
    }
    let firing = alerts(&account, "firing").await;
    assert_eq!(firing.len(), 1);
    let group = group_of(&account, "object_not_found").await;
    assert_eq!(firing[0]["subject"], format!("group:{group}"));
}

#[tokio::test]
async fn a_group_that_is_resolved_and_comes_back_is_told_both_times() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = watch.webhook(&account).await;
    group_rule(&account, &["new", "regressed"], &webhook).await;
    store(&dashboard, 1, failures(&account, Reason::BodyEmpty, 1)).await;
    watch.look().await;
    let group = group_of(&account, "body_empty").await;
    account
        .post(&format!("{GROUPS}/{group}/resolve"), &json!({}))
        .await
        .expect(200);
    let again = FailureEvent {
        occurred_at: watch.clock.now() + TimeDelta::minutes(1),
        ..failure(account.id, Reason::BodyEmpty)
    };
    watch.look().await;
    store(&dashboard, 2, vec![again]).await;
    watch.look().await;
    watch.send().await;
    let received = watch.received();
    let mut told: Vec<(String, String)> = received
        .iter()
        .map(|request| {
            let message: Value = serde_json::from_slice(&request.body).unwrap();
            let state = message["data"]["alerts"][0]["detail"]["state"]
                .as_str()
                .unwrap()
                .to_owned();
            (message["type"].as_str().unwrap().to_owned(), state)
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            ("alert.firing".to_owned(), "new".to_owned()),
            ("alert.firing".to_owned(), "regressed".to_owned()),
            ("alert.recovered".to_owned(), "new".to_owned()),
        ]
    );
    assert_eq!(alerts(&account, "firing").await.len(), 1);
    assert_eq!(alerts(&account, "recovered").await.len(), 1);
}

#[tokio::test]
async fn several_groups_of_one_look_are_one_message_and_other_groups_are_left_out() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = watch.webhook(&account).await;
    let condition = json!({"type": "group_state", "states": ["new"], "endpoints": ["default"], "origins": [origin],
        "reasons": ["object_not_found", "body_empty"]});
    rule(
        &account,
        json!({"name": "Some", "condition": condition, "webhooks": [webhook]}),
    )
    .await;
    let mut events = failures(&account, Reason::ObjectNotFound, 2);
    events.extend(failures(&account, Reason::BodyEmpty, 2));
    events.extend(failures(&account, Reason::AccessDenied, 2));
    store(&dashboard, 1, events).await;
    watch.look().await;
    watch.send().await;
    assert_eq!(watch.received().len(), 1);
    let message = watch.last();
    assert_eq!(message["data"]["total"], 2, "{message}");
    let reasons = message["data"]["alerts"].as_array().unwrap().iter();
    let mut reasons: Vec<&str> = reasons
        .map(|alert| alert["detail"]["reason"].as_str().unwrap())
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["body_empty", "object_not_found"]);
}

#[tokio::test]
async fn in_quiet_hours_nobody_is_told_and_at_their_end_everything_at_once() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = watch.webhook(&account).await;
    let time = |minutes| {
        (watch.clock.now() + TimeDelta::minutes(minutes))
            .format("%H:%M")
            .to_string()
    };
    let quiet = json!({"from": time(-10), "to": time(60)});
    let condition = json!({"type": "group_state", "states": ["new"]});
    rule(&account, json!({"name": "Quiet", "condition": condition, "webhooks": [webhook], "quietHours": quiet})).await;
    for (batch, reason) in [(1, Reason::ObjectNotFound), (2, Reason::BodyEmpty)] {
        store(&dashboard, batch, failures(&account, reason, 1)).await;
        watch.look().await;
        watch.send().await;
    }
    assert_eq!(watch.received().len(), 0);
    assert_eq!(
        alerts(&account, "firing").await.len(),
        2,
        "they can be read"
    );
    watch.clock.advance(TimeDelta::minutes(61));
    watch.look().await;
    watch.send().await;
    assert_eq!(watch.received().len(), 1);
    assert_eq!(watch.last()["data"]["total"], 2);
}

#[tokio::test]
async fn quiet_hours_are_those_of_a_time_zone() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = watch.webhook(&account).await;
    // Five and a half hours ahead of UTC all year, so that no quiet hour of UTC is one there by accident.
    let time = |minutes: i64| {
        (watch.clock.now() + TimeDelta::minutes(330 + minutes))
            .format("%H:%M")
            .to_string()
    };
    let quiet = json!({"from": time(-10), "to": time(60), "timeZone": "Asia/Kolkata"});
    let condition = json!({"type": "group_state", "states": ["new"]});
    let body = json!({"name": "Quiet", "condition": condition, "webhooks": [webhook], "quietHours": quiet});
    let id = rule(&account, body).await;
    assert_eq!(
        account.get(&format!("{RULES}/{id}")).await.expect(200)["quietHours"],
        quiet
    );
    store(&dashboard, 1, failures(&account, Reason::ObjectNotFound, 1)).await;
    watch.look().await;
    watch.send().await;
    assert_eq!(watch.received().len(), 0);
    watch.clock.advance(TimeDelta::minutes(61));
    watch.look().await;
    watch.send().await;
    assert_eq!(watch.received().len(), 1);
}

#[tokio::test]
async fn a_time_zone_that_the_database_does_not_know_any_more_keeps_nobody_silent() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = watch.webhook(&account).await;
    let quiet = json!({"from": "00:00", "to": "23:59", "timeZone": "UTC"});
    let condition = json!({"type": "group_state", "states": ["new"]});
    let body = json!({"name": "Quiet", "condition": condition, "webhooks": [webhook], "quietHours": quiet});
    rule(&account, body).await;
    let forget = "update alert_rule set settings = jsonb_set(settings, '{quietHours,timeZone}', '\"Europe/Atlantis\"')";
    let mut tx = dashboard.database.tenant_tx(account.id).await.unwrap();
    sqlx::query(forget).execute(tx.as_conn()).await.unwrap();
    tx.commit().await.unwrap();
    store(&dashboard, 1, failures(&account, Reason::ObjectNotFound, 1)).await;
    watch.look().await;
    watch.send().await;
    assert_eq!(watch.received().len(), 1);
}

#[tokio::test]
async fn muted_groups_and_what_was_there_before_a_rule_are_no_news() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    store(&dashboard, 1, failures(&account, Reason::ObjectNotFound, 1)).await;
    let (webhook, _) = watch.webhook(&account).await;
    let id = group_rule(&account, &["new", "regressed"], &webhook).await;
    let group = group_of(&account, "object_not_found").await;
    for action in ["mute", "resolve"] {
        account
            .post(&format!("{GROUPS}/{group}/{action}"), &json!({}))
            .await
            .expect(200);
    }
    let again = FailureEvent {
        occurred_at: watch.clock.now() + TimeDelta::minutes(1),
        ..failure(account.id, Reason::ObjectNotFound)
    };
    store(&dashboard, 2, vec![again]).await;
    watch.look().await;
    assert_eq!(alerts(&account, "firing").await.len(), 0, "muted");
    store(&dashboard, 3, failures(&account, Reason::BodyEmpty, 1)).await;
    watch.look().await;
    assert_eq!(alerts(&account, "firing").await.len(), 1);
    account.delete(&format!("{RULES}/{id}")).await;
    watch.look().await;
    assert_eq!(
        alerts(&account, "firing").await.len(),
        0,
        "its rule is gone"
    );
    watch.send().await;
    assert_eq!(watch.received().len(), 1, "and that is not told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_projectors_that_look_at_once_open_one_alert_and_send_one_message() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = watch.webhook(&account).await;
    group_rule(&account, &["new"], &webhook).await;
    for batch in 1..=5 {
        store(
            &dashboard,
            batch,
            failures(&account, Reason::ObjectNotFound, 10),
        )
        .await;
        let (one, other) = tokio::join!(
            look(&dashboard.database, &watch.clock),
            look(&dashboard.database, &watch.clock)
        );
        one.and(other).unwrap();
        tokio::join!(watch.send(), watch.send());
    }
    watch.look().await;
    tokio::join!(watch.send(), watch.send());
    assert_eq!(watch.received().len(), 1);
    assert_eq!(alerts(&account, "firing").await.len(), 1);
}
