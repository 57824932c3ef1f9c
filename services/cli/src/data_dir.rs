//! The data directory: created private, locked for one process, with the keys and a note where the running one answers.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::exit::{Failure, Kind};

/// The directory, held by this process until dropped; the kernel lets go of the lock however the process dies.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// What other commands need to know about the instance that runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its process.
    pub(crate) pid: u32,
    /// Its database. On the embedded one this is a socket only its owner can reach; an external one's may hold a
    /// password, so it is not written down.
    pub(crate) database_url: Option<String>,
    /// Where images are served.
    pub(crate) serving: String,
    /// Where the APIs answer.
    pub(crate) dashboard: String,
}

impl DataDir {
    /// Creates the directory if need be (mode 0700) and locks it.
    ///
    /// Errors: another process holds it (conflict); it can't be created or written.
    pub(crate) fn lock(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            let what = format!("use the data directory {}", path.display());
            Failure::caused(Kind::Failed, what, &error)
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
        // Everything under it is named by absolute paths: the embedded server runs in another directory.
        let path = fs::canonicalize(path).map_err(failed)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("limpid.lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(held(&path)),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Its absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes where this instance answers.
    pub(crate) fn announce(&self, running: &Running) -> Result<(), Failure> {
        let json = serde_json::to_vec(running)
            .map_err(|error| Failure::caused(Kind::Failed, "note the addresses", &error))?;
        write_whole(&note(&self.path), &json)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // A note that stays behind is harmless: readers check the lock first.
        let _absent = fs::remove_file(note(&self.path));
    }
}

/// The instance that runs in a data directory, if one does and is ready.
pub(crate) fn running(path: &Path) -> Option<Running> {
    let lock = File::open(path.join("limpid.lock")).ok()?;
    if !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    serde_json::from_slice(&fs::read(note(path)).ok()?).ok()
}

/// Reads the operator key, or makes one (256 bits) that stays the same from then on.
///
/// Errors: the file can't be read or created, or others may read it.
pub(crate) fn operator_key(file: &Path) -> Result<SecretString, Failure> {
    let failed = |error: io::Error| {
        let what = format!("use the operator key file {}", file.display());
        Failure::caused(Kind::Configuration, what, &error)
    };
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    match created {
        Ok(mut created) => {
            let key = format!("operator_{}", hex_of(&rand::random::<[u8; 32]>()));
            writeln!(created, "{key}")
                .and_then(|()| created.sync_all())
                .map_err(failed)?;
            Ok(SecretString::from(key))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(file).map_err(failed)?.permissions().mode();
            if mode & 0o077 != 0 {
                let file = file.display();
                let message = format!("{file} can be read by others; run: chmod 600 {file}");
                return Err(Failure::new(Kind::Configuration, message));
            }
            let key = fs::read_to_string(file).map_err(failed)?.trim().to_owned();
            if key.len() < 32 {
                let message = format!(
                    "the operator key in {} is shorter than 32 characters",
                    file.display()
                );
                return Err(Failure::new(Kind::Configuration, message));
            }
            Ok(SecretString::from(key))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Writes a file so that a reader sees all of it or nothing, readable by its owner only.
///
/// Errors: the directory can't be written.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::caused(Kind::Failed, format!("write {}", path.display()), &error)
    };
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)
}

fn held(path: &Path) -> Failure {
    let who = fs::read(note(path))
        .ok()
        .and_then(|note| serde_json::from_slice::<Running>(&note).ok())
        .map(|running| format!(" (process {}, serving {})", running.pid, running.serving))
        .unwrap_or_default();
    let path = path.display();
    let message = format!(
        "another limpid runs in the data directory {path}{who}; stop it, or choose another one with --data-dir"
    );
    Failure::new(Kind::Conflict, message)
}

fn note(path: &Path) -> PathBuf {
    path.join("running.json")
}

fn hex_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_second_instance_is_refused_and_told_who_runs() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::lock(dir.path()).unwrap();
        assert!(running(dir.path()).is_none(), "nothing was announced yet");
        let note = Running {
            pid: 4711,
            database_url: None,
            serving: "http://127.0.0.1:8080".to_owned(),
            dashboard: "http://127.0.0.1:8081".to_owned(),
        };
        first.announce(&note).unwrap();
        assert_eq!(running(dir.path()).unwrap().pid, 4711);
        let refused = DataDir::lock(dir.path()).unwrap_err();
        assert_eq!(refused.kind(), Kind::Conflict);
        assert!(
            refused.message().contains("process 4711"),
            "{}",
            refused.message()
        );
        drop(first);
        assert!(running(dir.path()).is_none());
        DataDir::lock(dir.path()).unwrap();
    }

    #[test]
    fn the_operator_key_is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys/operator.key");
        let made = operator_key(&file).unwrap();
        assert_eq!(
            made.expose_secret(),
            operator_key(&file).unwrap().expose_secret()
        );
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = operator_key(&file).unwrap_err();
        assert_eq!(refused.kind(), Kind::Configuration);
    }
}
