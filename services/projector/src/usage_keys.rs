//! The most used paths, referrers and the like of hours and days that are over: fewer of them are kept.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::StoreError;
use limpid_read_models::delivery_usage::thin;
use tokio_util::sync::CancellationToken;

use crate::ProjectorConfig;
use crate::schedule::Schedule;

/// How far back each run looks. What a node adds later than this is thinned by the first run after a start, which looks at everything.
const LOOK_BACK: TimeDelta = TimeDelta::days(3);

pub(crate) async fn run(config: ProjectorConfig, shutdown: CancellationToken) {
    let mut schedule = Schedule::new("usage keys", config.maintenance_interval, shutdown);
    let mut is_first = true;
    loop {
        let now = config.clock.now();
        let since = if is_first {
            DateTime::<Utc>::UNIX_EPOCH
        } else {
            now.checked_sub_signed(LOOK_BACK).unwrap_or(now)
        };
        let outcome = once(&config, since, now).await;
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
    let gone = thin(&config.database, since, now).await?;
    if gone > 0 {
        tracing::debug!(gone, "put keys of little use together");
    }
    Ok(())
}
