//! Groups of failures: every new batch is counted a moment after it came, and time is told to their lives once a minute.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::StoreError;
use limpid_read_models::failure_groups::{pass_time, project};
use tokio_util::sync::CancellationToken;

use crate::ProjectorConfig;
use crate::schedule::Schedule;

/// How often groups are looked at for what time alone brings.
const TIME_PASSES_EVERY: TimeDelta = TimeDelta::minutes(1);

pub(crate) async fn run(config: ProjectorConfig, shutdown: CancellationToken) {
    let mut schedule = Schedule::new("groups", config.groups_interval, shutdown);
    let mut time_passed_at = None;
    while schedule
        .next(once(&config, &mut time_passed_at).await)
        .await
    {}
}

async fn once(
    config: &ProjectorConfig,
    time_passed_at: &mut Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let counted = project(&config.database).await?;
    if counted.events > 0 {
        tracing::trace!(
            events = counted.events,
            steps = counted.steps,
            "counted failures by group"
        );
    }
    let now = config.clock.now();
    if time_passed_at.is_some_and(|at| now - at < TIME_PASSES_EVERY) {
        return Ok(());
    }
    // Where another projector is at work, the next run tries again.
    if let Some(events) = pass_time(&config.database, now).await? {
        *time_passed_at = Some(now);
        tracing::trace!(events, "told time to the lives of groups");
    }
    Ok(())
}
