//! Read models on a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod delivery_usage;
mod failure_counts;
mod failure_facets;
mod failure_groups;
mod failure_hour_packs;
mod failure_log;
mod failure_packs;
mod failure_paths;
mod failure_statistics;
mod failures;
mod group_life;
mod group_success;
mod origin_health;
mod projection_faults;
mod purges;
mod retention;
