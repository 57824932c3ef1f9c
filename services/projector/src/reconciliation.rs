//! The proof that nothing was lost or counted twice: events = hourly counts = ledger, for the closed hours of the last day.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_event_store::StoreError;
use limpid_read_models::failure_counts::verify;
use limpid_read_models::failure_groups;
use limpid_read_models::filter::Window;
use tokio_util::sync::CancellationToken;

use crate::ProjectorConfig;
use crate::metrics::Metrics;
use crate::schedule::Schedule;

/// Late events (a spool that waited) change hours that were proved before, so more than the last one is looked at.
const HOURS: i64 = 26;

pub(crate) async fn run(config: ProjectorConfig, metrics: Metrics, shutdown: CancellationToken) {
    let mut schedule = Schedule::new("reconciliation", config.reconciliation_interval, shutdown);
    while schedule.next(once(&config, &metrics).await).await {}
}

async fn once(config: &ProjectorConfig, metrics: &Metrics) -> Result<(), StoreError> {
    let window = closed_hours(config.clock.now());
    let found = verify(&config.database, window).await?;
    metrics.report_reconciliation(&found);
    let groups = failure_groups::verify_since(&config.database, window.from).await?;
    metrics.report_group_drift(groups.differences());
    if !groups.agrees() {
        tracing::error!(
            ?groups,
            "failures and counts of groups disagree; `limpid rebuild failure_groups` repairs the counts"
        );
    }
    if found.agrees() {
        tracing::debug!(events = found.events, "failures, counts and ledger agree");
    } else {
        tracing::error!(
            ?found,
            "failures, counts and ledger disagree; `limpid rebuild failure_counts` repairs the counts"
        );
    }
    Ok(())
}

fn closed_hours(now: DateTime<Utc>) -> Window {
    let to = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
    Window {
        from: to.checked_sub_signed(TimeDelta::hours(HOURS)).unwrap_or(to),
        to,
    }
}
