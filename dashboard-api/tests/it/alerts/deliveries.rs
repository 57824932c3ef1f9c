//! Messages that arrive, late or never.

use chrono::TimeDelta;
use limpid_domain::failure::Reason;
use limpid_origins::FetchConfig;
use limpid_read_models::webhook_deliveries::{LEASE, claim, forget_old_deliveries};
use limpid_testkit::fake_origin::script::Script;
use serde_json::{Value, json};

use super::watch::{WEBHOOKS, Watch, group_rule, is_signed_by, log, patch, send_with};
use crate::dashboard::{Account, Dashboard};
use crate::origin_errors::failures::{failure, store};

/// One alert that a webhook is to be told of; the webhook's id and secret.
async fn something_to_tell(
    watch: &Watch<'_>,
    account: &Account<'_>,
    (batch, reason): (i64, Reason),
) -> (String, String) {
    let (webhook, secret) = watch.webhook(account).await;
    group_rule(account, &["new"], &webhook).await;
    tell_more(watch, account, (batch, reason)).await;
    (webhook, secret)
}

async fn tell_more(watch: &Watch<'_>, account: &Account<'_>, (batch, reason): (i64, Reason)) {
    store(watch.dashboard, batch, vec![failure(account.id, reason)]).await;
    watch.look().await;
}

fn broken() -> Script {
    Script::response(500, &[("content-type", "text/plain")], b"out of order\x07")
}

#[tokio::test]
async fn what_a_receiver_refuses_comes_again_later_with_the_same_id() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    for script in [broken(), broken(), Script::ok("text/plain", b"at last")] {
        watch.receiver.answer("/hook2", script);
    }
    let (webhook, secret) = something_to_tell(&watch, &account, (1, Reason::ObjectNotFound)).await;
    let url = format!("{}/hook2", watch.receiver.base_url());
    patch(
        &account,
        &format!("{WEBHOOKS}/{webhook}"),
        &json!({"url": url}),
    )
    .await;
    for (advance, sent) in [
        (TimeDelta::zero(), 1),
        (TimeDelta::seconds(4), 0),
        (TimeDelta::seconds(2), 1),
        (TimeDelta::seconds(299), 0),
        (TimeDelta::seconds(32), 1),
        (TimeDelta::days(2), 0),
    ] {
        watch.clock.advance(advance);
        assert_eq!(watch.send().await.len(), sent, "{advance}");
    }
    let received = watch.receiver.requests();
    assert_eq!(received.len(), 3);
    let ids: Vec<_> = received
        .iter()
        .map(|request| request.header("webhook-id"))
        .collect();
    assert!(
        ids.iter().all(|id| *id == ids[0] && id.is_some()),
        "{ids:?}"
    );
    assert!(
        received
            .iter()
            .all(|request| is_signed_by(request, &secret))
    );
    assert_ne!(
        received[0].header("webhook-timestamp"),
        received[2].header("webhook-timestamp")
    );
    let delivery = &log(&account, &webhook).await[0];
    assert_eq!(
        (&delivery["state"], &delivery["attempts"]),
        (&json!("delivered"), &json!(3))
    );
    assert_eq!(delivery["nextAttemptAt"], Value::Null);
    let tries = delivery["tries"].as_array().unwrap();
    assert_eq!(tries[0]["status"], 500);
    assert_eq!(tries[0]["answer"], "out of order\u{fffd}");
    assert_eq!(tries[2]["answer"], "at last");
    assert_eq!(delivery["payload"]["type"], "alert.firing");
}

#[tokio::test]
async fn after_five_days_without_one_success_a_webhook_is_disabled_and_says_why() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    watch.receiver.judge(|_| Some(broken()));
    let (webhook, _) = something_to_tell(&watch, &account, (1, Reason::ObjectNotFound)).await;
    let mut sent = 0;
    for _ in 0..40 {
        sent += watch.send().await.len();
        watch.clock.advance(TimeDelta::hours(1));
    }
    assert_eq!(sent, 8, "eight attempts and no more");
    assert_eq!(log(&account, &webhook).await[0]["state"], "failed");
    let path = format!("{WEBHOOKS}/{webhook}");
    assert_eq!(account.get(&path).await.expect(200)["enabled"], true);
    watch.clock.advance(TimeDelta::days(4));
    tell_more(&watch, &account, (2, Reason::BodyEmpty)).await;
    watch.send().await;
    let disabled = account.get(&path).await.expect(200);
    assert_eq!(disabled["enabled"], false);
    let reason = disabled["disabledReason"].as_str().unwrap();
    assert!(
        reason.starts_with("Nothing could be delivered for five days."),
        "{reason}"
    );
    let changes = account
        .get("/dashboard/v1/changes?limit=1")
        .await
        .expect(200);
    assert_eq!(changes["data"][0]["kind"], "webhook_disabled");
    assert_eq!(
        changes["data"][0]["actor"],
        json!({"kind": "system", "label": "projector"})
    );
    watch.clock.advance(TimeDelta::minutes(10));
    assert_eq!(watch.send().await.len(), 0);
    assert_eq!(log(&account, &webhook).await[0]["state"], "cancelled");
    let enabled = patch(&account, &path, &json!({"enabled": true})).await;
    assert_eq!(enabled["disabledReason"], Value::Null);
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_no_more() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    watch
        .receiver
        .judge(|_| Some(Script::response(410, &[], b"")));
    let (webhook, _) = something_to_tell(&watch, &account, (1, Reason::ObjectNotFound)).await;
    watch.send().await;
    let answer = account
        .get(&format!("{WEBHOOKS}/{webhook}"))
        .await
        .expect(200);
    assert_eq!(answer["enabled"], false);
    assert!(answer["disabledReason"].as_str().unwrap().contains("410"));
    tell_more(&watch, &account, (2, Reason::BodyEmpty)).await;
    watch.clock.advance(TimeDelta::hours(1));
    assert_eq!(watch.send().await.len(), 0);
    assert_eq!(watch.received().len(), 1);
}

