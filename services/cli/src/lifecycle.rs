//! Signals, and the order in which things stop.
//!
//! Stopping: readiness goes red and listeners close, requests in flight finish, the recorder flushes its spool (all of it
//! inside each service's `run`), then the drainer, the exporters, and last the embedded `PostgreSQL`, which the others use.

use std::future::Future;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::exit::{Failure, Kind};

/// SIGINT and SIGTERM, listened to from the moment this exists, so that one that arrives during start-up counts.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Starts listening.
    ///
    /// Errors: the operating system refuses a handler.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let refused =
            |error: std::io::Error| Failure::caused(Kind::Failed, "handle signals", &error);
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(refused)?,
            terminate: signal(SignalKind::terminate()).map_err(refused)?,
        })
    }

    /// Waits for the next one and returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// The services of this process. The first to end, or a signal, ends them all.
#[derive(Debug)]
pub(crate) struct Services {
    running: JoinSet<(&'static str, Result<(), Failure>)>,
    shutdown: CancellationToken,
}

impl Services {
    /// No services yet.
    pub(crate) fn new() -> Self {
        Self {
            running: JoinSet::new(),
            shutdown: CancellationToken::new(),
        }
    }

    /// What tells every service to stop.
    pub(crate) fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Starts a service. It must return soon after the token of [`Services::shutdown`] is cancelled.
    pub(crate) fn start(
        &mut self,
        name: &'static str,
        service: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) {
        self.running.spawn(async move { (name, service.await) });
    }

    /// Starts a service like [`Services::start`], on a runtime that is not the current one.
    pub(crate) fn start_on(
        &mut self,
        runtime: &Handle,
        name: &'static str,
        service: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) {
        let named = async move { (name, service.await) };
        self.running.spawn_on(named, runtime);
    }

    /// Runs until a signal or until a service ends, then stops all and waits for them. A second signal ends the process
    /// at once: whoever sends it has waited long enough, and nothing acknowledged depends on the rest of the drain.
    ///
    /// Errors: the failure of the first service that failed.
    pub(crate) async fn run(mut self, signals: &mut Signals) -> Result<(), Failure> {
        let mut failure = None;
        tokio::select! {
            name = signals.next() => tracing::info!(signal = name, "stopping: requests in flight finish first"),
            ended = self.running.join_next() => note(&mut failure, ended),
        }
        self.shutdown.cancel();
        loop {
            tokio::select! {
                name = signals.next() => {
                    tracing::warn!(signal = name, "stopping at once");
                    return Err(Failure::new(Kind::Interrupted, "interrupted while stopping"));
                }
                ended = self.running.join_next() => {
                    if ended.is_none() {
                        break;
                    }
                    note(&mut failure, ended);
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Stops what was started, after a start that failed.
    ///
    /// Errors: always that failure.
    pub(crate) async fn stop(mut self, failure: Failure) -> Result<(), Failure> {
        self.shutdown.cancel();
        while self.running.join_next().await.is_some() {}
        Err(failure)
    }
}

type Ended = Result<(&'static str, Result<(), Failure>), tokio::task::JoinError>;

/// Keeps the first failure, and logs all.
fn note(failure: &mut Option<Failure>, ended: Option<Ended>) {
    let error = match ended {
        None => return,
        Some(Ok((name, Ok(())))) => {
            tracing::info!(service = name, "stopped");
            return;
        }
        Some(Ok((name, Err(error)))) => {
            tracing::error!(service = name, error = error.message(), "a service failed");
            error
        }
        Some(Err(error)) => {
            tracing::error!(%error, "a service panicked");
            Failure::failed(format!("a service panicked: {error}"))
        }
    };
    failure.get_or_insert(error);
}

/// Tasks that run before sockets are looked at again. A quarter of the library's own number: a request that arrives while hundreds of others
/// are being answered is seen sooner.
const POLLS_BETWEEN_EVENTS: u32 = 16;

/// Runs a future on a fresh multi-threaded runtime until it ends.
///
/// Errors: the runtime can't be built; whatever the future fails with.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .thread_name("limpid-io")
        .event_interval(POLLS_BETWEEN_EVENTS)
        .build()
        .map_err(|error| Failure::caused(Kind::Failed, "start the runtime", &error))?;
    runtime.block_on(future)
}

/// How much everything beside images yields the processor to them where all of it runs on one machine, in the steps of `nice`: five
/// make a third of the share.
pub(crate) const BACKGROUND_NICENESS: i32 = 5;

/// A runtime for what can wait for images. Its threads yield by [`BACKGROUND_NICENESS`].
///
/// Errors: it can't be built.
pub(crate) fn background() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_name("limpid-background")
        .on_thread_start(yield_this_thread)
        .build()
        .map_err(|error| Failure::caused(Kind::Failed, "start the background runtime", &error))
}

/// Linux has a priority per thread; elsewhere this would slow the whole process.
fn yield_this_thread() {
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::nice(BACKGROUND_NICENESS)
    {
        tracing::warn!(%error, "a thread in the background runs at the priority of images");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_service_to_end_stops_the_others_and_its_failure_is_reported() {
        let outcome = block_on(async {
            let mut signals = Signals::listen()?;
            let mut services = Services::new();
            let shutdown = services.shutdown();
            services.start("patient", async move {
                shutdown.cancelled().await;
                Ok(())
            });
            services.start("broken", async {
                Err(Failure::new(Kind::Conflict, "address taken"))
            });
            services.run(&mut signals).await
        });
        let failure = outcome.unwrap_err();
        assert_eq!(
            (failure.kind(), failure.message()),
            (Kind::Conflict, "address taken")
        );
    }
}
