//! Which database a command talks to: the one it was given, or the embedded one, started for the occasion if need be.

use std::path::{Path, PathBuf};
use std::time::Duration;

use limpid_event_store::{Database, DatabaseOptions};
use limpid_local_postgres::{BinarySearch, Cluster, ClusterConfig, LocalPostgresError, StopMode};
use secrecy::{ExposeSecret, SecretString};

use crate::config::Config;
use crate::data_dir::{self, DataDir};
use crate::exit::{Failure, Kind};
use crate::lifecycle::BACKGROUND_NICENESS;

/// Where `./dev` puts the embedded server, below the repository.
const TOOLS_DIR: &str = ".dev/postgres";

/// A reachable database, with whatever must stay alive for it to stay reachable.
#[derive(Debug)]
pub(crate) struct DatabaseAccess {
    url: SecretString,
    /// Ours to stop. `None` for a server somebody else runs.
    cluster: Option<Cluster>,
    /// Held while our own cluster runs.
    _data_dir: Option<DataDir>,
}

impl DatabaseAccess {
    /// For a command beside a running instance: the given database; else the one of the instance that runs in the data
    /// directory; else the embedded one, started until [`DatabaseAccess::close`]. Blocks; call it outside a runtime.
    ///
    /// Errors: there is no data directory yet (not found); the server doesn't start.
    pub(crate) fn open(config: &Config) -> Result<Self, Failure> {
        if let Some(url) = &config.database.url {
            return Ok(Self::given(url.clone()));
        }
        if let Some(running) = data_dir::running(&config.data_dir) {
            let url = running.database_url.ok_or_else(|| {
                let message = "the running instance uses an external database: give --database-url or DATABASE_URL";
                Failure::new(Kind::Configuration, message)
            })?;
            return Ok(Self::given(SecretString::from(url)));
        }
        if !config.data_dir.join("postgres").exists() {
            let message = format!(
                "there is no database: {} holds none and DATABASE_URL is not set; `limpid up` makes one",
                config.data_dir.display()
            );
            return Err(Failure::new(Kind::NotFound, message));
        }
        let data_dir = DataDir::lock(&config.data_dir)?;
        let cluster = start_cluster(config, data_dir.path())?;
        Ok(Self {
            url: SecretString::from(cluster.database_url()),
            cluster: Some(cluster),
            _data_dir: Some(data_dir),
        })
    }

    fn given(url: SecretString) -> Self {
        Self {
            url,
            cluster: None,
            _data_dir: None,
        }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        self.url.expose_secret()
    }

    /// Stops the embedded server if this started it.
    pub(crate) fn close(self) {
        if let Some(cluster) = self.cluster {
            cluster.stop(StopMode::Fast);
        }
    }
}

/// Starts the embedded server of a data directory this process holds.
///
/// Errors: no binaries on this machine, or a cluster that doesn't start; the message says what to do.
pub(crate) fn start_cluster(config: &Config, data_dir: &Path) -> Result<Cluster, Failure> {
    let cluster = ClusterConfig {
        niceness: BACKGROUND_NICENESS,
        ..ClusterConfig::new(data_dir.join("postgres"), binary_search(config))
    };
    Cluster::start(&cluster).map_err(|error| {
        let kind = match error {
            LocalPostgresError::BinariesNotFound { .. } => Kind::Configuration,
            _ => Kind::Unavailable,
        };
        Failure::caused(kind, "start the embedded PostgreSQL", &error)
    })
}

/// Opens a pool of connections.
///
/// Errors: the server doesn't answer (unavailable).
pub(crate) async fn connect(
    url: &str,
    max_connections: u32,
    application: &str,
) -> Result<Database, Failure> {
    let options = DatabaseOptions::default();
    connect_with(url, application, (max_connections, options)).await
}

/// The same with a time-out of its own for each statement.
///
/// Errors: as [`connect`].
pub(crate) async fn connect_patiently(
    url: &str,
    application: &str,
    (max_connections, statement_timeout): (u32, Duration),
) -> Result<Database, Failure> {
    let options = DatabaseOptions {
        statement_timeout,
        ..DatabaseOptions::default()
    };
    connect_with(url, application, (max_connections, options)).await
}

async fn connect_with(
    url: &str,
    application: &str,
    (max_connections, options): (u32, DatabaseOptions),
) -> Result<Database, Failure> {
    let options = DatabaseOptions {
        max_connections,
        application_name: format!("limpid {application}"),
        ..options
    };
    Database::connect(url, &options)
        .await
        .map_err(|error| Failure::caused(Kind::Unavailable, "connect to the database", &error))
}

/// Brings the schema of every database up to date: of the one with this URL, and of the failures' own.
///
/// Errors: a server doesn't answer (unavailable), or a migration fails (failed).
pub(crate) async fn migrate(config: &Config, url: &str) -> Result<(), Failure> {
    migrate_one(url, "migrate the database").await?;
    match &config.failures.database_url {
        Some(failures) => {
            migrate_one(failures.expose_secret(), "migrate failures.database_url").await
        }
        None => Ok(()),
    }
}

async fn migrate_one(url: &str, what: &str) -> Result<(), Failure> {
    Database::migrate(url).await.map_err(|error| {
        let kind = if error.is_transient() {
            Kind::Unavailable
        } else {
            Kind::Failed
        };
        Failure::caused(kind, what, &error)
    })
}

/// Where to look for an embedded server's executables.
pub(crate) fn binary_search(config: &Config) -> BinarySearch {
    BinarySearch {
        given: config.database.binaries.as_deref().map(absolute),
        tools_dir: tools_dir(),
        system: true,
    }
}

/// The nearest `.dev/postgres` above the executable, which is right for a build inside the repository; else the one below
/// the working directory.
fn tools_dir() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|executable| {
            executable
                .ancestors()
                .map(|folder| folder.join(TOOLS_DIR))
                .find(|folder| folder.is_dir())
        })
        .unwrap_or_else(|| absolute(Path::new(TOOLS_DIR)))
}

/// The server is started in a directory of its own, where a relative path means something else.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
