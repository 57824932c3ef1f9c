//! Whether a repair worked: the dashboard asks a real node, which asks the origin again, past what it remembers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use limpid_dashboard_api::config::{ApiConfig, DEFAULT_HELP, DEFAULT_QUESTIONS_PER_ACCOUNT};
use limpid_dashboard_api::{DashboardConfig, run};
use limpid_domain::clock::Clock;
use limpid_read_models::failure_groups::project;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::client;
use crate::stack::{Stack, eventually};

const GROUPS: &str = "/dashboard/v1/origin-errors/groups";

/// A dashboard beside a stack's node. Dropped, it stops.
struct Dashboard<'a> {
    stack: &'a Stack,
    address: SocketAddr,
    shutdown: CancellationToken,
}

impl<'a> Dashboard<'a> {
    async fn start(stack: &'a Stack, clock: &Clock) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = DashboardConfig {
            listener,
            api: ApiConfig {
                database: stack.database.clone(),
                failures_database: None,
                vault: stack.vault.clone(),
                operator_key: "operator_key_of_the_tests".into(),
                serving_url: "http://127.0.0.1:8080/".parse().unwrap(),
                serving_node: stack.node.address,
                help: DEFAULT_HELP.to_owned(),
                webhooks_allow_http: false,
                questions_per_account: DEFAULT_QUESTIONS_PER_ACCOUNT,
                clock: clock.clone(),
            },
            drain_timeout: Duration::from_secs(5),
        };
        let shutdown = CancellationToken::new();
        let running = run(config, shutdown.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with its token")]
        tokio::spawn(async move { running.await.unwrap() });
        Self {
            stack,
            address,
            shutdown,
        }
    }

    /// Status and every line of JSON.
    async fn call(&self, method: &str, path: &str, body: &str) -> (u16, Vec<Value>) {
        let key = format!("{}:", self.stack.tenant.private_key.expose());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Basic {}\r\ncontent-length: {}\r\n\r\n{body}",
            STANDARD.encode(key),
            body.len()
        );
        let answer = client::raw(self.address, request.as_bytes()).await;
        let answer = String::from_utf8(answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        // Lengths of chunks stand between them.
        let lines = answer.lines().filter(|line| line.starts_with('{'));
        let lines = lines.map(|line| serde_json::from_str(line).unwrap());
        (status, lines.collect())
    }

    async fn verify(&self, group: &str) -> (Vec<Value>, Value) {
        let path = format!("{GROUPS}/{group}/verify");
        let (status, mut lines) = self.call("POST", &path, "{}").await;
        assert_eq!(status, 200, "{lines:?}");
        let verdict = lines.pop().unwrap();
        (lines, verdict)
    }

    /// The group of the failures of `/repaired/`, once there are so many.
    async fn group_with(&self, failures: i64) -> String {
        eventually("the group to be counted", async || {
            project(&self.stack.database).await.unwrap();
            let path = format!("{GROUPS}?q=/repaired/");
            let (_, answers) = self.call("GET", &path, "").await;
            let group = answers.first()?["data"].as_array()?.first()?.clone();
            (group["lifetimeAttempts"] == failures).then_some(group)
        })
        .await["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

impl Drop for Dashboard<'_> {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_mended_verified_and_served_at_once_in_seconds() {
    let clock = Clock::system();
    let stack = Stack::start().await;
    let dashboard = Dashboard::start(&stack, &clock).await;
    let started = Instant::now();
    for name in ["a", "b", "c"] {
        let path = format!("/demo/tr:w-30/repaired/{name}.jpg");
        assert_eq!(stack.get(&path).await.status, 404);
    }
    let group = dashboard.group_with(3).await;

    let photo = || Script::ok("image/jpeg", PHOTO_JPEG);
    stack.origin.answer("/repaired/a.jpg", photo());
    stack.origin.answer("/repaired/b.jpg", photo());
    let (paths, verdict) = dashboard.verify(&group).await;
    let outcomes: Vec<(&str, &str, &Value)> = paths
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap();
            (text("path"), text("outcome"), &line["reason"])
        })
        .collect();
    let missing = json!("object_not_found");
    assert_eq!(
        outcomes,
        [
            ("/repaired/c.jpg", "failed", &missing),
            ("/repaired/b.jpg", "served", &Value::Null),
            ("/repaired/a.jpg", "served", &Value::Null),
        ],
        "the one that failed last first"
    );
    assert_eq!(verdict["verdict"], "2 of 3 now served");
    assert_eq!(
        (&verdict["resolved"], &verdict["state"]),
        (&json!(false), &json!("new"))
    );

    stack.origin.answer("/repaired/c.jpg", photo());
    let before = stack.origin.requests().len();
    let (paths, verdict) = dashboard.verify(&group).await;
    assert_eq!(paths.len(), 3);
    assert_eq!(stack.origin.requests().len(), before + 3, "one each");
    assert_eq!(
        (&verdict["verdict"], &verdict["resolved"], &verdict["state"]),
        (
            &json!("3 of 3 now served"),
            &json!(true),
            &json!("resolved")
        )
    );
    // The node would have repeated the failures for seconds more.
    for name in ["a", "b", "c"] {
        let path = format!("/demo/tr:w-30/repaired/{name}.jpg");
        assert_eq!(stack.get(&path).await.status, 200);
    }
    let elapsed = started.elapsed();
    assert!(elapsed < Duration::from_secs(10), "{elapsed:?}");

    assert_life_is_told(&dashboard, &group).await;
    let path = format!("{GROUPS}/{group}/verify");
    let (status, _) = dashboard.call("POST", &path, "{}").await;
    assert_eq!(status, 429, "two a minute");
}

async fn assert_life_is_told(dashboard: &Dashboard<'_>, group: &str) {
    let (_, events) = dashboard
        .call("GET", &format!("{GROUPS}/{group}/events"), "")
        .await;
    let events = events.first().unwrap()["data"].as_array().unwrap().clone();
    let told: Vec<(&Value, &Value)> = events
        .iter()
        .map(|event| (&event["kind"], &event["data"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("resolved"), &json!({"by": "verified"})),
            (
                &json!("verification_failed"),
                &json!({"served": 2, "asked": 3})
            ),
            (&json!("began"), &json!({})),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_origin_gives_is_no_repair_of_the_one_that_fails() {
    let stack = Stack::start().await;
    let dashboard = Dashboard::start(&stack, &Clock::system()).await;
    let broken = crate::stack::web_folder("broken", &format!("{}/gone", stack.origin.base_url()));
    let broken = stack.add_origin(broken).await;
    let rescue = crate::stack::web_folder("rescue", &stack.origin.base_url());
    let rescue = stack.add_origin(rescue).await;
    stack.attach_to_default(&[broken, rescue]).await;
    let photo = || Script::ok("image/jpeg", PHOTO_JPEG);
    stack.origin.answer("/repaired/a.jpg", photo());
    assert_eq!(stack.get("/demo/repaired/a.jpg").await.status, 200);
    let group = dashboard.group_with(1).await;
    let (paths, verdict) = dashboard.verify(&group).await;
    let reason = paths.first().unwrap()["reason"].as_str().unwrap();
    assert!(reason.starts_with("rescued; "), "{reason}");
    assert_eq!(verdict["verdict"], "0 of 1 now served");
    stack.origin.answer("/gone/repaired/a.jpg", photo());
    let (_, verdict) = dashboard.verify(&group).await;
    assert_eq!(verdict["verdict"], "1 of 1 now served");
}
