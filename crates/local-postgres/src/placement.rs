//! Which directory the cluster really lives in, where its socket is, and binaries that its account can execute.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::error::LocalPostgresError;

/// Names the directory that was used instead, when the one asked for is out of the server's reach.
const POINTER_FILE: &str = "LOCATION";

/// The port only names the socket file.
pub(crate) const PORT: u16 = 5432;

/// The longest path of a Unix socket. Source: `sun_path` in unix(7) has 108 bytes, macOS has 104.
const MAX_SOCKET_PATH_BYTES: usize = 103;

/// Where everything of one cluster is.
#[derive(Debug, Clone)]
pub(crate) struct Placement {
    /// What was asked for. Ours; holds the lock.
    pub(crate) data_dir: PathBuf,
    /// `PGDATA`. The server's.
    pub(crate) cluster_dir: PathBuf,
    /// The server's log.
    pub(crate) log: PathBuf,
}

impl Placement {
    /// Decides for `data_dir`, creating directories as needed.
    ///
    /// The cluster lives in `data_dir/cluster`, or, when the server's account can't get there (`/root` is 0700), in a
    /// directory of `state_dir` that a pointer file in `data_dir` names.
    pub(crate) fn decide(
        data_dir: &Path,
        state_dir: &Path,
    ) -> Result<(Self, Option<Account>), LocalPostgresError> {
        let create = LocalPostgresError::file("create", data_dir);
        fs::create_dir_all(data_dir).map_err(create)?;
        let data_dir =
            fs::canonicalize(data_dir).map_err(LocalPostgresError::file("resolve", data_dir))?;
        let pointer = data_dir.join(POINTER_FILE);
        let in_place = data_dir.join("cluster");
        let cluster_dir = match fs::read_to_string(&pointer) {
            Ok(text) => PathBuf::from(text.trim_end()),
            Err(_) => in_place,
        };
        let account = Account::choose(&cluster_dir)?;
        let reachable = account.is_none_or(|account| account.can_reach(&cluster_dir));
        let cluster_dir = if reachable {
            cluster_dir
        } else {
            let elsewhere = unused_place(state_dir, &data_dir)?;
            let text = format!("{}\n", elsewhere.display());
            fs::write(&pointer, text).map_err(LocalPostgresError::file("write", &pointer))?;
            elsewhere
        };
        let placement = Self {
            log: data_dir.join("server.log"),
            cluster_dir,
            data_dir,
        };
        Ok((placement, account))
    }

    /// Creates the directory of the Unix socket, open to the server's account only: that is what makes trust
    /// authentication safe.
    pub(crate) fn socket_dir(
        &self,
        account: Option<Account>,
    ) -> Result<PathBuf, LocalPostgresError> {
        let name = format!(".limpid-{}", hash_of(&self.data_dir));
        let fits =
            |path: &Path| path.as_os_str().len() + ".s.PGSQL.5432".len() < MAX_SOCKET_PATH_BYTES;
        let preferred = std::env::temp_dir().join(&name);
        let usable =
            fits(&preferred) && account.is_none_or(|account| account.can_reach(&preferred));
        let path = if usable {
            preferred
        } else {
            Path::new("/tmp").join(&name)
        };
        if fs::DirBuilder::new().mode(0o700).create(&path).is_ok() {
            Account::own(account, &path)?;
        }
        let metadata =
            fs::symlink_metadata(&path).map_err(LocalPostgresError::file("create", &path))?;
        let ours = metadata.is_dir()
            && metadata.uid() == Account::uid(account)
            && metadata.mode() & 0o777 == 0o700;
        if ours {
            Ok(path)
        } else {
            Err(LocalPostgresError::SocketDirectoryTaken { path })
        }
    }
}

