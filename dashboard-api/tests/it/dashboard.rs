//! A running dashboard for one test.

use std::time::Duration;

use http::Method;
use limpid_dashboard_api::config::{ApiConfig, DEFAULT_HELP, DEFAULT_QUESTIONS_PER_ACCOUNT};
use limpid_dashboard_api::{DashboardConfig, run};
use limpid_domain::clock::Clock;
use limpid_domain::ids::{ImagekitId, TenantId};
use limpid_event_store::vault::{KeyRing, Vault};
use limpid_event_store::{Database, DatabaseOptions};
use limpid_read_models::delivery_config::tenant_by_imagekit_id;
use limpid_testkit::database::TestDatabase;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::{Answer, Call};

pub(crate) const OPERATOR_KEY: &str = "operator_key_of_the_tests";

/// A dashboard on a free port with a database of its own. Dropped, it stops.
#[derive(Debug)]
pub(crate) struct Dashboard {
    pub(crate) address: String,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) database: Database,
    /// Where failures are: the same one, mostly.
    pub(crate) failures: Database,
    pub(crate) vault: Vault,
}

/// A tenant of a test and its private key.
#[derive(Debug)]
pub(crate) struct Account<'a> {
    dashboard: &'a Dashboard,
    pub(crate) id: TenantId,
    pub(crate) private_key: String,
    pub(crate) public_key: String,
}

impl Dashboard {
    pub(crate) async fn start() -> Self {
        Self::start_on(migrated().await).await
    }

    /// A dashboard whose failures have a database of their own.
    pub(crate) async fn start_apart() -> Self {
        let failures = Some(migrated().await);
        Self::start_with(migrated().await, failures, Clock::system()).await
    }

    /// A dashboard that this clock tells the time.
    pub(crate) async fn start_at(clock: Clock) -> Self {
        Self::start_with(migrated().await, None, clock).await
    }

    /// A dashboard whose database nobody answers for.
    pub(crate) async fn start_without_database() -> Self {
        let options = DatabaseOptions {
            acquire_timeout: Duration::from_millis(200),
            ..DatabaseOptions::default()
        };
        let url = "postgres://nobody@127.0.0.1:1/nothing";
        Self::start_on(Database::lazy(url, &options).unwrap()).await
    }

    pub(crate) async fn start_on(database: Database) -> Self {
        Self::start_with(database, None, Clock::system()).await
    }

    async fn start_with(
        database: Database,
        failures_database: Option<Database>,
        clock: Clock,
    ) -> Self {
        let failures = failures_database
            .clone()
            .unwrap_or_else(|| database.clone());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let vault = Vault::new(KeyRing::generate().unwrap());
        let config = DashboardConfig {
            listener,
            api: ApiConfig {
                database: database.clone(),
                failures_database,
                vault: vault.clone(),
                operator_key: OPERATOR_KEY.into(),
                serving_url: "http://127.0.0.1:8080/".parse().unwrap(),
                serving_node: ([127, 0, 0, 1], 1).into(),
                help: DEFAULT_HELP.to_owned(),
                webhooks_allow_http: true,
                questions_per_account: DEFAULT_QUESTIONS_PER_ACCOUNT,
                clock,
            },
            drain_timeout: Duration::from_secs(5),
        };
        let shutdown = CancellationToken::new();
        let tasks = TaskTracker::new();
        let running = run(config, shutdown.clone());
        tasks.spawn(async move { running.await.unwrap() });
        tasks.close();
        Self {
            address,
            shutdown,
            tasks,
            database,
            failures,
            vault,
        }
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        Call::new(method, &format!("{}{path}", self.address))
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) async fn account(&self, imagekit_id: &str) -> Account<'_> {
        let created = self
            .call(Method::POST, "/operator/v1/tenants")
            .bearer(OPERATOR_KEY)
            .json(&json!({ "imagekitId": imagekit_id }))
            .send()
            .await
            .expect(201);
        let name: ImagekitId = imagekit_id.parse().unwrap();
        let tenant = tenant_by_imagekit_id(&self.database, &name).await.unwrap();
        Account {
            dashboard: self,
            id: tenant.unwrap().tenant_id,
            private_key: created["privateKey"].as_str().unwrap().to_owned(),
            public_key: created["publicKey"].as_str().unwrap().to_owned(),
        }
    }
}

/// A new database with the schema.
async fn migrated() -> Database {
    let database = TestDatabase::migrated(|url| async move {
        Database::migrate(&url).await.unwrap();
    });
    let options = DatabaseOptions::default();
    Database::connect(database.await.url(), &options)
        .await
        .unwrap()
}

impl Account<'_> {
    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        self.dashboard
            .call(method, path)
            .private_key(&self.private_key)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path).json(body).send().await
    }

    /// Replaces whatever is there.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        let call = self.call(Method::PUT, path).header("if-match", "*");
        call.json(body).send().await
    }

    /// Deletes whatever is there.
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        let call = self.call(Method::DELETE, path).header("if-match", "*");
        call.send().await
    }

    /// Adds a web proxy and returns its id.
    pub(crate) async fn origin(&self, name: &str) -> String {
        let body = json!({"name": name, "type": "WEB_PROXY"});
        let origin = self.post("/v1/accounts/origins", &body).await.expect(201);
        origin["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
