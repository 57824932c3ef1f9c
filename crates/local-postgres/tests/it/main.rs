//! The real server, started, crashed and stopped.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use limpid_local_postgres::{
    BinarySearch, Cluster, ClusterConfig, Durability, LocalPostgresError, StopMode,
};

const HELPER_DIR: &str = "LIMPID_TEST_HELPER_DIR";

fn config(data_dir: &Path) -> ClusterConfig {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let search = BinarySearch {
        given: std::env::var_os("LIMPID_PG_BIN").map(PathBuf::from),
        tools_dir: repository.join(".dev/postgres"),
        system: true,
    };
    ClusterConfig {
        durability: Durability::Disposable,
        ..ClusterConfig::new(data_dir, search)
    }
}

/// A directory that an unprivileged account can pass through.
fn reachable_dir() -> tempfile::TempDir {
    dir_with_mode(0o755)
}

fn dir_with_mode(mode: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
    dir
}

fn alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
        && !std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| stat.contains(") Z "))
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "waited in vain: {what}"
        );
        std::thread::yield_now();
    }
}

fn kill(pid: u32) {
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(killed.unwrap().success());
}

#[test]
fn a_new_cluster_starts_stops_and_starts_again_quickly() {
    let dir = reachable_dir();
    let first = Cluster::start(&config(dir.path())).unwrap();
    let pid = first.pid().unwrap();
    assert!(alive(pid));
    first.stop(StopMode::Fast);
    assert!(!alive(pid));

    let started = Instant::now();
    let second = Cluster::start(&config(dir.path())).unwrap();
    let elapsed = started.elapsed();
    println!("second start: {elapsed:?}");
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    assert_eq!(second.restarts(), 0);
}

#[test]
fn two_processes_cannot_hold_one_cluster() {
    let dir = reachable_dir();
    let cluster = Cluster::start(&config(dir.path())).unwrap();
    let error = Cluster::start(&config(dir.path())).unwrap_err();
    assert!(matches!(error, LocalPostgresError::InUse { .. }), "{error}");
    assert!(alive(cluster.pid().unwrap()));
}

#[test]
fn a_crashed_server_is_started_again() {
    let dir = reachable_dir();
    let cluster = Cluster::start(&config(dir.path())).unwrap();
    let first = cluster.pid().unwrap();
    kill(first);
    until("a new server", || {
        cluster.restarts() > 0 && cluster.pid().is_some_and(|pid| pid != first && alive(pid))
    });
}

#[test]
fn a_cluster_of_another_major_version_is_refused_with_advice() {
    let dir = reachable_dir();
    let cluster = Cluster::start(&config(dir.path())).unwrap();
    let version_file = cluster.cluster_dir().join("PG_VERSION");
    cluster.stop(StopMode::Fast);
    std::fs::write(version_file, "9\n").unwrap();
    let error = Cluster::start(&config(dir.path())).unwrap_err();
    assert!(
        matches!(error, LocalPostgresError::VersionMismatch { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("dump"), "{error}");
}

#[test]
fn an_unreachable_data_directory_is_replaced_by_one_in_the_state_directory() {
    let state = reachable_dir();
    let private = dir_with_mode(0o700);
    let mut config = config(&private.path().join("data"));
    config.state_dir = state.path().join("limpid");
    let first = Cluster::start(&config).unwrap();
    let place = first.cluster_dir().to_owned();
    let is_root = std::fs::metadata(private.path()).unwrap().uid() == 0;
    assert_eq!(place.starts_with(&config.state_dir), is_root);
    first.stop(StopMode::Fast);
    let again = Cluster::start(&config).unwrap();
    assert_eq!(again.cluster_dir(), place);
}

/// Not a test by itself: the process that gets killed, started by the test below.
#[test]
fn helper_that_starts_a_cluster_and_waits_to_be_killed() {
    let Some(dir) = std::env::var_os(HELPER_DIR) else {
        return;
    };
    let cluster = Cluster::start(&config(Path::new(&dir))).unwrap();
    println!("\nPOSTGRES {}", cluster.pid().unwrap());
    loop {
        std::thread::park();
    }
}

#[test]
fn a_killed_parent_leaves_no_server_and_the_next_start_works() {
    let dir = reachable_dir();
    let mut helper = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "helper_that_starts_a_cluster_and_waits_to_be_killed",
            "--nocapture",
        ])
        .env(HELPER_DIR, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(helper.stdout.take().unwrap()).lines();
    let server: u32 = loop {
        let line = lines.next().unwrap().unwrap();
        if let Some(pid) = line.strip_prefix("POSTGRES ") {
            break pid.parse().unwrap();
        }
    };
    assert!(alive(server));
    helper.kill().unwrap();
    helper.wait().unwrap();
    // At once: the old server may still be shutting down.
    let next = Cluster::start(&config(dir.path())).unwrap();
    until("the orphan ends", || !alive(server));
    assert!(alive(next.pid().unwrap()));
}
