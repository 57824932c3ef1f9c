//! The paths that failed most: counted once for every busy hour and day that has closed, and again when late failures come.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::StoreError;
use limpid_read_models::failure_paths::refresh;
use tokio_util::sync::CancellationToken;

use crate::ProjectorConfig;
use crate::schedule::Schedule;

/// How far back each run looks. A spool that waited longer than this is caught by the first run after a start, which looks at everything.
const LOOK_BACK: TimeDelta = TimeDelta::hours(50);

pub(crate) async fn run(config: ProjectorConfig, shutdown: CancellationToken) {
    let mut schedule = Schedule::new("top paths", config.top_paths_interval, shutdown);
    let mut is_first = true;
    loop {
        let now = config.clock.now();
        let since = if is_first {
            now.checked_sub_signed(config.failure_retention)
        } else {
            now.checked_sub_signed(LOOK_BACK)
        };
        let outcome = once(&config, since.unwrap_or(now), now).await;
        is_first = is_first && outcome.is_err();
        if !schedule.next(outcome).await {
            break;
        }
    }
}

async fn once(
    config: &ProjectorConfig,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let counted = refresh(&config.database, since, now).await?;
    if counted.spans > 0 {
        tracing::debug!(
            spans = counted.spans,
            "counted the top paths of closed hours and days"
        );
    }
    Ok(())
}
