//! `migrate`, `rebuild`, `verify`: the schema, and the proof that every projection equals what the log says.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_domain::clock::Clock;
use limpid_event_store::StoreError;
use limpid_read_models::failure_counts::Reconciliation;
use limpid_read_models::filter::Window;
use limpid_read_models::{
    delivery_config, delivery_usage, failure_counts, failure_groups, failure_paths, origin_health,
};

use crate::exit::{Failure, Kind};
use crate::output;
use crate::roles::Databases;

/// Projections that can be derived again.
const PROJECTIONS: [&str; 6] = [
    "delivery_config",
    "failure_counts",
    "failure_groups",
    "failure_paths",
    "delivery_usage",
    "origin_health",
];

/// Derives one projection again, compares it with the live one, and swaps it in.
///
/// Errors: an unknown name (not found); a difference (check failed), which is repaired by then.
pub(crate) async fn rebuild(databases: &Databases, projection: &str) -> Result<(), Failure> {
    let failures = &databases.failures;
    let differences = match projection {
        "delivery_config" => delivery_config::rebuild(&databases.accounts)
            .await
            .map(|drift| drift.iter().map(size).sum()),
        "failure_counts" => failure_counts::rebuild(failures, progress_of("hours"))
            .await
            .map(|report| report.replaced),
        "failure_groups" => failure_groups::rebuild(failures, progress_of("hours"))
            .await
            .map(|report| report.replaced),
        "failure_paths" => {
            let now = Clock::system().now();
            failure_paths::rebuild(failures, now, progress_of("hours and days"))
                .await
                .map(|report| report.replaced)
        }
        "delivery_usage" => delivery_usage::rebuild(failures, progress_of("days"))
            .await
            .map(|report| report.replaced + report.underivable),
        "origin_health" => origin_health::rebuild(failures).await,
        _ => {
            let message = format!(
                "no projection '{projection}'; there are: {}",
                PROJECTIONS.join(", ")
            );
            return Err(Failure::new(Kind::NotFound, message));
        }
    };
    report(projection, differences)
}

/// Compares every projection with the log.
///
/// Errors: a difference (check failed).
pub(crate) async fn verify(databases: &Databases) -> Result<(), Failure> {
    let configuration = delivery_config::verify(&databases.accounts)
        .await
        .map(|drift| drift.iter().map(size).sum());
    let everything = Window {
        from: DateTime::UNIX_EPOCH,
        to: next_hour(Clock::system().now()),
    };
    let failures = failure_counts::verify(&databases.failures, everything).await;
    let groups = failure_groups::verify(&databases.failures).await;
    let groups = groups.map(|drift| drift.differences().unsigned_abs());
    let paths = failure_paths::verify(&databases.failures).await;
    let usage = delivery_usage::verify(&databases.failures).await;
    let origins = origin_health::verify(&databases.failures).await;
    let configuration = report("delivery_config", configuration);
    let failures = report_failures(failures);
    let rest = [
        ("failure_groups", groups),
        ("failure_paths", paths),
        ("delivery_usage", usage),
        ("origin_health", origins),
    ]
    .map(|(projection, differences)| report(projection, differences));
    rest.into_iter()
        .fold(configuration.and(failures), Result::and)
}

fn progress_of(steps: &'static str) -> impl FnMut(u64, u64) {
    let mut progress = output::Progress::of(steps);
    move |done, of| progress.tell(done, of)
}

/// Rows by which one tenant's projection differs.
fn size(drift: &delivery_config::Drift) -> u64 {
    (drift.unexplained.len() + drift.missing.len()) as u64
}

/// The end of the hour that runs: the comparison is over whole hours.
fn next_hour(now: DateTime<Utc>) -> DateTime<Utc> {
    let hour = TimeDelta::hours(1);
    now.duration_trunc(hour).unwrap_or(now) + hour
}

fn report(projection: &str, differences: Result<u64, StoreError>) -> Result<(), Failure> {
    match differences {
        Ok(0) => output::print(&format!("{projection}: equals the log")),
        Ok(rows) => {
            let message = format!("{projection}: {rows} differences from the log");
            Err(Failure::new(Kind::Refused, message))
        }
        Err(error) => Err(store_failure(&format!("check {projection}"), &error)),
    }
}

fn report_failures(found: Result<Reconciliation, StoreError>) -> Result<(), Failure> {
    let found = found.map_err(|error| store_failure("check failure_counts", &error))?;
    let sums = format!(
        "failure_counts: {} events for {} failures; by the counts {} for {}; by the ledger {}",
        found.events,
        found.occurrences,
        found.counted_events,
        found.counted_occurrences,
        found.ledger_events,
    );
    if found.agrees() && found.missing_batches == 0 {
        return output::print(&sums);
    }
    let message = format!(
        "{sums}; {} counts and {} batches differ, {} batches are missing",
        found.differing_counts, found.differing_batches, found.missing_batches
    );
    Err(Failure::new(Kind::Refused, message))
}

/// A failed use of the database, as an exit code.
pub(crate) fn store_failure(what: &str, error: &StoreError) -> Failure {
    let kind = match error {
        StoreError::Unavailable(_) => Kind::Unavailable,
        StoreError::Conflict { .. } | StoreError::Taken { .. } => Kind::Conflict,
        StoreError::UnknownTenant => Kind::NotFound,
        _ => Kind::Failed,
    };
    Failure::caused(kind, what, error)
}
