//! Counts of hours and of parts of hours that are over, packed; and again when late failures change them.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::StoreError;
use limpid_read_models::failure_packs::{claim, claim_parts, refresh, refresh_parts};
use tokio_util::sync::CancellationToken;

use crate::ProjectorConfig;
use crate::schedule::Schedule;

/// How far back hours are looked for that are over. The first run after a start looks at everything.
const LOOK_BACK: TimeDelta = TimeDelta::hours(50);

/// The same for parts of hours, which are looked for in every run.
const LOOK_BACK_FOR_PARTS: TimeDelta = TimeDelta::hours(3);

pub(crate) async fn run(config: ProjectorConfig, shutdown: CancellationToken) {
    let mut schedule = Schedule::new("packs", config.packs_interval, shutdown);
    let mut claimed_to = None;
    let mut looks_at_everything = true;
    loop {
        let mut outcome = once(&config, &mut claimed_to).await;
        if outcome.is_ok() {
            outcome = parts(&config, &mut looks_at_everything).await;
        }
        if !schedule.next(outcome).await {
            break;
        }
    }
}

/// `claimed_to`: the first moment that was not over when hours were last looked for.
async fn once(
    config: &ProjectorConfig,
    claimed_to: &mut Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let now = config.clock.now();
    let since = match *claimed_to {
        None => Some(DateTime::UNIX_EPOCH),
        Some(to) => (now - to >= TimeDelta::hours(1))
            .then(|| now.checked_sub_signed(LOOK_BACK).unwrap_or(now)),
    };
    if let Some(since) = since {
        *claimed_to = Some(claim(&config.database, since, now).await?);
    }
    let done = refresh(&config.database).await?;
    if done.packs + done.missed > 0 {
        tracing::debug!(
            packs = done.packs,
            missed = done.missed,
            "packed counts of hours that are over"
        );
    }
    Ok(())
}

/// `looks_at_everything`: whether this is the first run after a start.
async fn parts(config: &ProjectorConfig, looks_at_everything: &mut bool) -> Result<(), StoreError> {
    let now = config.clock.now();
    let since = if *looks_at_everything {
        DateTime::UNIX_EPOCH
    } else {
        now.checked_sub_signed(LOOK_BACK_FOR_PARTS).unwrap_or(now)
    };
    claim_parts(&config.database, since, now).await?;
    *looks_at_everything = false;
    let done = refresh_parts(&config.database).await?;
    if done.packs + done.missed > 0 {
        tracing::debug!(
            packs = done.packs,
            missed = done.missed,
            "packed failures by parts of hours"
        );
    }
    Ok(())
}
