//! The projector: everything that follows the log at its own pace. Any number may run; every job is idempotent.
//!
//! | module | holds |
//! |---|---|
//! | [`alerts`] | what groups and shares mean to the tenants' rules, put on its way |
//! | [`webhooks`] | messages signed, sent, tried again |
//! | `configuration` | a copy of it beside failures that have a database of their own |
//! | `erasure` | tenants that are to vanish, erased in batches |
//! | `groups` | batches counted by group, a moment after they came |
//! | `maintenance` | partitions made ahead and dropped by age |
//! | `packs` | counts of hours that are over, packed |
//! | `reconciliation` | events = counts = ledger, proved every hour |
//! | `retention` | counts and groups older than they are kept |
//! | `top_paths` | the paths that failed most, of closed hours and days |
//! | `usage_keys` | fewer keys of usage for what is over |
//! | `schedule` | when a job runs next, with patience for a database that is away |
//! | `metrics` | what the jobs report |

pub mod alerts;
mod configuration;
mod erasure;
mod groups;
mod maintenance;
mod metrics;
mod packs;
mod reconciliation;
mod retention;
mod schedule;
mod top_paths;
mod usage_keys;
pub mod webhooks;

use std::time::Duration;

use chrono::TimeDelta;
use limpid_domain::clock::Clock;
use limpid_event_store::Database;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::Metrics;
use crate::webhooks::WebhookConfig;

/// What to do, how often.
#[derive(Debug, Clone)]
pub struct ProjectorConfig {
    /// Where the failures are.
    pub database: Database,
    /// Where accounts are, if the failures have a database of their own.
    pub accounts_database: Option<Database>,
    /// The time.
    pub clock: Clock,
    /// How long single failures are kept; their hourly counts stay.
    pub failure_retention: TimeDelta,
    /// How long counts are kept, of failures and of usage.
    pub counts_retention: TimeDelta,
    /// How often partitions are looked after.
    pub maintenance_interval: Duration,
    /// How often old counts are looked for.
    pub retention_interval: Duration,
    /// How often tenants to erase are looked for.
    pub erasure_interval: Duration,
    /// How often the counts are proved.
    pub reconciliation_interval: Duration,
    /// How often closed hours are looked at for their top paths.
    pub top_paths_interval: Duration,
    /// How often counts of closed hours are packed.
    pub packs_interval: Duration,
    /// How often new batches are counted by group.
    pub groups_interval: Duration,
    /// How often rules are looked at and messages sent.
    pub alerts_interval: Duration,
    /// How messages to webhooks are sent; without it nobody is alerted.
    pub webhooks: Option<WebhookConfig>,
}

impl ProjectorConfig {
    /// The defaults: failures 30 days and counts 13 months; partitions and proofs every hour, old counts every ten minutes, top paths and packs every
    /// minute, erasures every ten seconds, groups and alerts every second; no webhooks.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self {
            database,
            accounts_database: None,
            clock,
            failure_retention: TimeDelta::days(30),
            counts_retention: TimeDelta::days(396),
            maintenance_interval: Duration::from_hours(1),
            retention_interval: Duration::from_mins(10),
            erasure_interval: Duration::from_secs(10),
            reconciliation_interval: Duration::from_hours(1),
            top_paths_interval: Duration::from_mins(1),
            packs_interval: Duration::from_mins(1),
            groups_interval: Duration::from_secs(1),
            alerts_interval: Duration::from_secs(1),
            webhooks: None,
        }
    }
}

/// Runs every job until told to stop. A database that is away is waited for, not an error.
pub async fn run(config: ProjectorConfig, shutdown: CancellationToken) {
    let metrics = Metrics::new();
    let jobs = TaskTracker::new();
    jobs.spawn(maintenance::run(
        config.clone(),
        metrics.clone(),
        shutdown.clone(),
    ));
    jobs.spawn(retention::run(
        config.clone(),
        metrics.clone(),
        shutdown.clone(),
    ));
    jobs.spawn(configuration::run(config.clone(), shutdown.clone()));
    jobs.spawn(erasure::run(config.clone(), shutdown.clone()));
    jobs.spawn(top_paths::run(config.clone(), shutdown.clone()));
    jobs.spawn(packs::run(config.clone(), shutdown.clone()));
    jobs.spawn(groups::run(config.clone(), shutdown.clone()));
    jobs.spawn(usage_keys::run(config.clone(), shutdown.clone()));
    jobs.spawn(alerts::run(config.clone(), shutdown.clone()));
    jobs.spawn(webhooks::run(config.clone(), shutdown.clone()));
    jobs.spawn(reconciliation::run(config, metrics, shutdown));
    jobs.close();
    jobs.wait().await;
}
