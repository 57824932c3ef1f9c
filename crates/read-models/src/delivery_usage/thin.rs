//! Keeping fewer keys of hours and days that are over, each in one row: what few requests had joins the key without a name.
//!
//! A list of the most used of a month reads every key of thirty days. While a day goes on, any key may yet become one of its most used;
//! once it is over, the first [`KEYS_OF_A_DAY`] by requests and as many by bytes are what lists are made of. Sums stay exact, and a key's
//! own number is at most that much too low.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_event_store::{Database, StoreError};
use sqlx::AssertSqlSafe;

/// Keys of an hour that stay, by requests and by bytes each. A list of a day reads up to 47 hours of seven dimensions.
pub const KEYS_OF_AN_HOUR: i64 = 75;
/// Keys of a day that stay, by requests and by bytes each. A list of a month reads thirty days of seven dimensions.
pub const KEYS_OF_A_DAY: i64 = 150;

/// A span with fewer rows than this stays as it is: no dimension of it has too many keys.
const LEAST_ROWS: i64 = KEYS_OF_AN_HOUR;

/// Key of the advisory lock, an arbitrary number that nobody else uses.
const LOCK_KEY: i64 = 0x6c69_6d70_6964_0005;

/// A span that has just ended is left alone for this long: serving nodes add to it every few seconds, and longer after an outage.
const SETTLING: TimeDelta = TimeDelta::minutes(30);

/// The tables, and how many keys stay of one span.
const TABLES: [(&str, &str, i64); 2] = [
    ("delivery_usage_top_1h", "hour", KEYS_OF_AN_HOUR),
    ("delivery_usage_top_1d", "day", KEYS_OF_A_DAY),
];

/// Thins every hour and day that began since `since` and is over. Again is harmless: what came late is thinned with the rest.
/// Gives the number of keys that lost their name. Any number of projectors may run; one at a time works.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; spans done so far stay done.
pub async fn thin(
    database: &Database,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let mut gone = 0;
    let settled = now.checked_sub_signed(SETTLING).unwrap_or(now);
    for (table, column, keys) in TABLES {
        let length = match column {
            "day" => TimeDelta::days(1),
            _ => TimeDelta::hours(1),
        };
        let end = settled.duration_trunc(length).unwrap_or(settled);
        let from = since.duration_trunc(length).unwrap_or(since);
        for span in spans(database, (table, column), (from, end)).await? {
            gone += thin_span(database, (table, column), (span, keys)).await?;
        }
    }
    Ok(gone)
}

async fn spans(
    database: &Database,
    (table, column): (&str, &str),
    (from, end): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<DateTime<Utc>>, StoreError> {
    let mut connection = database.service().await?;
    let query = format!(
        "select distinct {column} from {table} where {column} >= $1 and {column} < $2 order by 1"
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(query))
        .bind(from)
        .bind(end)
        .fetch_all(&mut *connection)
        .await?)
}

/// One hour or day of all tenants, in one statement: what a row holds when it goes is what is added to the pack.
async fn thin_span(
    database: &Database,
    (table, column): (&str, &str),
    (span, keys): (DateTime<Utc>, i64),
) -> Result<u64, StoreError> {
    let mut tx = database.service_tx().await?;
    sqlx::raw_sql("set local statement_timeout = '60s'")
        .execute(&mut *tx)
        .await?;
    let locked: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
        .bind(LOCK_KEY)
        .fetch_one(&mut *tx)
        .await?;
    if !locked {
        tx.rollback().await?;
        return Ok(0);
    }
    let span_hours: i16 = if column == "day" { 24 } else { 1 };
    let query = include_str!("thin.sql")
        .replace("{table}", table)
        .replace("{column}", column);
    let gone: i64 = sqlx::query_scalar(AssertSqlSafe(query))
        .bind(span)
        .bind(keys)
        .bind(span_hours)
        .bind(LEAST_ROWS)
        .fetch_one(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(gone.unsigned_abs())
}
