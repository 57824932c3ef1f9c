//! When a job runs next: by its interval, after an error sooner.

use std::time::Duration;

use limpid_event_store::StoreError;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_mins(1);

/// The rhythm of one job.
#[derive(Debug)]
pub(crate) struct Schedule {
    name: &'static str,
    interval: Duration,
    retry: Duration,
    shutdown: CancellationToken,
}

impl Schedule {
    pub(crate) fn new(name: &'static str, interval: Duration, shutdown: CancellationToken) -> Self {
        Self {
            name,
            interval,
            retry: FIRST_RETRY,
            shutdown,
        }
    }

    /// Waits until the job is to run again after `outcome`; `false` when it is time to stop.
    pub(crate) async fn next(&mut self, outcome: Result<(), StoreError>) -> bool {
        let pause = match outcome {
            Ok(()) => {
                self.retry = FIRST_RETRY;
                self.interval
            }
            Err(error) => {
                let pause = self.retry;
                tracing::warn!(job = self.name, error = &error as &dyn std::error::Error, retry_in = ?pause, "a job failed");
                self.retry = (pause * 2).min(LAST_RETRY);
                pause
            }
        };
        timeout(pause, self.shutdown.cancelled()).await.is_err()
    }
}
