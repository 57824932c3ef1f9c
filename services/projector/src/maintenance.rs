//! Partitions: made a week ahead, dropped when all of their failures are older than the retention.

use limpid_event_store::StoreError;
use limpid_event_store::failure_partitions::maintain;
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
    Ok(())
}
