//! The kept top paths held against the events, and counted again where they differ.

use chrono::{DateTime, Utc};
use limpid_event_store::{Database, StoreError};
use sqlx::PgConnection;

use super::Span;
use super::refresh::{SpanPack, count_span, derived, refresh};
use crate::rebuild_spans::SETTINGS;

/// What a rebuild found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathRebuild {
    /// Hours and days of all tenants that were derived again.
    pub spans: u64,
    /// Hours and days of single tenants that differed and were replaced. 0 is the proof.
    pub replaced: u64,
}

/// Counts what is not counted yet, then every hour and day again whose events are still there, compares, and replaces what differs.
/// `progress` hears how many hours and days are done, and of how many. A span that is not kept is no difference: it is counted from the
/// events whenever it is asked for.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; spans done so far stay done.
pub async fn rebuild(
    database: &Database,
    now: DateTime<Utc>,
    mut progress: impl FnMut(u64, u64),
) -> Result<PathRebuild, StoreError> {
    refresh(database, DateTime::UNIX_EPOCH, now).await?;
    let mut report = PathRebuild::default();
    let spans = kept_spans(database).await?;
    let all = spans.len() as u64;
    for (span, starts_at) in spans {
        for tenant_id in differing(database, span, starts_at).await? {
            count_span(database, span, (tenant_id, starts_at, Wait::Turn)).await?;
            report.replaced += 1;
        }
        report.spans += 1;
        progress(report.spans, all);
    }
    Ok(report)
}

/// How many hours and days of single tenants differ from their events. Those that failures were added to since they were counted are left
/// out: they will be counted again.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn verify(database: &Database) -> Result<u64, StoreError> {
    let mut found = 0;
    for (span, starts_at) in kept_spans(database).await? {
        found += differing(database, span, starts_at).await?.len() as u64;
    }
    Ok(found)
}

/// What to do where somebody else counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Leave it.
    No,
    /// Wait.
    Turn,
}

/// Hours and days with kept paths whose events are all kept.
async fn kept_spans(database: &Database) -> Result<Vec<(Span, DateTime<Utc>)>, StoreError> {
    let mut connection = database.service().await?;
    let spans: Vec<(i16, DateTime<Utc>)> = sqlx::query_as(
        "select distinct span_hours, starts_at from failure_path_pack
         where starts_at >= (select dropped_before from failure_retention) order by 2, 1",
    )
    .fetch_all(&mut *connection)
    .await?;
    let known = spans.into_iter().filter_map(|(hours, starts_at)| {
        let span = [Span::Hour, Span::Day]
            .into_iter()
            .find(|span| span.hours() == hours)?;
        Some((span, starts_at))
    });
    Ok(known.collect())
}

/// Tenants whose kept paths of the span are not what their events give, in one snapshot.
async fn differing(
    database: &Database,
    span: Span,
    starts_at: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    let mut tx = database.snapshot_tx().await?;
    sqlx::raw_sql(SETTINGS).execute(&mut *tx).await?;
    let tenants = compare(&mut tx, span, starts_at).await?;
    tx.rollback().await?;
    Ok(tenants)
}

/// One of which fewer events were counted than there are waits for being counted again.
async fn compare(
    connection: &mut PgConnection,
    span: Span,
    starts_at: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    let mut differing = Vec::new();
    for tenant_id in tenants(connection, span, starts_at).await? {
        let kept: SpanPack = sqlx::query_as(
            "select events, distinct_paths, undercount, totals, cells from failure_path_pack
             where tenant_id = $1 and span_hours = $2 and starts_at = $3",
        )
        .bind(tenant_id)
        .bind(span.hours())
        .bind(starts_at)
        .fetch_one(&mut *connection)
        .await?;
        let derived = derived(connection, span, (tenant_id, starts_at)).await?;
        if kept.events >= derived.events && kept != derived {
            differing.push(tenant_id);
        }
    }
    Ok(differing)
}

/// Those whose paths of the span are kept, and who are not being erased.
async fn tenants(
    connection: &mut PgConnection,
    span: Span,
    starts_at: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "select tenant_id from failure_path_pack where span_hours = $1 and starts_at = $2
           and tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null)) order by 1",
    )
    .bind(span.hours())
    .bind(starts_at)
    .fetch_all(connection)
    .await?)
}
