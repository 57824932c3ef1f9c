//! Commands against a real database: what they change, what they refuse, and that the log explains everything.

mod origins;
mod rebuild;
mod secrets;
mod tenants;
mod url_endpoints;

use limpid_dashboard_api::commands::{
    CommandContext, CommandError, CreatedTenant, create_origin, create_tenant,
};
use limpid_domain::event::{Actor, ActorKind, EventMeta};
use limpid_domain::ids::{OriginId, TenantId};
use limpid_domain::origin::OriginDraft;
use limpid_domain::tenant::CreateTenant;
use limpid_event_store::vault::{KeyRing, Vault};
use limpid_event_store::{Database, DatabaseOptions};
use limpid_read_models::delivery_config::{OriginView, TenantConfig, load_tenant};
use limpid_testkit::database::TestDatabase;
use serde_json::{Value, json};

/// A migrated database and a vault.
struct House {
    _test: TestDatabase,
    database: Database,
    vault: Vault,
}

impl House {
    async fn new() -> Self {
        let test =
            TestDatabase::migrated(|url| async move { Database::migrate(&url).await.unwrap() })
                .await;
        let options = DatabaseOptions {
            max_connections: 10,
            ..DatabaseOptions::default()
        };
        Self {
            database: Database::connect(test.url(), &options).await.unwrap(),
            _test: test,
            vault: Vault::new(KeyRing::generate().unwrap()),
        }
    }

    fn context(&self) -> CommandContext<'_> {
        CommandContext {
            database: &self.database,
            vault: &self.vault,
            meta: EventMeta {
                actor: Actor {
                    kind: ActorKind::Operator,
                    label: "test".to_owned(),
                },
                source: Some("tests".to_owned()),
                request_id: None,
                command_id: None,
                expected_version: None,
                note: None,
            },
        }
    }

    async fn tenant(&self, imagekit_id: &str) -> CreatedTenant {
        let create = CreateTenant::parse(json!({"imagekitId": imagekit_id})).unwrap();
        create_tenant(&self.context(), create).await.unwrap()
    }

    async fn origin(&self, tenant: TenantId, body: Value) -> OriginView {
        let draft = OriginDraft::parse(body).unwrap();
        create_origin(&self.context(), tenant, draft).await.unwrap()
    }

    /// The tenant as serving sees it.
    async fn config(&self, tenant: TenantId) -> TenantConfig {
        load_tenant(&self.database, &self.vault, tenant)
            .await
            .unwrap()
            .unwrap()
    }

    async fn default_origins(&self, tenant: TenantId) -> Vec<OriginId> {
        let config = self.config(tenant).await;
        config.default_endpoint().unwrap().settings.origins.clone()
    }
}

fn web_folder(name: &str) -> Value {
    json!({"name": name, "type": "WEB_FOLDER", "baseUrl": "https://a.example/x"})
}

fn s3(secret_key: &str) -> Value {
    json!({"name": "bucket", "type": "S3", "bucket": "b", "accessKey": "AKIA", "secretKey": secret_key})
}

fn not_found<T: std::fmt::Debug>(result: Result<T, CommandError>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, CommandError::NotFound { .. }), "{error:?}");
    error.to_string()
}

fn refused<T: std::fmt::Debug>(result: Result<T, CommandError>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, CommandError::Refused { .. }), "{error:?}");
    error.to_string()
}
