//! The thread that owns the server: starts it, waits for its end, starts it again unless told to stop.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::cluster::StopMode;
use crate::error::LocalPostgresError;
use crate::server::{LaunchPlan, Server};

/// How long each step of a stop may take before the next one: the mode's signal, then SIGQUIT, then SIGKILL.
const STOP_STEP: Duration = Duration::from_secs(10);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// A run this long counts as healthy: the next crash starts again from [`FIRST_RETRY`].
const HEALTHY_RUN: Duration = Duration::from_mins(1);

/// A supervised server.
#[derive(Debug)]
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Short sections without blocking calls; the condition tells every change.
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Set while the process exists and is not reaped, so a signal can't meet a stranger.
    pid: Option<Pid>,
    stop_requested: bool,
    ended: bool,
    restarts: u32,
}

impl Supervisor {
    /// Starts the server and returns when it is ready.
    pub(crate) fn start(plan: LaunchPlan) -> Result<Self, LocalPostgresError> {
        let shared = Arc::new(Shared::default());
        let (first, first_result) = channel();
        let thread = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name("postgres-supervisor".to_owned())
                .spawn(move || supervise(&plan, &shared, &first))
                .map_err(LocalPostgresError::file(
                    "start a thread for",
                    "PostgreSQL".as_ref(),
                ))?
        };
        let supervisor = Self {
            shared,
            thread: Some(thread),
        };
        match first_result.recv() {
            Ok(Ok(())) => Ok(supervisor),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(LocalPostgresError::Start {
                reason: "its supervisor ended".to_owned(),
                log: std::path::PathBuf::new(),
                log_tail: String::new(),
            }),
        }
    }

    /// Process id of the server that runs now.
    pub(crate) fn pid(&self) -> Option<u32> {
        let raw = self.shared.lock().pid?.as_raw_nonzero().get();
        u32::try_from(raw).ok()
    }

    /// How often the server had to be started again.
    pub(crate) fn restarts(&self) -> u32 {
        self.shared.lock().restarts
    }

    /// Stops the server and waits for its end. Idempotent.
    pub(crate) fn stop(&mut self, mode: StopMode) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        let signal = match mode {
            StopMode::Fast => Signal::INT,
            StopMode::Immediate => Signal::QUIT,
        };
        for signal in [signal, Signal::QUIT, Signal::KILL] {
            if self.shared.ask_to_end(signal) {
                break;
            }
        }
        if thread.join().is_err() {
            tracing::error!("the supervisor of PostgreSQL panicked");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop(StopMode::Fast);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Sends one signal and waits a step; whether the supervisor ended.
    fn ask_to_end(&self, signal: Signal) -> bool {
        let mut state = self.lock();
        state.stop_requested = true;
        if let Some(pid) = state.pid
            && let Err(error) = kill_process(pid, signal)
        {
            tracing::warn!(%error, "cannot signal PostgreSQL");
        }
        self.changed.notify_all();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, STOP_STEP, |state| !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        state.ended
    }

    /// Waits before the next start; whether there should be one.
    fn pause(&self, delay: Duration) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), delay, |state| !state.stop_requested)
            .unwrap_or_else(PoisonError::into_inner);
        !state.stop_requested
    }
}

fn supervise(plan: &LaunchPlan, shared: &Shared, first: &Sender<Result<(), LocalPostgresError>>) {
    let mut first = Some(first);
    let mut delay = FIRST_RETRY;
    loop {
        let started = Instant::now();
        let outcome = run_once(plan, shared, &mut first);
        if let Some(first) = first.take() {
            let error = outcome.err().unwrap_or_else(|| LocalPostgresError::Start {
                reason: "the server ended while starting".to_owned(),
                log: plan.placement.log.clone(),
                log_tail: String::new(),
            });
            let _nobody_waits = first.send(Err(error)).is_err();
            break;
        }
        match outcome {
            Ok(status) if !shared.lock().stop_requested => {
                tracing::error!(%status, "PostgreSQL ended unexpectedly; starting it again");
            }
            Ok(_) => break,
            Err(error) => tracing::error!(%error, "PostgreSQL does not start; trying again"),
        }
        if started.elapsed() > HEALTHY_RUN {
            delay = FIRST_RETRY;
        }
        if !shared.pause(delay) {
            break;
        }
        delay = (delay * 2).min(LAST_RETRY);
        shared.update(|state| state.restarts += 1);
    }
    shared.update(|state| state.ended = true);
}

/// One run, from spawn to the end of the process; its exit status as text.
fn run_once(
    plan: &LaunchPlan,
    shared: &Shared,
    first: &mut Option<&Sender<Result<(), LocalPostgresError>>>,
) -> Result<String, LocalPostgresError> {
    let server = Server::spawn(plan)?;
    shared.update(|state| state.pid = Some(server.pid()));
    let ready = server.wait_ready(plan, || shared.lock().stop_requested);
    if ready.is_err() {
        let _already_gone = kill_process(server.pid(), Signal::QUIT).is_err();
    } else if let Some(first) = first.take() {
        let _nobody_waits = first.send(Ok(())).is_err();
    }
    server.wait_without_reaping();
    shared.update(|state| state.pid = None);
    let status = server.reap();
    ready.map(|()| status)
}
