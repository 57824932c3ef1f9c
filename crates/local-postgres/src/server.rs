//! One run of `postgres`, from spawn to ready to gone.

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpriority_process, kill_process, setpriority_process,
    test_kill_process, waitid,
};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::cluster::Durability;
use crate::error::LocalPostgresError;
use crate::initialise::command_in;
use crate::memory::Memory;
use crate::placement::{PORT, Placement};

/// A crash recovery replays the log before the server is ready, so this is generous.
const START_TIMEOUT: Duration = Duration::from_mins(5);
/// Often enough that the wait is not what a start takes.
const POLL: Duration = Duration::from_millis(5);
/// How long a server that lost its parent may take to shut down.
const ORPHAN_TIMEOUT: Duration = Duration::from_secs(20);
/// A log larger than this is put aside at the next start.
const MAX_LOG_BYTES: u64 = 10 * 1024 * 1024;

/// Everything that a run needs.
#[derive(Debug, Clone)]
pub(crate) struct LaunchPlan {
    pub(crate) binaries: Binaries,
    pub(crate) account: Option<Account>,
    pub(crate) placement: Placement,
    pub(crate) socket_dir: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) max_connections: u16,
    pub(crate) niceness: i32,
}

/// A running server. Dropping it does not stop it; [`Server::wait_without_reaping`] and [`Server::reap`] end it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pid: Pid,
    watchdog: Option<(Child, ChildStdin)>,
}

impl Server {
    /// Spawns `postgres`. The calling thread must live as long as the server: the parent-death signal is bound to it.
    pub(crate) fn spawn(plan: &LaunchPlan) -> Result<Self, LocalPostgresError> {
        let log = open_log(&plan.placement.log)?;
        let postgres = plan.binaries.executable("postgres");
        let setpriv = Path::new("/usr/bin/setpriv");
        let mut command = if cfg!(target_os = "linux") && setpriv.exists() {
            let mut command = command_in(setpriv, plan.account, &plan.placement.cluster_dir);
            command.args(["--pdeathsig", "INT", "--"]).arg(&postgres);
            command
        } else {
            command_in(&postgres, plan.account, &plan.placement.cluster_dir)
        };
        plan.add_settings(&mut command);
        let child = command
            .process_group(0) // Ctrl-C in the terminal is for us; we stop the server after our own work
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()
            .map_err(LocalPostgresError::file("run", &postgres))?;
        let pid = Pid::from_child(&child);
        yield_to_us(pid, plan.niceness);
        let watchdog = if cfg!(target_os = "linux") && setpriv.exists() {
            None
        } else {
            spawn_watchdog(plan, pid)
        };
        Ok(Self {
            child,
            pid,
            watchdog,
        })
    }

