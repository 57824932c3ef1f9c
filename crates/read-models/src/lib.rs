//! Read models: one file per projection, with its tables, its `apply` and its queries.
//!
//! | module | holds |
//! |---|---|
//! | [`config_history`] | the configuration as it was at any version, and what differs between two |
//! | [`delivery_config`] | what serving and the management API need to know of a tenant; updated in the command's transaction |
//! | [`delivery_usage`] | requests answered and bytes sent |
//! | [`missing_assets`] | what was most often answered with 404 |
//! | [`filter`] | the one set of filters of every question about failures |
//! | [`alerts`] | what a rule holds for: opened, told, over |
//! | [`annotations`] | notes that people put on the time line |
//! | [`breakdown`] | what failures are counted by |
//! | [`failure_facets`] | the values of each filter with their counts |
//! | [`failure_groups`] | failures alike, as groups |
//! | [`failure_packs`] | the counts of groups of a day, packed |
//! | [`failure_paths`] | the paths that fail most |
//! | [`failure_summary`] | how many, by code, reason and origin |
//! | [`failure_timeseries`] | how many over time |
//! | [`failure_log`] | single failures: by page, by id, by request |
//! | [`failure_counts`] | the hourly counts proved and derived again |
//! | [`webhook_deliveries`] | messages on their way to webhooks, and what became of them |
//! | `numbers` | whole numbers as bytes, for what is packed |
//! | [`origin_health`] | how origins fare, and what of them ends soon |
//! | [`purges`] | what was purged, and how far the serving nodes have come with it |
//! | `rebuild_spans` | how much a rebuild derives at once |
//! | [`retention`] | from when on failures and counts are kept, and dropping older counts |
//! | [`freshness`] | how fresh and complete an answer is |

pub mod alerts;
pub mod annotations;
pub mod breakdown;
pub mod config_history;
pub mod delivery_config;
pub mod delivery_usage;
pub mod failure_counts;
pub mod failure_facets;
pub mod failure_groups;
pub mod failure_log;
pub mod failure_packs;
pub mod failure_paths;
pub mod failure_summary;
pub mod failure_timeseries;
pub mod filter;
pub mod freshness;
pub mod missing_assets;
mod numbers;
pub mod origin_health;
pub mod purges;
mod rebuild_spans;
pub mod retention;
pub mod webhook_deliveries;
