//! Where facts are kept: the configuration log, the failure log's append, and the secrets that events only point at.
//!
//! | module | holds |
//! |---|---|
//! | [`database`] | pools, roles, migrations; the only way to a connection, with the tenant set |
//! | [`config_log`] | streams of configuration events: append with expected version, read, heads |
//! | [`config_listener`] | which tenants changed: NOTIFY as a hint, a sweep as the truth |
//! | [`spool`] | the durable local queue of failure events |
//! | [`failure_append`] | batches of failures into ledger, events and hourly counts, in one statement |
//! | [`drainer`] | carries the spool to the database, through outages |
//! | [`failure_partitions`] | the days that the events are kept in: made ahead, dropped by age |
//! | [`flusher`] | carries what a node gathers in memory to the database, through outages |
//! | [`origin_observation_append`] | what serving nodes observed of origins, each batch once |
//! | [`tenant_erasure`] | every row of a tenant, gone in batches |
//! | [`usage_append`] | counts of answered requests, each batch once |
//! | [`vault`] | envelope encryption of secrets |
//! | [`error`] | what can go wrong |

pub mod config_listener;
pub mod config_log;
pub mod database;
pub mod drainer;
pub mod error;
pub mod failure_append;
pub mod failure_partitions;
pub mod flusher;
pub mod origin_observation_append;
pub mod spool;
pub mod tenant_erasure;
pub mod usage_append;
pub mod vault;

pub use database::{Database, DatabaseOptions, TenantTx};
pub use error::StoreError;