    /// The server's process id.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits until the server says that it is ready, or is gone, or `give_up` says so.
    pub(crate) fn wait_ready(
        &self,
        plan: &LaunchPlan,
        give_up: impl Fn() -> bool,
    ) -> Result<(), LocalPostgresError> {
        let started = Instant::now();
        let pid_file = plan.placement.cluster_dir.join("postmaster.pid");
        let failed = |reason: String| LocalPostgresError::Start {
            reason,
            log: plan.placement.log.clone(),
            log_tail: tail(&plan.placement.log),
        };
        while !says_ready(&pid_file, self.pid) {
            if self.has_ended() {
                return Err(failed("the server ended".to_owned()));
            }
            if give_up() {
                return Err(failed("it was stopped while starting".to_owned()));
            }
            if started.elapsed() > START_TIMEOUT {
                return Err(failed(format!("not ready after {START_TIMEOUT:?}")));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.pid), options), Ok(None))
    }

    /// Waits for the end and leaves the process id taken, so that nobody can signal a stranger by it.
    pub(crate) fn wait_without_reaping(&self) {
        while let Err(rustix::io::Errno::INTR) = waitid(
            WaitId::Pid(self.pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        ) {}
    }

    /// Ends it all: the process id is free afterwards.
    pub(crate) fn reap(mut self) -> String {
        if let Some((mut watchdog, stdin)) = self.watchdog.take() {
            // Before its pipe closes, or it would signal a process id that is no longer ours.
            let ended = watchdog.kill().and_then(|()| watchdog.wait());
            if let Err(error) = ended {
                tracing::warn!(%error, "cannot end the watchdog of PostgreSQL");
            }
            drop(stdin);
        }
        match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

/// Processes that the server starts later inherit it. Where it is refused the server runs as we do, which costs others some latency and no more.
fn yield_to_us(server: Pid, niceness: i32) {
    let lowered =
        getpriority_process(None).and_then(|own| setpriority_process(Some(server), own + niceness));
    if let Err(error) = lowered {
        tracing::warn!(%error, "PostgreSQL runs at the priority of images");
    }
}

impl LaunchPlan {
    /// On the command line, so that no edit of `postgresql.conf` turns durability off unseen.
    fn add_settings(&self, command: &mut Command) {
        let durable = match self.durability {
            Durability::Full => "on",
            Durability::Disposable => "off",
        };
        let memory = match self.durability {
            Durability::Full => Memory::of_this_machine(),
            // many of them run at a time, none for long
            Durability::Disposable => Memory::least(),
        };
        command
            .arg("-D")
            .arg(&self.placement.cluster_dir)
            .arg("-k")
            .arg(&self.socket_dir);
        for (name, value) in [
            ("listen_addresses", ""),
            ("port", &PORT.to_string()),
            ("max_connections", &self.max_connections.to_string()),
            ("fsync", durable),
            ("full_page_writes", durable),
            ("synchronous_commit", durable),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
            ("log_checkpoints", "off"),
            ("shared_buffers", &Memory::setting(memory.shared_buffers)),
            (
                "effective_cache_size",
                &Memory::setting(memory.effective_cache),
            ),
        ] {
            command.arg("-c").arg(format!("{name}={value}"));
        }
    }
}

/// Stops a server that still runs in `cluster_dir` although nobody holds the lock: its parent died without the signal.
pub(crate) fn stop_orphan(cluster_dir: &Path) {
    let pid_file = cluster_dir.join("postmaster.pid");
    let started = Instant::now();
    let mut asked = false;
    while let Some(pid) = live_server(&pid_file, cluster_dir) {
        if !asked {
            tracing::warn!(
                pid = pid.as_raw_nonzero().get(),
                "stopping a PostgreSQL server that lost its parent"
            );
            asked = kill_process(pid, Signal::INT).is_ok();
        }
        if started.elapsed() > ORPHAN_TIMEOUT {
            return; // the new server will say that the directory is in use
        }
        std::thread::sleep(POLL);
    }
}

/// The process that `postmaster.pid` names, if it is alive and really the server of this cluster.
fn live_server(pid_file: &Path, cluster_dir: &Path) -> Option<Pid> {
    let text = fs::read_to_string(pid_file).ok()?;
    let pid = Pid::from_raw(text.lines().next()?.trim().parse().ok()?)?;
    test_kill_process(pid).ok()?;
    if cfg!(target_os = "linux") {
        // The server's working directory is its cluster; a stranger that got the number since is left alone.
        let directory = fs::read_link(format!("/proc/{}/cwd", pid.as_raw_nonzero())).ok()?;
        (directory == cluster_dir).then_some(pid)
    } else {
        None
    }
}

/// Line 1 of `postmaster.pid` is the process id, line 8 the state.
fn says_ready(pid_file: &Path, pid: Pid) -> bool {
    let Ok(text) = fs::read_to_string(pid_file) else {
        return false;
    };
    let mut lines = text.lines();
    let ours = lines
        .next()
        .is_some_and(|line| line.trim() == pid.as_raw_nonzero().to_string());
    ours && lines.nth(6).is_some_and(|line| line.trim() == "ready")
}

/// A shell that waits for our end of a pipe to close and then stops the server: works wherever there is a shell.
fn spawn_watchdog(plan: &LaunchPlan, pid: Pid) -> Option<(Child, ChildStdin)> {
    let shell = Path::new("/bin/sh");
    let mut child = command_in(shell, plan.account, &plan.placement.cluster_dir)
        .args(["-c", "read -r _; kill -INT \"$1\"", "limpid-postgres-watchdog"])
        .arg(pid.as_raw_nonzero().to_string())
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .inspect_err(|error| tracing::warn!(%error, "cannot watch over PostgreSQL; it may outlive a kill -9"))
        .ok()?;
    let stdin = child.stdin.take()?;
    Some((child, stdin))
}

fn open_log(path: &Path) -> Result<File, LocalPostgresError> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > MAX_LOG_BYTES) {
        fs::rename(path, path.with_extension("log.1"))
            .map_err(LocalPostgresError::file("rename", path))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(LocalPostgresError::file("open", path))
}

/// The last lines of a log, for an error message.
fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().rev().take(8).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
