//! The store against real disks and a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod failure_crash;
mod failure_ingest;
mod failure_partitions;
mod spool;
mod spool_model;
