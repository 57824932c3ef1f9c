//! [`Cluster`]: a private PostgreSQL that runs as long as the value lives.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{FlockOperation, flock};

use crate::binaries::{self, BinarySearch};
use crate::error::LocalPostgresError;
use crate::initialise::ensure_cluster;
use crate::placement::{Placement, executable_by};
use crate::server::{LaunchPlan, stop_orphan};
use crate::supervisor::Supervisor;

/// Login user; owns everything.
pub(crate) const USER: &str = "limpid";
/// The database that exists from the start.
pub(crate) const DATABASE: &str = "limpid";

/// What cluster to run.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// Directory of the cluster; created if missing. One process at a time.
    pub data_dir: PathBuf,
    /// Where to look for the server's executables.
    pub search: BinarySearch,
    /// Whether a power cut may lose commits.
    pub durability: Durability,
    /// Connections the server accepts.
    pub max_connections: u16,
    /// How much the server yields the processor to this process, in the steps of `nice`. Units: 0 to 19.
    pub niceness: i32,
    /// Where root may put what the server's account can't reach otherwise.
    pub state_dir: PathBuf,
}

impl ClusterConfig {
    /// A durable cluster in `data_dir` with the defaults of `limpid up`.
    pub fn new(data_dir: impl Into<PathBuf>, search: BinarySearch) -> Self {
        Self {
            data_dir: data_dir.into(),
            search,
            durability: Durability::Full,
            max_connections: 100,
            niceness: 0,
            state_dir: PathBuf::from("/var/lib/limpid"),
        }
    }
}

/// Whether committed means on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// `fsync`, `full_page_writes` and `synchronous_commit` are on.
    Full,
    /// All three are off: for tests only, whose data nobody misses.
    Disposable,
}

/// How to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Ends sessions, writes a checkpoint.
    Fast,
    /// As a crash: the next start recovers from the log.
    Immediate,
}

/// A running cluster. Dropping it stops the server.
#[derive(Debug)]
pub struct Cluster {
    supervisor: Supervisor,
    socket_dir: PathBuf,
    directory: PathBuf,
    version: String,
    /// Held while we live; the kernel lets go of it when the process dies, however it dies.
    _lock: File,
}

impl Cluster {
    /// Starts the cluster, creating it first if need be, and returns when it answers. Blocks: seconds for a new cluster, some
    /// 100 ms for an existing one.
    ///
    /// # Errors
    /// See [`LocalPostgresError`]; every message says what to do.
    pub fn start(config: &ClusterConfig) -> Result<Self, LocalPostgresError> {
        let started = Instant::now();
        let (placement, account) = Placement::decide(&config.data_dir, &config.state_dir)?;
        let lock = lock(&placement.data_dir)?;
        let made_by = std::fs::read_to_string(placement.cluster_dir.join("PG_VERSION")).ok();
        let wanted = made_by.as_deref().map(str::trim);
        let found = binaries::find(&config.search, wanted, &placement.cluster_dir)?;
        let binaries = executable_by(account, found, &config.state_dir)?;
        ensure_cluster(
            &binaries,
            account,
            &placement.cluster_dir,
            config.durability,
        )?;
        stop_orphan(&placement.cluster_dir);
        let socket_dir = placement.socket_dir(account)?;
        let cluster_dir = placement.cluster_dir.clone();
        let version = binaries.version.clone();
        let supervisor = Supervisor::start(LaunchPlan {
            binaries,
            account,
            placement,
            socket_dir: socket_dir.clone(),
            durability: config.durability,
            max_connections: config.max_connections,
            niceness: config.niceness,
        })?;
        tracing::info!(
            version,
            cluster = %cluster_dir.display(),
            elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "PostgreSQL is ready"
        );
        Ok(Self {
            supervisor,
            socket_dir,
            directory: cluster_dir,
            version,
            _lock: lock,
        })
    }

    /// Connection URL of the cluster's own database.
    pub fn database_url(&self) -> String {
        self.url_of(DATABASE)
    }

    /// Connection URL of another database in it.
    ///
    /// Shape: `postgres://limpid@localhost/<database>?host=<socket directory>`.
    pub fn url_of(&self, database: &str) -> String {
        let host: String = self
            .socket_dir
            .to_string_lossy()
            .bytes()
            .map(escape)
            .collect();
        format!("postgres://{USER}@localhost/{database}?host={host}")
    }

    /// Where the server keeps its files.
    pub fn cluster_dir(&self) -> &Path {
        &self.directory
    }

    /// The server's version, e.g. `18.4`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Process id of the server; `None` between a crash and the next start.
    pub fn pid(&self) -> Option<u32> {
        self.supervisor.pid()
    }

    /// How often the server crashed and was started again.
    pub fn restarts(&self) -> u32 {
        self.supervisor.restarts()
    }

    /// Stops the server and waits until it is gone. Blocks some 100 ms.
    pub fn stop(mut self, mode: StopMode) {
        self.supervisor.stop(mode);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.supervisor.stop(StopMode::Fast);
        if let Err(error) = std::fs::remove_dir(&self.socket_dir) {
            tracing::debug!(%error, "the socket directory stays");
        }
    }
}

fn lock(data_dir: &Path) -> Result<File, LocalPostgresError> {
    let path = data_dir.join("lock");
    let file = File::create(&path).map_err(LocalPostgresError::file("create", &path))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        LocalPostgresError::InUse {
            data_dir: data_dir.to_owned(),
        }
    })?;
    Ok(file)
}

fn escape(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}
