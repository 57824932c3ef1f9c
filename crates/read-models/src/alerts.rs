//! Alerts: a row per rule and thing it is about, from its opening to its end; never one per failure.
//!
//! Alerts are opened and closed by what groups went through (`groups`) and by shares of requests (`shares`), and told by `announce`, each in
//! transactions of their own under one lock: any number of projectors decide everything once. What is open and not told yet stands in the
//! row itself, so a crash between the two loses nothing and repeats nothing.
//!
//! | module | holds |
//! |---|---|
//! | `groups` | events of groups against rules about states |
//! | `shares` | counts of the last minutes against rules about shares |
//! | `origins` | failures in a row, certificates and credentials that end, against rules about origins |
//! | `announce` | what is to be told becomes deliveries, several alerts in one |
//! | `list` | alerts as people read them |
//! | `time_zone` | what time it is where quiet hours are |

mod announce;
mod groups;
mod list;
mod origins;
mod shares;
mod time_zone;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::ids::AlertId;
use limpid_event_store::{Database, StoreError};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

pub use announce::{Announced, MAX_ALERTS_TOLD, announce};
pub use groups::watch_groups;
pub use list::{AlertPage, AlertState, AlertView, alerts};
pub use origins::watch_origins;
pub use shares::watch_shares;
pub use time_zone::is_time_zone;

/// Key of the advisory lock, an arbitrary number that nobody else uses.
const LOCK_KEY: i64 = 0x6c69_6d70_6964_0012;

/// How long an alert that is over can be read. Source: as the longest period of questions about failures.
const KEPT: TimeDelta = TimeDelta::days(90);

/// Rows that one statement removes: it holds their locks for moments.
const REMOVED_AT_ONCE: i64 = 10_000;

/// An alert to open.
#[derive(Debug)]
struct NewAlert {
    tenant_id: i64,
    alert_rule_id: Uuid,
    subject: String,
    opened_by: i64,
    opened_at: DateTime<Utc>,
    detail: Value,
}

/// Whether this transaction may open and close alerts.
async fn lock(connection: &mut PgConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
        .bind(LOCK_KEY)
        .fetch_one(connection)
        .await?)
}

/// Opens an alert. One of the same rule about the same thing ends without a word: the new one says more.
async fn open(connection: &mut PgConnection, alert: &NewAlert) -> Result<(), StoreError> {
    sqlx::query(
        "update alert set state = 2, announced = 2, closed_at = $4
         where tenant_id = $1 and alert_rule_id = $2 and subject = $3 and state = 1",
    )
    .bind(alert.tenant_id)
    .bind(alert.alert_rule_id)
    .bind(&alert.subject)
    .bind(alert.opened_at)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "insert into alert (tenant_id, alert_id, alert_rule_id, subject, opened_by, state, opened_at, detail)
         values ($1, $2, $3, $4, $5, 1, $6, $7)
         on conflict (tenant_id, alert_rule_id, subject, opened_by) do nothing",
    )
    .bind(alert.tenant_id)
    .bind(AlertId::mint().0)
    .bind(alert.alert_rule_id)
    .bind(&alert.subject)
    .bind(alert.opened_by)
    .bind(alert.opened_at)
    .bind(&alert.detail)
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the open alert of a rule about a thing, if there is one.
async fn recover(
    connection: &mut PgConnection,
    (tenant_id, alert_rule_id, subject): (i64, Uuid, &str),
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update alert set state = 2, closed_at = greatest($4, opened_at)
         where tenant_id = $1 and alert_rule_id = $2 and subject = $3 and state = 1",
    )
    .bind(tenant_id)
    .bind(alert_rule_id)
    .bind(subject)
    .bind(at)
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets alerts that have been over for 90 days.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; what was removed stays removed.
pub async fn forget_old_alerts(database: &Database, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut connection = database.service().await?;
    let mut removed = 0;
    loop {
        let step = sqlx::query(
            "delete from alert where (tenant_id, alert_id) in (
               select tenant_id, alert_id from alert where state = 2 and closed_at < $1 limit $2)",
        )
        .bind(now - KEPT)
        .bind(REMOVED_AT_ONCE)
        .execute(&mut *connection)
        .await?
        .rows_affected();
        removed += step;
        if step == 0 {
            return Ok(removed);
        }
    }
}
