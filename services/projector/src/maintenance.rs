//! Partitions: made a week ahead, dropped when all of their failures are older than the retention. And what is kept for a while only: alerts
//! that are over, deliveries to webhooks, successes of path templates.

use chrono::TimeDelta;
use limpid_event_store::StoreError;
use limpid_event_store::failure_partitions::maintain;
use limpid_read_models::alerts::forget_old_alerts;
use limpid_read_models::origin_health::forget_successes;
use limpid_read_models::webhook_deliveries::forget_old_deliveries;
use tokio_util::sync::CancellationToken;

use crate::ProjectorConfig;
use crate::metrics::Metrics;
use crate::schedule::Schedule;

/// Lives of groups look back a week from the last failure, which was at most a week ago.
const SUCCESSES_KEPT: TimeDelta = TimeDelta::days(15);

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
    let forgotten = forget_successes(&config.database, now - SUCCESSES_KEPT).await?;
    tracing::debug!(forgotten, "removed old successes of path templates");
    tracing::debug!(?changes, "looked after the partitions of failures");
    if let Some(webhooks) = &config.webhooks {
        let deliveries = forget_old_deliveries(&webhooks.database, now).await?;
        let alerts = forget_old_alerts(&webhooks.database, now).await?;
        tracing::debug!(deliveries, alerts, "forgot old alerts and deliveries");
    }
    Ok(())
}
