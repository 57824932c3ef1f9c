//! Deriving the hourly counts again from the events, some hours at a time, while failures keep coming in.

use futures::{StreamExt as _, TryStreamExt as _};
use limpid_event_store::{Database, StoreError};
use sqlx::{AssertSqlSafe, PgConnection};

use super::{DERIVED, DIFFERING, STORED};
use crate::rebuild_spans::{HourSpan, SETTINGS, hour_spans};

/// Stretches of hours that are derived at once.
const AT_ONCE: usize = 2;

/// How often a stretch is tried beside the ingest before the ingest is held back for it.
const TRIES_BESIDE_INGEST: u32 = 2;

/// What a rebuild found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Hours that were derived again.
    pub hours: u64,
    /// Counts derived.
    pub counts: u64,
    /// Counts that differed from the stored ones and were replaced, in either direction. 0 is the proof.
    pub replaced: u64,
}

/// Derives every hour whose events are still there in a shadow table, compares, and replaces what differs. Hours before the
/// retention keep their counts. `progress` hears how many hours are done, and of how many.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; hours done so far stay done.
pub async fn rebuild(
    database: &Database,
    mut progress: impl FnMut(u64, u64),
) -> Result<RebuildReport, StoreError> {
    let spans = {
        let mut connection = database.service().await?;
        hour_spans(&mut connection, "failure_1h").await?
    };
    let all = spans.iter().map(|span| span.hours).sum();
    let mut done = futures::stream::iter(spans)
        .map(|span| rebuild_span(database, span))
        .buffer_unordered(AT_ONCE);
    let mut report = RebuildReport::default();
    while let Some(part) = done.try_next().await? {
        report.hours += part.hours;
        report.counts += part.counts;
        report.replaced += part.replaced;
        progress(report.hours, all);
    }
    Ok(report)
}

/// One stretch in one transaction. Its statements see one moment, of which the counts are what the events are: what the ingest adds
/// meanwhile it adds to what is replaced. Where it changes the very count that is being replaced, one of the two gives up, and this one
/// tries again.
async fn rebuild_span(database: &Database, span: HourSpan) -> Result<RebuildReport, StoreError> {
    for _ in 0..TRIES_BESIDE_INGEST {
        match attempt(database, span, false).await {
            Err(error) if error.is_transient() || matches!(error, StoreError::Taken { .. }) => {}
            done => return done,
        }
    }
    attempt(database, span, true).await
}

async fn attempt(
    database: &Database,
    span: HourSpan,
    holds_ingest_back: bool,
) -> Result<RebuildReport, StoreError> {
    let mut tx = database.service_tx().await?;
    let begin = format!("set transaction isolation level repeatable read; {SETTINGS}");
    sqlx::raw_sql(AssertSqlSafe(begin))
        .execute(&mut *tx)
        .await?;
    if holds_ingest_back {
        // The moment that is seen is that of the first statement after it.
        sqlx::raw_sql("lock table failure_1h in exclusive mode")
            .execute(&mut *tx)
            .await?;
    }
    let (counts, replaced) = derive(&mut tx, span).await?;
    tx.commit().await?;
    Ok(RebuildReport {
        hours: span.hours,
        counts,
        replaced,
    })
}

/// Counts derived, and how many of them were replaced.
async fn derive(connection: &mut PgConnection, span: HourSpan) -> Result<(u64, u64), StoreError> {
    let columns = "tenant_id, hour, endpoint_no, origin_no, reason, outcome, headline, node_id, events, occurrences, first_at, last_at";
    if !has_counts(connection, span).await? {
        // In the order of the primary key, so that pages are written one after the other.
        let insert =
            format!("insert into failure_1h ({columns}) select * from ({DERIVED}) d order by 1, 2");
        let inserted = execute(connection, insert, span).await?;
        return Ok((inserted, inserted));
    }
    let shadow = format!("create temporary table failure_1h_shadow on commit drop as {DERIVED}");
    let counts = execute(connection, shadow, span).await?;
    if differing(connection, span).await? == 0 {
        return Ok((counts, 0));
    }
    let delete = format!(
        "delete from failure_1h c using ({STORED} except select * from failure_1h_shadow) d
         where c.hour = d.hour and c.tenant_id = d.tenant_id and c.endpoint_no = d.endpoint_no and c.origin_no = d.origin_no
           and c.reason = d.reason and c.outcome = d.outcome and c.headline = d.headline and c.node_id = d.node_id"
    );
    let deleted = execute(connection, delete, span).await?;
    let insert = format!(
        "insert into failure_1h ({columns}) select * from failure_1h_shadow except {STORED} order by 1, 2"
    );
    let inserted = execute(connection, insert, span).await?;
    Ok((counts, deleted.max(inserted)))
}

async fn has_counts(connection: &mut PgConnection, span: HourSpan) -> Result<bool, StoreError> {
    Ok(
        sqlx::query_scalar("select exists (select from failure_1h where hour >= $1 and hour < $2)")
            .bind(span.from)
            .bind(span.to)
            .fetch_one(connection)
            .await?,
    )
}

/// How many keys of the shadow and of the counts differ. All are counted: for the first one alone the planner reads the whole table.
async fn differing(connection: &mut PgConnection, span: HourSpan) -> Result<i64, StoreError> {
    let statement = format!(
        "with derived as (select * from failure_1h_shadow), stored as ({STORED}) select count(*) from ({DIFFERING}) d"
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(span.from)
        .bind(span.to)
        .fetch_one(connection)
        .await?)
}

async fn execute(
    connection: &mut PgConnection,
    statement: String,
    span: HourSpan,
) -> Result<u64, StoreError> {
    let done = sqlx::query(AssertSqlSafe(statement))
        .bind(span.from)
        .bind(span.to)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}
