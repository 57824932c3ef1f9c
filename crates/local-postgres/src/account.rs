//! The unprivileged account the server runs as when we are root, and what that account can reach.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::LocalPostgresError;

/// An account of this machine. `initdb` looks its own name up, so a bare number would not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// The account to drop to, or `None` when we are not root and stay who we are.
    ///
    /// An existing cluster keeps its owner, whichever accounts appeared on the machine since.
    pub(crate) fn choose(cluster_dir: &Path) -> Result<Option<Self>, LocalPostgresError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let path = Path::new("/etc/passwd");
        let accounts =
            std::fs::read_to_string(path).map_err(LocalPostgresError::file("read", path))?;
        if let Ok(metadata) = std::fs::metadata(cluster_dir.join("PG_VERSION"))
            && metadata.uid() != 0
            && let Some(owner) = find(&accounts, |_, uid| uid == metadata.uid())
        {
            return Ok(Some(owner));
        }
        find(&accounts, |name, _| name == "postgres")
            .or_else(|| find(&accounts, |name, _| name == "nobody"))
            .map(Some)
            .ok_or(LocalPostgresError::NoAccount)
    }

    /// Makes `command` run as this account.
    pub(crate) fn apply(account: Option<Self>, command: &mut Command) {
        if let Some(Self { uid, gid }) = account {
            command.uid(uid).gid(gid);
        }
    }

    /// Hands a file or directory to this account.
    pub(crate) fn own(account: Option<Self>, path: &Path) -> Result<(), LocalPostgresError> {
        let Some(Self { uid, gid }) = account else {
            return Ok(());
        };
        chown(path, Some(uid), Some(gid))
            .map_err(LocalPostgresError::file("change the owner of", path))
    }

    /// The uid that files of the server must have.
    pub(crate) fn uid(account: Option<Self>) -> u32 {
        account.map_or_else(
            || rustix::process::geteuid().as_raw(),
            |account| account.uid,
        )
    }

    /// Whether this account may pass through every directory above `path`.
    pub(crate) fn can_reach(self, path: &Path) -> bool {
        path.ancestors().skip(1).all(|directory| {
            let directory = if directory.as_os_str().is_empty() {
                Path::new(".")
            } else {
                directory
            };
            std::fs::metadata(directory).is_ok_and(|metadata| {
                let execute = if metadata.uid() == self.uid {
                    0o100
                } else if metadata.gid() == self.gid {
                    0o010
                } else {
                    0o001
                };
                metadata.mode() & execute != 0
            })
        })
    }
}

fn find(accounts: &str, matches: impl Fn(&str, u32) -> bool) -> Option<Account> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        matches(name, uid).then_some(Account { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn accounts_are_found_by_name_and_number() {
        let accounts =
            "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:,,,:/var:/bin/sh\nbroken\n";
        let postgres = Account { uid: 101, gid: 104 };
        assert_eq!(find(accounts, |name, _| name == "postgres"), Some(postgres));
        assert_eq!(find(accounts, |_, uid| uid == 101), Some(postgres));
        assert_eq!(find(accounts, |name, _| name == "nobody"), None);
    }

    #[test]
    fn a_private_parent_directory_is_out_of_reach() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("inside");
        let somebody = Account {
            uid: 54_321,
            gid: 54_321,
        };
        let mode =
            |mode| std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(mode));
        mode(0o755).unwrap();
        assert!(somebody.can_reach(&inside));
        mode(0o700).unwrap();
        assert!(!somebody.can_reach(&inside));
    }
}