#[tokio::test]
async fn what_was_decided_survives_a_crash_and_is_sent_once() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = something_to_tell(&watch, &account, (1, Reason::ObjectNotFound)).await;
    // A program that took the delivery and died before it sent it.
    let claimed = claim(&dashboard.database, watch.clock.now(), 10)
        .await
        .unwrap();
    assert_eq!(claimed.len(), 1);
    watch.look().await;
    assert_eq!(watch.send().await.len(), 0, "it is somebody's");
    watch.clock.advance(LEASE);
    assert_eq!(watch.send().await.len(), 1);
    watch.look().await;
    watch.clock.advance(TimeDelta::days(1));
    assert_eq!(watch.send().await.len(), 0);
    assert_eq!(watch.received().len(), 1);
    assert_eq!(log(&account, &webhook).await[0]["attempts"], 2);
}

#[tokio::test]
async fn a_repetition_is_a_new_delivery_of_the_same_message() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = something_to_tell(&watch, &account, (1, Reason::ObjectNotFound)).await;
    watch.send().await;
    let first = log(&account, &webhook).await[0].clone();
    let path = |id: &Value| format!("/dashboard/v1/webhook-deliveries/{}", id.as_str().unwrap());
    let resend = format!("{}/resend", path(&first["id"]));
    let again = account.post(&resend, &json!({})).await.expect(202);
    assert_eq!(again["resentFrom"], first["id"]);
    assert_eq!(again["state"], "pending");
    watch.send().await;
    let received = watch.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(
        received[0].header("webhook-id"),
        received[1].header("webhook-id")
    );
    assert_ne!(
        received[0].header("limpid-delivery-id"),
        received[1].header("limpid-delivery-id")
    );
    let delivered = account.get(&path(&again["id"])).await.expect(200);
    assert_eq!(delivered["state"], "delivered");
    let other = dashboard.account("other").await;
    other.post(&resend, &json!({})).await.expect(404);
    let off = json!({"enabled": false});
    patch(&account, &format!("{WEBHOOKS}/{webhook}"), &off).await;
    assert_eq!(
        account.post(&resend, &json!({})).await.refusal(409),
        "The webhook is disabled, so nothing is sent to it. Enable it, then send the message again."
    );
    watch.clock.advance(TimeDelta::days(31));
    let removed = forget_old_deliveries(&dashboard.database, watch.clock.now()).await;
    assert_eq!(removed.unwrap(), 2);
}

#[tokio::test]
async fn no_message_goes_to_a_private_address_unless_the_operator_lets_it() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = something_to_tell(&watch, &account, (1, Reason::ObjectNotFound)).await;
    let tried = send_with(&watch.deliverer(FetchConfig::default())).await;
    let error = tried[0].error.clone().unwrap();
    assert!(error.starts_with("address_prohibited: "), "{error}");
    let url = format!("{WEBHOOKS}/{webhook}");
    let named = watch.receiver.base_url().replace("127.0.0.1", "localhost");
    patch(&account, &url, &json!({"url": format!("{named}/hook")})).await;
    watch.clock.advance(TimeDelta::seconds(6));
    let tried = send_with(&watch.deliverer(FetchConfig::default())).await;
    let error = tried[0].error.clone().unwrap();
    assert!(error.starts_with("address_prohibited: "), "{error}");
    assert_eq!(watch.received().len(), 0);
    let redirect = format!("/redirect?to={}/hook", watch.receiver.base_url());
    patch(
        &account,
        &url,
        &json!({"url": format!("{}{redirect}", watch.receiver.base_url())}),
    )
    .await;
    watch.clock.advance(TimeDelta::minutes(6));
    let tried = watch.send().await;
    assert!(
        tried[0]
            .status
            .is_some_and(|status| (300..400).contains(&status)),
        "{tried:?}"
    );
    assert_eq!(watch.received().len(), 0, "redirects are not followed");
}

#[tokio::test]
async fn the_test_button_sends_now_and_answers_what_came_back() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let watch = Watch::start(&dashboard).await;
    watch
        .receiver
        .judge(|_| Some(Script::response(418, &[], b"I am a teapot")));
    let (webhook, secret) = watch.webhook(&account).await;
    let path = format!("{WEBHOOKS}/{webhook}/test");
    let body = json!({});
    let testing = account.post(&path, &body);
    let sending = async {
        while watch.send().await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let (answer, ()) = tokio::join!(testing, sending);
    let answer = answer.expect(200);
    assert_eq!(
        (&answer["type"], &answer["state"]),
        (&json!("webhook.test"), &json!("failed"))
    );
    assert_eq!(answer["tries"][0]["status"], 418);
    assert_eq!(answer["tries"][0]["answer"], "I am a teapot");
    let received = watch.received();
    assert_eq!(received.len(), 1, "a test is tried once");
    assert!(is_signed_by(&received[0], &secret));
    assert_eq!(watch.last()["data"]["webhookId"], json!(webhook));
}
