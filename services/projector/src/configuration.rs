//! Where failures have a database of their own, the configuration follows them there: rules, limits and names are read beside what they are
//! about.

use std::collections::HashMap;
use std::time::Duration;

use limpid_domain::ids::{TenantId, TenantSeq};
use limpid_event_store::Database;
use limpid_event_store::config_listener::ConfigListener;
use limpid_read_models::delivery_config::follow;
use tokio_util::sync::CancellationToken;

use crate::ProjectorConfig;

/// How often every tenant's position is compared; changes are told at once besides.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

pub(crate) async fn run(config: ProjectorConfig, shutdown: CancellationToken) {
    let Some(accounts) = config.accounts_database else {
        return;
    };
    let mut listener = ConfigListener::new(accounts.clone(), SWEEP_EVERY);
    let mut followed = HashMap::new();
    loop {
        let ahead = tokio::select! {
            () = shutdown.cancelled() => return,
            ahead = listener.changed(&followed) => ahead,
        };
        let databases = (&accounts, &config.database);
        for tenant_id in ahead.into_keys() {
            if shutdown.is_cancelled() {
                return;
            }
            follow_one(databases, tenant_id, &mut followed).await;
        }
    }
}

/// What fails is tried again at the next sweep, after the others had their turn.
async fn follow_one(
    (accounts, failures): (&Database, &Database),
    tenant_id: TenantId,
    followed: &mut HashMap<TenantId, TenantSeq>,
) {
    match follow(accounts, failures, tenant_id).await {
        Ok(seq) => {
            followed.insert(tenant_id, seq);
        }
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            %tenant_id,
            "the configuration beside the failures is behind"
        ),
    }
}