/// Binaries that `account` can execute: the ones found, or a copy of their whole installation under `state_dir`.
pub(crate) fn executable_by(
    account: Option<Account>,
    binaries: Binaries,
    state_dir: &Path,
) -> Result<Binaries, LocalPostgresError> {
    let postgres = binaries.executable("postgres");
    if account.is_none_or(|account| account.can_reach(&postgres)) {
        return Ok(binaries);
    }
    let copy = state_dir.join(format!("postgresql-{}", binaries.version));
    if !copy.join("bin/postgres").is_file()
        && let Some(installation) = binaries.bin_dir.parent()
    {
        make_parent(&copy)?;
        let unfinished = copy.with_extension(format!("unfinished-{}", std::process::id()));
        copy_tree(installation, &unfinished)?;
        fs::rename(&unfinished, &copy).map_err(LocalPostgresError::file("create", &copy))?;
    }
    Ok(Binaries {
        bin_dir: copy.join("bin"),
        ..binaries
    })
}

/// A directory that no cluster lived in yet: whoever deleted a data directory, pointer included, meant to begin anew.
fn unused_place(state_dir: &Path, data_dir: &Path) -> Result<PathBuf, LocalPostgresError> {
    let hash = hash_of(data_dir);
    let place = (1_u32..10_000)
        .map(|number| state_dir.join(format!("{hash}-{number}")))
        .find(|place| !place.exists())
        .unwrap_or_else(|| state_dir.join(hash));
    let cluster = place.join("cluster");
    make_parent(&cluster)?;
    Ok(cluster)
}

fn make_parent(path: &Path) -> Result<(), LocalPostgresError> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(parent)
        .map_err(LocalPostgresError::file("create", parent))
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), LocalPostgresError> {
    fs::create_dir_all(to).map_err(LocalPostgresError::file("create", to))?;
    fs::set_permissions(to, PermissionsExt::from_mode(0o755))
        .map_err(LocalPostgresError::file("open up", to))?;
    let read = |error| LocalPostgresError::file("read", from)(error);
    for entry in fs::read_dir(from).map_err(read)? {
        let source = entry.map_err(read)?.path();
        let Some(name) = source.file_name() else {
            continue;
        };
        let target = to.join(name);
        if source.is_dir() {
            copy_tree(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(LocalPostgresError::file("copy", &source))?;
        }
    }
    Ok(())
}

/// A short, stable name for a path (FNV-1a, 64 bits; the standard library's hasher may change between releases).
fn hash_of(path: &Path) -> String {
    let hash = path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_out_of_reach_are_copied_with_their_installation() {
        let private = tempfile::tempdir().unwrap();
        let state = tempfile::tempdir().unwrap();
        for directory in ["bin", "lib"] {
            fs::create_dir(private.path().join(directory)).unwrap();
        }
        fs::write(private.path().join("bin/postgres"), "program").unwrap();
        fs::write(private.path().join("lib/libpq.so"), "library").unwrap();
        fs::set_permissions(private.path(), PermissionsExt::from_mode(0o700)).unwrap();
        let somebody = Account {
            uid: 54_321,
            gid: 54_321,
        };
        let found = Binaries {
            bin_dir: private.path().join("bin"),
            major: 18,
            version: "18.4".to_owned(),
        };
        let usable = executable_by(Some(somebody), found.clone(), state.path()).unwrap();
        assert_eq!(usable.bin_dir, state.path().join("postgresql-18.4/bin"));
        let library = fs::read(state.path().join("postgresql-18.4/lib/libpq.so"));
        assert_eq!(library.unwrap(), b"library");
        // The copy is made once, and not at all for an account that reaches the original.
        assert_eq!(
            executable_by(Some(somebody), found.clone(), state.path()).unwrap(),
            usable
        );
        assert_eq!(
            executable_by(None, found.clone(), state.path()).unwrap(),
            found
        );
    }

    #[test]
    fn a_deleted_data_directory_does_not_come_back() {
        let state = tempfile::tempdir().unwrap();
        let first = unused_place(state.path(), Path::new("/somewhere/data")).unwrap();
        let second = unused_place(state.path(), Path::new("/somewhere/data")).unwrap();
        assert_ne!(first, second);
    }
}
