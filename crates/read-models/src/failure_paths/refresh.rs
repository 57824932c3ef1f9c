//! Counting the top paths of closed hours and days.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_event_store::{Database, StoreError};
use sqlx::PgConnection;

use super::packing::{PathCell, PathCells, pack};
use super::rebuild::Wait;
use super::{LEAST_EVENTS, Span, TOP_PATHS};

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
            done.spans +=
                u64::from(count_span(database, span, (tenant_id, starts_at, Wait::No)).await?);
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
         left join failure_path_pack s on s.tenant_id = p.tenant_id and s.span_hours = $5 and s.starts_at = p.starts_at
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

/// Whether it was counted: not when another projector is at it, unless it is waited for.
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
    let pack = derived(&mut tx, span, (tenant_id, starts_at)).await?;
    sqlx::query(
        "insert into failure_path_pack (tenant_id, span_hours, starts_at, events, distinct_paths, undercount, totals, cells)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (tenant_id, span_hours, starts_at) do update set events = excluded.events, distinct_paths = excluded.distinct_paths,
           undercount = excluded.undercount, totals = excluded.totals, cells = excluded.cells",
    )
    .bind(tenant_id)
    .bind(span.hours())
    .bind(starts_at)
    .bind(pack.events)
    .bind(pack.distinct_paths)
    .bind(pack.undercount)
    .bind(pack.totals)
    .bind(pack.cells)
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

/// What is kept of a span.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct SpanPack {
    pub(super) events: i64,
    distinct_paths: i64,
    undercount: i64,
    totals: Vec<u8>,
    cells: Vec<u8>,
}

/// What its events give.
pub(super) async fn derived(
    connection: &mut PgConnection,
    span: Span,
    (tenant_id, starts_at): (i64, DateTime<Utc>),
) -> Result<SpanPack, StoreError> {
    let rows = worst(connection, span, (tenant_id, starts_at)).await?;
    let (events, distinct_paths, undercount) = rows.first().map_or((0, 0, 0), |row| {
        (row.all_events, row.distinct_paths, row.undercount)
    });
    let (totals, cells) = pack(&by_path(rows), starts_at);
    Ok(SpanPack {
        events,
        distinct_paths,
        undercount,
        totals,
        cells,
    })
}

/// A path's failures of one reason at one origin; beside it, the same in every row, what is true of the span.
#[derive(Debug, sqlx::FromRow)]
struct WorstRow {
    all_events: i64,
    distinct_paths: i64,
    undercount: i64,
    path_hash: Option<i64>,
    path: Option<String>,
    reason: Option<i16>,
    origin_no: Option<i32>,
    occurrences: Option<i64>,
    first_at: Option<DateTime<Utc>>,
    last_at: Option<DateTime<Utc>>,
}

/// The worst paths first; one row without a path where there are none.
async fn worst(
    connection: &mut PgConnection,
    span: Span,
    (tenant_id, starts_at): (i64, DateTime<Utc>),
) -> Result<Vec<WorstRow>, StoreError> {
    Ok(sqlx::query_as(
        "with cell as (
           select path_hash, reason, origin_no, min(path) as path, count(*) as events, sum(occurrences)::bigint as occurrences,
             min(occurred_at) as first_at, max(occurred_at) as last_at
           from origin_failure where tenant_id = $1 and occurred_at >= $2 and occurred_at < $3
           group by 1, 2, 3
         ),
         ranked as (
           select path_hash, min(path) as path, sum(events) as events, sum(occurrences)::bigint as occurrences,
             row_number() over (order by sum(occurrences) desc, path_hash) as place
           from cell group by 1
         ),
         span as (
           select coalesce(sum(events), 0)::bigint as all_events, count(*) as distinct_paths,
             coalesce(max(occurrences) filter (where place > $4), 0) as undercount
           from ranked
         )
         select s.*, k.path_hash, k.path, k.reason, k.origin_no, k.occurrences, k.first_at, k.last_at
         from span s left join (
           select r.place, r.path_hash, r.path, c.reason, c.origin_no, c.occurrences, c.first_at, c.last_at
           from ranked r join cell c using (path_hash) where r.place <= $4
         ) k on true order by k.place, k.reason, k.origin_no",
    )
    .bind(tenant_id)
    .bind(starts_at)
    .bind(starts_at + span.length())
    .bind(TOP_PATHS)
    .fetch_all(connection)
    .await?)
}

fn by_path(rows: Vec<WorstRow>) -> Vec<PathCells> {
    let mut paths: Vec<PathCells> = Vec::new();
    for row in rows {
        let Some((path_hash, cell)) = row.path_hash.zip(row.cell()) else {
            continue;
        };
        match paths.last_mut() {
            Some(last) if last.path_hash == path_hash => last.cells.push(cell),
            _ => paths.push(PathCells {
                path_hash,
                path: row.path.unwrap_or_default(),
                cells: vec![cell],
            }),
        }
    }
    paths
}

impl WorstRow {
    fn cell(&self) -> Option<PathCell> {
        Some(PathCell {
            reason: self.reason?,
            origin_no: self.origin_no?,
            occurrences: self.occurrences?,
            first_at: self.first_at?.timestamp_micros(),
            last_at: self.last_at?.timestamp_micros(),
        })
    }
}
