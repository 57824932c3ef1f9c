//! Partitions: made a week ahead, dropped when all of their failures are older than the retention. And what is kept for a while only: alerts
//! that are over, deliveries to webhooks.

use limpid_event_store::StoreError;
use limpid_event_store::failure_partitions::maintain;
use limpid_read_models::alerts::forget_old_alerts;
use limpid_read_models::webhook_deliveries::forget_old_deliveries;
use tokio_util::sync::CancellationToken;

use crate::ProjectorConfig;
use crate::metrics::Metrics;
use crate::schedule::Schedule;

pub(crate) async fn run(config: ProjectorConfig, metrics: Metrics, shutdown: CancellationToken) {
    let mut schedule = Schedule::new("maintenance", config.maintenance_interval, shutdown);
    while schedule.next(once(&config, &metrics).await).await {}
}

async fn once(config: &ProjectorConfig, metrics: &Metrics) -> Result<(), StoreError> {
    let now = config.clock.now();
    let keep_from = now
        .checked_sub_signed(config.failure_retention)
        .unwrap_or(chrono::DateTime::UNIX_EPOCH);
    let changes = maintain(&config.database, now, keep_from).await?;
    metrics.report_default_partition(changes.in_default);
    tracing::debug!(?changes, "looked after the partitions of failures");
    if let Some(webhooks) = &config.webhooks {
        let deliveries = forget_old_deliveries(&webhooks.database, now).await?;
        let alerts = forget_old_alerts(&webhooks.database, now).await?;
        tracing::debug!(deliveries, alerts, "forgot old alerts and deliveries");
    }
    Ok(())
}
