//! What time it is where quiet hours are. PostgreSQL knows the zones: its own copy of the database, or the machine's.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{Connection, Postgres, Transaction};

/// Whether there is a time zone of this name, as `Europe/Berlin` is one.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn is_time_zone(tx: &mut TenantTx, name: &str) -> Result<bool, StoreError> {
    // Beside the zones there are copies that count leap seconds, and files that are none.
    Ok(sqlx::query_scalar(
        "select exists (select from pg_timezone_names where name = $1 and name ~ '^([A-Z][A-Za-z_]+/|UTC$)')",
    )
    .bind(name)
    .fetch_one(tx.as_conn())
    .await?)
}

/// How far a zone's local time is ahead of UTC at a moment; `None` where the database does not know the zone (any more).
pub(super) async fn zone_offset(
    tx: &mut Transaction<'static, Postgres>,
    name: &str,
    at: DateTime<Utc>,
) -> Result<Option<TimeDelta>, StoreError> {
    // An unknown zone is an error of the statement, which must not end the transaction around it.
    let mut attempt = tx.begin().await?;
    let seconds: Result<i64, sqlx::Error> = sqlx::query_scalar(
        "select extract(epoch from ($1::timestamptz at time zone $2) - ($1 at time zone 'UTC'))::bigint",
    )
    .bind(at)
    .bind(name)
    .fetch_one(&mut *attempt)
    .await;
    match seconds {
        Ok(seconds) => {
            attempt.commit().await?;
            Ok(TimeDelta::try_seconds(seconds))
        }
        Err(error) if error.as_database_error().is_some() => {
            attempt.rollback().await?;
            tracing::warn!(
                zone = name,
                error = &error as &dyn std::error::Error,
                "the database does not know the time zone of quiet hours; they are taken as over"
            );
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
