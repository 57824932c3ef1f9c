//! A running `limpid up`: started with a ready file, asked over its addresses, stopped or killed.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::client::{Answer, Client};

/// Longest wait for a start, with a machine that builds and tests at the same time in mind.
const START_PATIENCE: Duration = Duration::from_secs(90);
/// Longest wait for a process to end.
const END_PATIENCE: Duration = Duration::from_mins(1);
/// Pause between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What to start, kept so that it can be started again.
#[derive(Debug)]
pub(crate) struct Instance {
    home: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    child: Option<Child>,
    ready: Value,
}

impl Instance {
    /// Starts `limpid up` with the demo on free ports and an embedded database.
    pub(crate) fn start() -> Self {
        Self::with(&[], &[])
    }

    /// Starts `limpid up` with more arguments and variables.
    pub(crate) fn with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut instance = Self {
            home: tempfile::tempdir().unwrap(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            child: None,
            ready: Value::Null,
        };
        instance.start_again();
        instance
    }

    /// Starts it (again), on the addresses of the first start, and waits for the ready file. Returns how long that took.
    pub(crate) fn start_again(&mut self) -> Duration {
        let started = Instant::now();
        self.spawn();
        self.wait_until_ready();
        started.elapsed()
    }

    /// Starts it (again), on the addresses of the first start, without waiting.
    pub(crate) fn spawn(&mut self) {
        assert!(self.child.is_none(), "it runs");
        if self.ready_file().exists() {
            std::fs::remove_file(self.ready_file()).unwrap();
        }
        let (serving, dashboard) = match &self.ready {
            Value::Null => ("127.0.0.1:0".to_owned(), "127.0.0.1:0".to_owned()),
            ready => (address_of(ready, "serving"), address_of(ready, "dashboard")),
        };
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .unwrap();
        let child = limpid()
            .args(["up", "--serving", &serving, "--dashboard", &dashboard])
            .arg("--data-dir")
            .arg(self.data_dir())
            .arg("--ready-file")
            .arg(self.ready_file())
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Waits for the ready file.
    pub(crate) fn wait_until_ready(&mut self) {
        let asked = Instant::now();
        while !self.ready_file().exists() {
            let child = self.child.as_mut().unwrap();
            if let Some(status) = child.try_wait().unwrap() {
                panic!("limpid up ended with {status}:\n{}", self.log());
            }
            assert!(
                asked.elapsed() < START_PATIENCE,
                "not ready:\n{}",
                self.log()
            );
            std::thread::sleep(LOOK_EVERY);
        }
        self.ready = serde_json::from_slice(&std::fs::read(self.ready_file()).unwrap()).unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let child = self.child.as_mut().unwrap();
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let status = wait(child).unwrap_or_else(|| panic!("it does not stop:\n{}", self.log()));
        self.child = None;
        status
    }

    /// Kills it with -9.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Its process id.
    #[cfg(target_os = "linux")]
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// A member of the ready file.
    pub(crate) fn ready(&self, pointer: &str) -> String {
        self.ready
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap()
            .to_owned()
    }

    /// Where images are served.
    pub(crate) fn serving(&self) -> SocketAddr {
        address_of(&self.ready, "serving").parse().unwrap()
    }

    /// Where the APIs answer.
    pub(crate) fn dashboard(&self) -> SocketAddr {
        address_of(&self.ready, "dashboard").parse().unwrap()
    }

    /// Gets a path of the serving listener.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        Client::new(self.serving()).get(path, &[]).await
    }

    /// Gets a path as soon as somebody listens.
    pub(crate) async fn get_when_listening(&self, path: &str) -> Answer {
        let asked = Instant::now();
        while tokio::net::TcpStream::connect(self.serving())
            .await
            .is_err()
        {
            assert!(asked.elapsed() < START_PATIENCE, "{}", self.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.get(path).await
    }

    /// Gets a path once serving knows the latest configuration, which takes less than a second: polls while it answers that
    /// there is no such account or no origin, unless that reason is the one wanted.
    pub(crate) async fn get_configured(&self, path: &str, wanted_reason: &str) -> Answer {
        let asked = Instant::now();
        loop {
            let answer = self.get(path).await;
            let reason = answer.header("ik-error-reason");
            let stale = ["account_not_found", "no_origin_attached"].contains(&reason);
            if reason == wanted_reason || !stale {
                return answer;
            }
            assert!(
                asked.elapsed() < END_PATIENCE,
                "still {reason}\n{}",
                self.log()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Asks the APIs as a tenant.
    pub(crate) async fn api(&self, private_key: &str, path: &str) -> Answer {
        Client::new(self.dashboard())
            .basic(private_key)
            .get(path, &[])
            .await
    }

    /// Changes something through the APIs as a tenant.
    pub(crate) async fn api_post(&self, private_key: &str, path: &str, body: &Value) -> Answer {
        Client::new(self.dashboard())
            .basic(private_key)
            .post(path, body)
            .await
    }

    /// Creates a tenant as the operator; returns its private key.
    pub(crate) async fn create_tenant(&self, imagekit_id: &str) -> String {
        let body = serde_json::json!({ "imagekitId": imagekit_id, "name": imagekit_id });
        let created = Client::new(self.dashboard())
            .bearer(&self.ready("/operator_key"))
            .post("/operator/v1/tenants", &body)
            .await;
        assert_eq!(created.status, 201, "{}", created.text());
        created.json()["privateKey"].as_str().unwrap().to_owned()
    }

    /// The failures of the last hour, summed, when the numbers satisfy `enough`; polls for a bounded time.
    pub(crate) async fn summary_when(
        &self,
        private_key: &str,
        enough: impl Fn(&Value) -> bool,
    ) -> (Value, Duration) {
        let asked = Instant::now();
        loop {
            let path = "/dashboard/v1/origin-errors/summary?from=now-1h&to=now";
            let answer = self.api(private_key, path).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let summary = answer.json();
            if enough(&summary) {
                return (summary, asked.elapsed());
            }
            assert!(
                asked.elapsed() < END_PATIENCE,
                "still {summary}\n{}",
                self.log()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Runs another command of the executable against this instance's data directory.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Output {
        limpid()
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data_dir())
            .envs(self.environment.iter().cloned())
            .output()
            .unwrap()
    }

    /// Its data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn ready_file(&self) -> PathBuf {
        self.home.path().join("ready.json")
    }

    fn log_file(&self) -> PathBuf {
        self.home.path().join("log")
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A test that fails must still leave nothing behind.
            let _already_gone = child.kill();
            let _status = child.wait();
        }
    }
}

/// The executable, with none of the variables that would change what it does.
pub(crate) fn limpid() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_limpid"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let steers = ["LIMPID_", "OTEL_", "DATABASE_URL", "RUST_LOG"];
        if steers.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    let search = limpid_testkit::database::binary_search();
    command.env("LIMPID_PG_BIN", search.given.unwrap_or(search.tools_dir));
    command
}

/// A file of this test's own in a fresh folder, deleted with it.
pub(crate) fn scratch() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The bytes of a demo picture.
pub(crate) fn picture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("demo/pictures")
        .join(name)
}

fn address_of(ready: &Value, member: &str) -> String {
    ready[member]
        .as_str()
        .unwrap()
        .trim_start_matches("http://")
        .to_owned()
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let asked = Instant::now();
    while asked.elapsed() < END_PATIENCE {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    None
}
