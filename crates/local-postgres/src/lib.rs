//! Finds, initialises, starts, watches and stops a private PostgreSQL cluster: the database of `limpid up` and of the tests.
//!
//! The server is a direct child of this process, listens on a Unix socket in a private directory only, and dies with its
//! parent, also when that is killed with -9. As root everything of the server runs as an unprivileged account.
//!
//! | module | holds |
//! |---|---|
//! | [`cluster`] | [`Cluster`]: start, connection URL, stop |
//! | [`binaries`] | where the server's executables may be, which one fits |
//! | `account` | the unprivileged account when we are root, and what it can reach |
//! | `placement` | which directory the cluster really lives in, and its socket's |
//! | `initialise` | `initdb` and the first database |
//! | `server` | one run of `postgres`, from spawn to ready |
//! | `supervisor` | the thread that owns the runs and starts the next one after a crash |
//!
//! No `unsafe`: the parent-death signal is set by `setpriv` of util-linux, and where that is missing (macOS) a two-line shell
//! process holds a pipe to us and stops the server when the pipe closes.

mod account;
pub mod binaries;
pub mod cluster;
mod error;
mod initialise;
mod memory;
mod placement;
mod server;
mod supervisor;

pub use binaries::{Binaries, BinarySearch};
pub use cluster::{Cluster, ClusterConfig, Durability, StopMode};
pub use error::LocalPostgresError;
