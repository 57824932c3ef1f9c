//! `migrate`, `rebuild`, `verify`: the schema, and the proof that every projection equals what the log says.

use limpid_event_store::{Database, StoreError};
use limpid_read_models::{delivery_config, failure_counts};

use crate::exit::{Failure, Kind};
use crate::output;

/// Projections that can be derived again.
const PROJECTIONS: [&str; 2] = ["delivery_config", "failure_counts"];

/// Derives one projection again, compares it with the live one, and swaps it in.
///
/// Errors: an unknown name (not found); a difference (check failed), which is repaired by then.
pub(crate) async fn rebuild(database: &Database, projection: &str) -> Result<(), Failure> {
    let differences = match projection {
        "delivery_config" => delivery_config::rebuild(database).await.map(|drift| drift.len()),
        "failure_counts" => failure_counts::rebuild(database).await.map(|drift| drift.len()),
        _ => {
            let message = format!("no projection '{projection}'; there are: {}", PROJECTIONS.join(", "));
            return Err(Failure::new(Kind::NotFound, message));
        }
    };
    report(projection, differences)
}

/// Compares every projection with the log.
///
/// Errors: a difference (check failed).
pub(crate) async fn verify(database: &Database) -> Result<(), Failure> {
    let configuration = delivery_config::verify(database).await.map(|drift| drift.len());
    let counts = failure_counts::verify(database).await.map(|drift| drift.len());
    report("delivery_config", configuration).and(report("failure_counts", counts))
}

fn report(projection: &str, differences: Result<usize, StoreError>) -> Result<(), Failure> {
    match differences {
        Ok(0) => output::print(&format!("{projection}: equals the log")),
        Ok(rows) => {
            let message = format!("{projection}: {rows} differences from the log");
            Err(Failure::new(Kind::Refused, message))
        }
        Err(error) => Err(store_failure(&format!("check {projection}"), &error)),
    }
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
