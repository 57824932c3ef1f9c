//! A serving node with its database, one tenant and one fake origin.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::TimeDelta;
use limpid_dashboard_api::commands::{
    CommandContext, CreatedTenant, ReplaceUrlEndpoint, create_origin, create_tenant,
    create_url_endpoint, replace_url_endpoint,
};
use limpid_domain::clock::Clock;
use limpid_domain::event::{Actor, ActorKind, EventMeta};
use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{OriginId, TenantId};
use limpid_domain::origin::OriginDraft;
use limpid_domain::tenant::CreateTenant;
use limpid_domain::url_endpoint::{UrlEndpointDraft, UrlEndpointName};
use limpid_event_store::spool::SpoolConfig;
use limpid_event_store::vault::{KeyRing, Vault};
use limpid_event_store::{Database, DatabaseOptions};
use limpid_origins::{AllowedAddress, FetchConfig};
use limpid_read_models::failure_log;
use limpid_read_models::failure_summary::{self, Summary};
use limpid_read_models::filter::{FailureFilter, Window};
use limpid_serving::config::{CacheConfig, HttpConfig, RequestLimits};
use limpid_serving::{Serving, ServingConfig};
use limpid_testkit::database::TestDatabase;
use limpid_testkit::fake_origin::FakeOrigin;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{self, Answer};

/// Longest wait for something to become visible.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything a test needs.
pub(crate) struct Stack {
    pub(crate) database: Database,
    pub(crate) vault: Vault,
    pub(crate) origin: FakeOrigin,
    pub(crate) tenant: CreatedTenant,
    pub(crate) config: ServingConfig,
    pub(crate) node: Node,
    _directory: TempDir,
}

/// A running serving node.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

impl Node {
    pub(crate) async fn start(config: ServingConfig) -> Self {
        let serving = Serving::bind(config).await.unwrap();
        let address = serving.local_addr();
        let shutdown = CancellationToken::new();
        let stopped = shutdown.clone();
        #[expect(clippy::disallowed_methods, reason = "the test waits for the handle")]
        let running = tokio::spawn(async move { serving.run(stopped).await.unwrap() });
        Self {
            address,
            shutdown,
            running,
        }
    }

    /// Asks for an orderly end and waits for it.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.running.await.unwrap();
    }

    /// Asks for an orderly end without waiting.
    pub(crate) fn begin_stop(&self) {
        self.shutdown.cancel();
    }
}

impl Stack {
    /// A node, a tenant `demo` and its default endpoint with one web folder: the fake origin.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same with a changed configuration.
    pub(crate) async fn start_with(change: impl FnOnce(&mut ServingConfig)) -> Self {
        let test = TestDatabase::migrated(|url| async move {
            Database::migrate(&url).await.unwrap();
        })
        .await;
        Self::start_on(test.url(), change).await
    }

    /// The same on a migrated database of the test's own.
    pub(crate) async fn start_on(url: &str, change: impl FnOnce(&mut ServingConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::connect(url, &DatabaseOptions::default())
            .await
            .unwrap();
        let vault = Vault::new(KeyRing::generate().unwrap());
        let origin = FakeOrigin::start().await;
        let context = CommandContext {
            database: &database,
            vault: &vault,
            meta: meta(),
        };
        let create = CreateTenant {
            imagekit_id: "demo".parse().unwrap(),
            name: "Demo".to_owned(),
        };
        let tenant = create_tenant(&context, create).await.unwrap();
        let web_folder = web_folder("zoo", &origin.base_url());
        create_origin(&context, tenant.tenant_id, origin_draft(web_folder))
            .await
            .unwrap();
        let mut config = serving_config(url, &vault, &directory);
        change(&mut config);
        Self {
            node: Node::start(config.clone()).await,
            database,
            vault,
            origin,
            tenant,
            config,
            _directory: directory,
        }
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        client::get(self.node.address, target).await
    }

    pub(crate) async fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        client::request(self.node.address, method, target, headers).await
    }

