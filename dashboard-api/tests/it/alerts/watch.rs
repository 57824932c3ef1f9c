//! The projector's jobs, one step at a time, and a receiver on loopback.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use limpid_domain::clock::Clock;
use limpid_origins::FetchConfig;
use limpid_projector::alerts::look;
use limpid_projector::webhooks::{Deliverer, WebhookConfig};
use limpid_read_models::webhook_deliveries::Tried;
use limpid_testkit::fake_origin::script::Script;
use limpid_testkit::fake_origin::{FakeOrigin, ReceivedRequest};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::task::JoinSet;

use crate::dashboard::{Account, Dashboard};

pub(crate) const WEBHOOKS: &str = "/dashboard/v1/webhooks";
pub(crate) const RULES: &str = "/dashboard/v1/alert-rules";
pub(crate) const ALERTS: &str = "/dashboard/v1/alerts";

/// A projector that does what it is told, when it is told, and a server that is told.
pub(crate) struct Watch<'a> {
    pub(crate) dashboard: &'a Dashboard,
    pub(crate) clock: Clock,
    pub(crate) receiver: FakeOrigin,
}

impl<'a> Watch<'a> {
    /// Begins to look: what is there by now is no news.
    pub(crate) async fn start(dashboard: &'a Dashboard) -> Self {
        // A little ahead, so that what the API puts on its way is due.
        #[expect(clippy::disallowed_methods, reason = "the API's clock is the real one")]
        let clock = Clock::fixed(Utc::now() + TimeDelta::minutes(2));
        let watch = Self {
            dashboard,
            clock,
            receiver: FakeOrigin::start().await,
        };
        watch
            .receiver
            .answer("/hook", Script::ok("text/plain", b"thanks"));
        watch.look().await;
        watch
    }

    /// One look at everything.
    pub(crate) async fn look(&self) {
        look(&self.dashboard.failures, &self.clock).await.unwrap();
    }

    /// Whatever is due is sent; what came back.
    pub(crate) async fn send(&self) -> Vec<Tried> {
        send_with(&self.deliverer(FetchConfig {
            allow_addresses: vec!["127.0.0.1".parse().unwrap()],
            ..FetchConfig::default()
        }))
        .await
    }

    pub(crate) fn deliverer(&self, outbound: FetchConfig) -> Deliverer {
        let config = WebhookConfig {
            database: self.dashboard.failures.clone(),
            accounts_database: self.dashboard.database.clone(),
            vault: self.dashboard.vault.clone(),
            outbound,
            allow_http: true,
        };
        Deliverer::new(config, self.clock.clone()).unwrap()
    }

    /// A webhook of the account at the receiver: its id and its secret.
    pub(crate) async fn webhook(&self, account: &Account<'_>) -> (String, String) {
        let url = format!("{}/hook", self.receiver.base_url());
        let body = json!({"url": url, "events": ["alert.firing", "alert.recovered"], "description": "On call"});
        let webhook = account.post(WEBHOOKS, &body).await.expect(201);
        let text = |member: &str| webhook[member].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    /// What the receiver got, oldest first.
    pub(crate) fn received(&self) -> Vec<ReceivedRequest> {
        let mut requests = self.receiver.requests();
        requests.retain(|request| request.target == "/hook");
        requests
    }

    /// The last message that the receiver got.
    pub(crate) fn last(&self) -> Value {
        let requests = self.received();
        serde_json::from_slice(&requests.last().unwrap().body).unwrap()
    }
}

pub(crate) async fn send_with(deliverer: &Deliverer) -> Vec<Tried> {
    let mut under_way = JoinSet::new();
    deliverer.take_up(&mut under_way).await.unwrap();
    let ended = under_way.join_all().await;
    ended.into_iter().map(|tried| tried.unwrap()).collect()
}

/// A rule about states of groups that tells a webhook; its id.
pub(crate) async fn group_rule(account: &Account<'_>, states: &[&str], webhook: &str) -> String {
    let condition = json!({"type": "group_state", "states": states});
    rule(
        account,
        json!({"name": "Groups", "condition": condition, "webhooks": [webhook]}),
    )
    .await
}

pub(crate) async fn rule(account: &Account<'_>, body: Value) -> String {
    let rule = account.post(RULES, &body).await.expect(201);
    rule["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn patch(account: &Account<'_>, path: &str, body: &Value) -> Value {
    let answer = account.call(Method::PATCH, path).json(body).send().await;
    answer.expect(200)
}

/// The account's alerts in one state.
pub(crate) async fn alerts(account: &Account<'_>, state: &str) -> Vec<Value> {
    let page = account.get(&format!("{ALERTS}?state={state}")).await;
    page.expect(200)["data"].as_array().unwrap().clone()
}

/// What was sent to a webhook, the latest first.
pub(crate) async fn log(account: &Account<'_>, webhook: &str) -> Vec<Value> {
    let page = account
        .get(&format!("{WEBHOOKS}/{webhook}/deliveries"))
        .await;
    page.expect(200)["data"].as_array().unwrap().clone()
}

/// Whether both signatures of a message are of this secret, checked as receivers do.
pub(crate) fn is_signed_by(request: &ReceivedRequest, secret: &str) -> bool {
    let body = std::str::from_utf8(&request.body).unwrap();
    let header = |name: &str| request.header(name).unwrap().to_owned();
    let mac = |text: String| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes()
    };
    let imagekit = header("x-ik-signature");
    let (time, given) = imagekit.split_once(",v1=").unwrap();
    let millis = time.strip_prefix("t=").unwrap();
    let is_imagekit = hex::encode(mac(format!("{millis}.{body}"))) == given;
    let (id, seconds) = (header("webhook-id"), header("webhook-timestamp"));
    let expected = STANDARD.encode(mac(format!("{id}.{seconds}.{body}")));
    let is_standard = header("webhook-signature") == format!("v1,{expected}");
    assert_eq!(is_imagekit, is_standard, "{request:?}");
    is_imagekit
}
