//! Groups of failures: every new batch is counted a moment after it came.

use limpid_event_store::StoreError;
use limpid_read_models::failure_groups::project;
use tokio_util::sync::CancellationToken;

use crate::ProjectorConfig;
use crate::schedule::Schedule;

pub(crate) async fn run(config: ProjectorConfig, shutdown: CancellationToken) {
    let mut schedule = Schedule::new("groups", config.groups_interval, shutdown);
    while schedule.next(once(&config).await).await {}
}

async fn once(config: &ProjectorConfig) -> Result<(), StoreError> {
    let counted = project(&config.database).await?;
    if counted.events > 0 {
        tracing::trace!(
            events = counted.events,
            steps = counted.steps,
            "counted failures by group"
        );
    }
    Ok(())
}
