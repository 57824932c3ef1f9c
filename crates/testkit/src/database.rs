//! Real databases for tests: one private cluster per test process, one database per test.
//!
//! The shared cluster starts with the first test that asks, with durability off (which is what makes a database per test
//! cheap), and ends with the process, also when that is killed. Its directory is removed by the next test process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use limpid_local_postgres::{BinarySearch, Cluster, ClusterConfig, Durability, StopMode};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

/// An empty or migrated database that belongs to one test.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
}

impl TestDatabase {
    /// Creates an empty database in the shared cluster.
    pub async fn new() -> Self {
        Self {
            url: create("").await,
        }
    }

    /// Creates a database that `migrate` has set up. It runs once per test process, on a template that every further
    /// database is a copy of; call it with the same function everywhere in one test binary.
    pub async fn migrated<F, M>(migrate: F) -> Self
    where
        F: FnOnce(String) -> M,
        M: Future<Output = ()>,
    {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        let template = TEMPLATE
            .get_or_init(|| async {
                let url = create("").await;
                migrate(url.clone()).await;
                database_of(&url).to_owned()
            })
            .await;
        Self {
            url: create(&format!("template {template}")).await,
        }
    }

    /// Connection URL, as `DATABASE_URL` would have it.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// A cluster of one test's own, with durability on, that can be taken down and brought back.
#[derive(Debug)]
pub struct TestCluster {
    directory: ClusterDirectory,
    cluster: Option<Cluster>,
    url: String,
}

impl TestCluster {
    /// Creates and starts a cluster with one empty database. Blocks.
    pub fn start() -> Self {
        let directory = ClusterDirectory::create();
        let cluster = start(&directory, Durability::Full);
        Self {
            url: cluster.database_url(),
            cluster: Some(cluster),
            directory,
        }
    }

    /// Connection URL; the same across restarts.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Process id of the server.
    pub fn pid(&self) -> u32 {
        let pid = self.cluster.as_ref().and_then(Cluster::pid);
        pid.expect("the cluster runs")
    }

    /// Takes the server down in an orderly way. Blocks.
    pub fn stop(&mut self) {
        self.stop_with(StopMode::Fast);
    }

    /// Takes the server down as a crash does: sessions are cut, nothing is written. Blocks.
    pub fn crash(&mut self) {
        self.stop_with(StopMode::Immediate);
    }

    /// Brings the server back. Blocks.
    pub fn restart(&mut self) {
        self.stop();
        self.cluster = Some(start(&self.directory, Durability::Full));
    }

    fn stop_with(&mut self, mode: StopMode) {
        if let Some(cluster) = self.cluster.take() {
            cluster.stop(mode);
        }
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        self.stop();
        self.directory.remove();
    }
}

/// Where tests find the server: `LIMPID_PG_BIN` (a directory with executables, or a prefix of `npm install`), then what
/// `./dev` installed, then the system's.
pub fn binary_search() -> BinarySearch {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    BinarySearch {
        given: std::env::var_os("LIMPID_PG_BIN").map(PathBuf::from),
        tools_dir: repository.join(".dev/postgres"),
        system: true,
    }
}

/// Creates a database and returns its URL.
async fn create(options: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let cluster = shared_cluster();
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&cluster.url_of("postgres"))
        .await
        .expect("the test cluster answers");
    connection
        .execute(AssertSqlSafe(format!("create database {name} {options}")))
        .await
        .expect("the test cluster creates databases");
    connection.close().await.expect("the connection closes");
    cluster.url_of(&name)
}

/// The database's name in a URL that [`Cluster::url_of`] made.
fn database_of(url: &str) -> &str {
    let path = url.split_once('?').map_or(url, |(path, _)| path);
    path.rsplit('/').next().unwrap_or_default()
}

fn shared_cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        remove_leftovers();
        start(&ClusterDirectory::create(), Durability::Disposable)
    })
}

fn start(directory: &ClusterDirectory, durability: Durability) -> Cluster {
    let config = ClusterConfig {
        durability,
        max_connections: 200,
        ..ClusterConfig::new(&directory.0, binary_search())
    };
    Cluster::start(&config).expect("tests need a PostgreSQL server")
}

/// `<temporary directory>/limpid-test-<process>-<number>`: the name says who may remove it.
#[derive(Debug)]
struct ClusterDirectory(PathBuf);

const PREFIX: &str = "limpid-test-";

impl ClusterDirectory {
    fn create() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temporary directory is writable");
        Self(path)
    }

    fn remove(&self) {
        // A file that stays is removed by the next test process.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Removes the clusters of test processes that are gone.
fn remove_leftovers() {
    let entries = std::fs::read_dir(std::env::temp_dir()).expect("the temporary directory exists");
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|rest| rest.split('-').next());
        let Some(owner) = owner else {
            remove_old_socket_dir(&entry.path());
            continue;
        };
        let lives = Path::new("/proc").join(owner).exists();
        // Its server may still be shutting down: it removes that file last.
        let server_lives = entry.path().join("cluster/postmaster.pid").exists();
        if !lives && !server_lives && Path::new("/proc/self").exists() {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

/// Removes a socket directory that a killed process left behind. One that is in use is not empty, or young.
fn remove_old_socket_dir(path: &Path) {
    let name = path.file_name().and_then(|name| name.to_str());
    let is_socket_dir = name.is_some_and(|name| name.starts_with(".limpid-"));
    let age = std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()
        .and_then(|modified| modified.elapsed().ok());
    if is_socket_dir && age.is_some_and(|age| age > Duration::from_hours(1)) {
        drop(std::fs::remove_dir(path));
    }
}
