//! Counting the top paths of closed hours and days.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_event_store::{Database, StoreError};
use sqlx::PgConnection;

use super::rebuild::Wait;
use super::{LEAST_EVENTS, Span, TOP_PATHS, TOTAL};

/// Key of the advisory lock, an arbitrary number that nobody else uses.
const LOCK_KEY: i64 = 0x6c69_6d70_6964_0003;

/// A span that has just closed is left alone for this long: its last events are on their way.
const SETTLING: TimeDelta = TimeDelta::minutes(2);

/// What a run counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Hours and days of tenants.
    pub spans: u64,
}

/// Counts every closed hour and day since `since` that has many failures and was not counted, or not with all of them: a late batch
/// changes the hourly counts, and the span is counted again. Any number of projectors may run; one at a time works.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; spans done so far stay done.
pub async fn refresh(
    database: &Database,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Refreshed, StoreError> {
    let mut done = Refreshed::default();
    for span in [Span::Hour, Span::Day] {
        let closed = now
            .checked_sub_signed(SETTLING)
            .and_then(|settled| settled.duration_trunc(span.length()).ok())
            .unwrap_or(now);
        let from = since.duration_trunc(span.length()).unwrap_or(since);
        for (tenant_id, starts_at) in stale_spans(database, span, (from, closed)).await? {
            let counted = count_span(database, span, (tenant_id, starts_at, Wait::No)).await?;
            done.spans += u64::from(counted);
        }
    }
    Ok(done)
}

/// Spans whose events are still there and whose count is missing or of fewer events than there are.
async fn stale_spans(
    database: &Database,
    span: Span,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<(i64, DateTime<Utc>)>, StoreError> {
    let mut connection = database.service().await?;
    Ok(sqlx::query_as(
        "with present as (
           select tenant_id, date_trunc($1, hour, 'UTC') as starts_at, sum(events)::bigint as events
           from failure_1h
           where hour >= $2 and hour < $3 and hour >= (select dropped_before from failure_retention)
           group by 1, 2 having sum(events) >= $4
         )
         select p.tenant_id, p.starts_at from present p
         left join failure_top_path_span s on s.tenant_id = p.tenant_id and s.span_hours = $5 and s.starts_at = p.starts_at
         where s.events is distinct from p.events
         order by 2, 1",
    )
    .bind(span.unit())
    .bind(from)
    .bind(to)
    .bind(LEAST_EVENTS)
    .bind(span.hours())
    .fetch_all(&mut *connection)
    .await?)
}

/// Whether it was counted: not when another projector is at it.
pub(super) async fn count_span(
    database: &Database,
    span: Span,
    (tenant_id, starts_at, wait): (i64, DateTime<Utc>, Wait),
) -> Result<bool, StoreError> {
    let mut tx = database.service_tx().await?;
    sqlx::raw_sql("set local statement_timeout = '60s'")
        .execute(&mut *tx)
        .await?;
    if !lock(&mut tx, wait).await? {
        return Ok(false);
    }
    let place = (tenant_id, span.hours(), starts_at);
    forget(&mut tx, place).await?;
    sqlx::query(
        "with cell as (
           select path_hash, reason, origin_no, min(path) as path, count(*) as events, sum(occurrences)::bigint as occurrences,
             min(occurred_at) as first_at, max(occurred_at) as last_at
           from origin_failure where tenant_id = $1 and occurred_at >= $3 and occurred_at < $4
           group by 1, 2, 3
         ),
         ranked as (
           select path_hash, min(path) as path, sum(events) as events, sum(occurrences)::bigint as occurrences,
             min(first_at) as first_at, max(last_at) as last_at,
             row_number() over (order by sum(occurrences) desc, path_hash) as place
           from cell group by 1
         ),
         kept as (
           insert into failure_top_path (tenant_id, span_hours, starts_at, path_hash, reason, origin_no, path, occurrences, first_at, last_at)
           select $1, $2, $3, c.path_hash, c.reason, c.origin_no, c.path, c.occurrences, c.first_at, c.last_at
           from cell c join ranked r using (path_hash) where r.place <= $5
           union all
           select $1, $2, $3, path_hash, $6, 0, path, occurrences, first_at, last_at from ranked where place <= $5
         )
         insert into failure_top_path_span (tenant_id, span_hours, starts_at, events, distinct_paths, undercount, has_totals)
         select $1, $2, $3, coalesce(sum(events), 0)::bigint, count(*),
           coalesce(max(occurrences) filter (where place > $5), 0), true
         from ranked",
    )
    .bind(tenant_id)
    .bind(span.hours())
    .bind(starts_at)
    .bind(starts_at + span.length())
    .bind(TOP_PATHS)
    .bind(TOTAL)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(true)
}

/// Whether it is this one's turn.
async fn lock(connection: &mut PgConnection, wait: Wait) -> Result<bool, StoreError> {
    if wait == Wait::Turn {
        sqlx::query("select pg_advisory_xact_lock($1)")
            .bind(LOCK_KEY)
            .execute(connection)
            .await?;
        return Ok(true);
    }
    Ok(sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
        .bind(LOCK_KEY)
        .fetch_one(connection)
        .await?)
}

async fn forget(
    connection: &mut PgConnection,
    (tenant_id, span_hours, starts_at): (i64, i16, DateTime<Utc>),
) -> Result<(), StoreError> {
    for statement in [
        "delete from failure_top_path where tenant_id = $1 and span_hours = $2 and starts_at = $3",
        "delete from failure_top_path_span where tenant_id = $1 and span_hours = $2 and starts_at = $3",
    ] {
        sqlx::query(statement)
            .bind(tenant_id)
            .bind(span_hours)
            .bind(starts_at)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
