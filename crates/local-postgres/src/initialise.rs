//! `initdb` and the first database, finished or not at all.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::cluster::{DATABASE, Durability, USER};
use crate::error::LocalPostgresError;

/// Creates the cluster in `cluster_dir` unless it exists. An interrupted attempt never looks finished: everything happens
/// under a temporary name.
pub(crate) fn ensure_cluster(
    binaries: &Binaries,
    account: Option<Account>,
    cluster_dir: &Path,
    durability: Durability,
) -> Result<(), LocalPostgresError> {
    if cluster_dir.join("PG_VERSION").exists() {
        return Ok(());
    }
    let unfinished = cluster_dir.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(LocalPostgresError::file("remove", &unfinished))?;
    }
    fs::create_dir(&unfinished).map_err(LocalPostgresError::file("create", &unfinished))?;
    Account::own(account, &unfinished)?;
    run_initdb(binaries, account, &unfinished, durability)?;
    create_database(binaries, account, &unfinished)?;
    fs::rename(&unfinished, cluster_dir).map_err(LocalPostgresError::file("create", cluster_dir))
}

fn run_initdb(
    binaries: &Binaries,
    account: Option<Account>,
    directory: &Path,
    durability: Durability,
) -> Result<(), LocalPostgresError> {
    let mut command = command_in(&binaries.executable("initdb"), account, directory);
    command
        .arg("-D")
        .arg(directory)
        .args(["-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C"])
        .arg("--no-instructions");
    if durability == Durability::Disposable {
        command.arg("--no-sync");
    }
    let output = command
        .output()
        .map_err(LocalPostgresError::file("run initdb in", directory))?;
    succeeded(&output, directory)
}

/// Single-user mode needs neither a socket nor a client.
fn create_database(
    binaries: &Binaries,
    account: Option<Account>,
    directory: &Path,
) -> Result<(), LocalPostgresError> {
    let run = |error| LocalPostgresError::file("run postgres in", directory)(error);
    let mut child = command_in(&binaries.executable("postgres"), account, directory)
        .args(["--single", "-j", "-c", "exit_on_error=true", "-D"])
        .arg(directory)
        .arg("postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(run)?;
    if let Some(mut stdin) = child.stdin.take() {
        let statement = format!("create database {DATABASE};\n\n");
        stdin.write_all(statement.as_bytes()).map_err(run)?;
    }
    let output = child.wait_with_output().map_err(run)?;
    succeeded(&output, directory)
}

/// A command of the server's, as its account, in an environment that does not depend on ours.
pub(crate) fn command_in(program: &Path, account: Option<Account>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir("/")
        .env("LC_ALL", "C")
        // With root's HOME, libpq inside server processes stumbles over a `.postgresql` folder it may not read.
        .env("HOME", directory)
        .env_remove("PGDATA");
    Account::apply(account, &mut command);
    command
}

fn succeeded(output: &Output, directory: &Path) -> Result<(), LocalPostgresError> {
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(LocalPostgresError::Initialise {
        cluster_dir: directory.to_owned(),
        message,
    })
}
