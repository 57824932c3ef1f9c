//! Alerts: what groups went through and what share of requests failed is held against the tenants' rules, and what is new is put on its way.

use limpid_domain::clock::Clock;
use limpid_event_store::{Database, StoreError};
use limpid_read_models::alerts::{announce, watch_groups, watch_origins, watch_shares};
use tokio_util::sync::CancellationToken;

use crate::ProjectorConfig;
use crate::schedule::Schedule;

pub(crate) async fn run(config: ProjectorConfig, shutdown: CancellationToken) {
    let Some(webhooks) = &config.webhooks else {
        return;
    };
    let mut schedule = Schedule::new("alerts", config.alerts_interval, shutdown);
    while schedule
        .next(look(&webhooks.database, &config.clock).await)
        .await
    {}
}

/// Looks at everything once. Where another projector is at work, it does what there is to do.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; the next look finds what this one did not.
pub async fn look(database: &Database, clock: &Clock) -> Result<(), StoreError> {
    let now = clock.now();
    let by_groups = watch_groups(database, now).await?;
    let by_shares = watch_shares(database, now).await?;
    let by_origins = watch_origins(database, now).await?;
    let told = announce(database, now).await?;
    if told.is_some_and(|told| told.alerts > 0) {
        tracing::debug!(
            ?by_groups,
            ?by_shares,
            ?by_origins,
            ?told,
            "alerts began or ended"
        );
    }
    Ok(())
}