    pub(crate) fn context(&self) -> CommandContext<'_> {
        CommandContext {
            database: &self.database,
            vault: &self.vault,
            meta: meta(),
        }
    }

    pub(crate) fn tenant_id(&self) -> TenantId {
        self.tenant.tenant_id
    }

    /// Adds an origin and gives its id.
    pub(crate) async fn add_origin(&self, body: Value) -> OriginId {
        let draft = origin_draft(body);
        let view = create_origin(&self.context(), self.tenant_id(), draft).await;
        view.unwrap().id
    }

    /// Adds an endpoint with these origins and waits until the node knows it.
    pub(crate) async fn add_endpoint(&self, prefix: &str, origins: &[OriginId]) {
        self.create_endpoint(prefix, origins).await;
        self.wait_for_version().await;
    }

    /// Adds an endpoint with these origins.
    pub(crate) async fn create_endpoint(&self, prefix: &str, origins: &[OriginId]) {
        let body = json!({"description": prefix, "urlPrefix": prefix, "origins": origins});
        let draft = UrlEndpointDraft::parse(body).unwrap();
        create_url_endpoint(&self.context(), self.tenant_id(), draft)
            .await
            .unwrap();
    }

    /// Attaches these origins to the default endpoint and waits until the node knows it.
    pub(crate) async fn attach_to_default(&self, origins: &[OriginId]) {
        let body = json!({"description": "Default", "urlPrefix": "", "origins": origins});
        let replace = ReplaceUrlEndpoint {
            name: UrlEndpointName::Default,
            draft: UrlEndpointDraft::parse(body).unwrap(),
            expected: None,
        };
        replace_url_endpoint(&self.context(), self.tenant_id(), replace)
            .await
            .unwrap();
        self.wait_for_version().await;
    }

    /// Waits until the node answers by the newest configuration: its explanation names the version.
    pub(crate) async fn wait_for_version(&self) {
        let mut tx = self.database.tenant_tx(self.tenant_id()).await.unwrap();
        let newest = limpid_event_store::config_log::lock(&mut tx).await.unwrap();
        drop(tx);
        // The node tells nobody its version; a request that fails records it.
        eventually("the configuration to arrive", async || {
            let answer = self.get("/demo/version-probe/../x.jpg").await;
            let id = answer.header("ik-event-id").to_owned();
            let event = self.event_with_id(&id).await?;
            (event.config_version >= newest).then_some(())
        })
        .await;
    }

    async fn event_with_id(&self, id: &str) -> Option<FailureEvent> {
        let id = id.parse().ok()?;
        eventually("the event to be stored", async || {
            let mut tx = self.database.tenant_tx(self.tenant_id()).await.ok()?;
            let stored = failure_log::event(&mut tx, id).await.ok()??;
            Some(stored.event)
        })
        .await
        .into()
    }

    /// The event an answer names, once it is in the database.
    pub(crate) async fn event_of(&self, answer: &Answer) -> FailureEvent {
        self.event_with_id(answer.header("ik-event-id"))
            .await
            .unwrap()
    }

    /// Every attempt of the request an answer belongs to, once they are in the database.
    pub(crate) async fn attempts_of(&self, answer: &Answer) -> Vec<FailureEvent> {
        let event = self.event_of(answer).await;
        let mut tx = self.database.tenant_tx(self.tenant_id()).await.unwrap();
        let stored = failure_log::attempts(&mut tx, &event).await.unwrap();
        stored.into_iter().map(|stored| stored.event).collect()
    }

    /// The counts of the last hour, leaving out what [`Stack::wait_for_version`] caused.
    pub(crate) async fn summary(&self) -> Summary {
        self.summary_of(Some("/counted/")).await
    }

    /// The counts of the last hour, of paths with this text in them.
    pub(crate) async fn summary_of(&self, path_contains: Option<&str>) -> Summary {
        let now = Clock::system().now();
        let mut filter = FailureFilter::all(Window {
            from: now - TimeDelta::hours(1),
            to: now + TimeDelta::hours(1),
        });
        filter.path_contains = path_contains.map(str::to_owned).into_iter().collect();
        let mut tx = self.database.tenant_tx(self.tenant_id()).await.unwrap();
        failure_summary::summary(&mut tx, &filter).await.unwrap()
    }

    /// Waits until the summary satisfies `is_right`.
    pub(crate) async fn summary_when(&self, is_right: fn(&Summary) -> bool) -> Summary {
        eventually("the counts to arrive", async || {
            let summary = self.summary().await;
            is_right(&summary).then_some(summary)
        })
        .await
    }
}

/// Polls `probe` until it gives something.
pub(crate) async fn eventually<T>(what: &str, probe: impl AsyncFn() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited in vain for {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn web_folder(name: &str, base_url: &str) -> Value {
    json!({"type": "WEB_FOLDER", "name": name, "baseUrl": base_url})
}

pub(crate) fn origin_draft(body: Value) -> OriginDraft {
    OriginDraft::parse(body).unwrap()
}

fn meta() -> EventMeta {
    EventMeta {
        actor: Actor {
            kind: ActorKind::System,
            label: "test".to_owned(),
        },
        source: None,
        request_id: None,
        command_id: None,
        expected_version: None,
        note: None,
    }
}

fn serving_config(url: &str, vault: &Vault, directory: &TempDir) -> ServingConfig {
    ServingConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        database_url: SecretString::from(url),
        failures_database_url: None,
        database_connections: 4,
        vault: vault.clone(),
        spool: SpoolConfig::new(directory.path().join("spool")),
        origins: FetchConfig {
            connect_timeout: Duration::from_secs(1),
            first_byte_timeout: Duration::from_millis(700),
            idle_timeout: Duration::from_millis(700),
            total_timeout: Duration::from_secs(10),
            allow_addresses: vec!["127.0.0.0/8".parse::<AllowedAddress>().unwrap()],
            ..FetchConfig::default()
        },
        snapshot_path: directory.path().join("snapshot"),
        limits: RequestLimits {
            max_source_bytes: 1024 * 1024,
            request_timeout: Duration::from_secs(10),
            ..RequestLimits::default()
        },
        http: HttpConfig {
            // A machine that stands still for ten seconds must not look like two hundred clients that do.
            header_read_timeout: Duration::from_mins(1),
            drain_timeout: Duration::from_secs(10),
            ..HttpConfig::default()
        },
        cache: CacheConfig::default(),
        transform_threads: None,
        trust_traceparent: false,
        usage_interval: Duration::from_millis(50),
        clock: Clock::system(),
    }
}
