//! The store against real disks and a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command_answers;
mod config_listener;
mod config_log;
mod database;
mod distributed_schema;
mod failure_crash;
mod failure_ingest;
mod failure_partitions;
mod flusher;
mod flusher_journal;
mod row_level_security;
mod spool;
mod spool_model;
mod tenant_erasure;
mod vault;

use limpid_domain::event::{Actor, ActorKind, ConfigEvent, EventMeta};
use limpid_domain::origin::{OriginLocation, OriginSettings};
use limpid_event_store::{Database, DatabaseOptions};
use limpid_testkit::database::TestDatabase;

/// A migrated database of the test's own. Keep the first value alive as long as the second.
async fn fresh() -> (TestDatabase, Database) {
    let test = TestDatabase::migrated(migrate).await;
    let options = DatabaseOptions {
        max_connections: 20,
        ..DatabaseOptions::default()
    };
    let database = Database::connect(test.url(), &options).await.unwrap();
    (test, database)
}

async fn migrate(url: String) {
    Database::migrate(&url).await.unwrap();
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

fn settings(name: &str) -> OriginSettings {
    OriginSettings {
        name: name.to_owned(),
        location: OriginLocation::WebProxy,
        include_canonical_header: false,
        base_url_for_canonical_header: None,
    }
}

fn created(name: &str) -> ConfigEvent {
    ConfigEvent::OriginCreated {
        settings: settings(name),
        credentials: None,
    }
}

fn replaced(name: &str) -> ConfigEvent {
    ConfigEvent::OriginReplaced {
        settings: settings(name),
        credentials: None,
    }
}
