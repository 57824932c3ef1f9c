//! Counts, groups and answers to commands older than they are kept, deleted in small batches: some every run, the rest by the next ones.

use chrono::DateTime;
use limpid_event_store::StoreError;
use limpid_event_store::config_log::answers;
use limpid_read_models::retention::drop_old_counts;
use tokio_util::sync::CancellationToken;

use crate::ProjectorConfig;
use crate::metrics::Metrics;
use crate::schedule::Schedule;

/// Rows that a run deletes, about: a minute's work at the most, and thirty million a day.
const ROWS_PER_RUN: u64 = 200_000;

pub(crate) async fn run(config: ProjectorConfig, metrics: Metrics, shutdown: CancellationToken) {
    let mut schedule = Schedule::new("retention", config.retention_interval, shutdown);
    while schedule.next(once(&config, &metrics).await).await {}
}

async fn once(config: &ProjectorConfig, metrics: &Metrics) -> Result<(), StoreError> {
    // Counts outlive what they count: else they could be derived, and would be missing.
    let kept = config.counts_retention.max(config.failure_retention);
    let keep_from = config
        .clock
        .now()
        .checked_sub_signed(kept)
        .unwrap_or(DateTime::UNIX_EPOCH);
    // Usage is counted where the accounts are.
    let databases = [Some(&config.database), config.accounts_database.as_ref()];
    for database in databases.into_iter().flatten() {
        let answers = answers::drop_expired(database, config.clock.now()).await?;
        if answers > 0 {
            tracing::debug!(
                answers,
                "dropped answers to commands older than they are kept"
            );
        }
        let dropped = drop_old_counts(database, keep_from, ROWS_PER_RUN).await?;
        metrics.report_dropped_counts(&dropped);
        if dropped.counts + dropped.groups + dropped.aliases > 0 {
            tracing::info!(
                counts = dropped.counts,
                groups = dropped.groups,
                aliases = dropped.aliases,
                finished = dropped.finished,
                "dropped counts older than they are kept"
            );
        }
    }
    Ok(())
}
