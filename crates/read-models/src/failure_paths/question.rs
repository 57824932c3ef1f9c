//! Which paths fail most.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::Reason;
use limpid_domain::ids::TenantId;
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{Postgres, QueryBuilder};

use super::Span;
use super::merge::{PathSum, Sums};
use super::packing::{unpack_cells, unpack_totals};
use crate::filter::{FailureFilter, KeyFilter, Source, Table, Window, push_conditions, whole};

/// The most paths of an answer.
pub const MAX_PATHS: u16 = 200;

/// A path and its failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingPath {
    /// The path.
    pub path: String,
    /// Failed attempts.
    pub attempts: i64,
    /// The first failure in the window.
    pub first_at: DateTime<Utc>,
    /// The last failure in the window.
    pub last_at: DateTime<Utc>,
    /// The reason of the last one.
    pub last_reason: Reason,
}

/// The paths that fail most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingPaths {
    /// The paths, most attempts first.
    pub paths: Vec<FailingPath>,
    /// No path has more attempts than it is given by more than this, and none that is left out has more than this beyond the last. 0:
    /// all is exact.
    pub max_undercount: i64,
    /// Paths that were seen; at least so many failed.
    pub distinct_paths: i64,
}

/// A span whose worst paths are packed.
#[derive(Debug, sqlx::FromRow)]
struct Pack {
    span_hours: i16,
    starts_at: DateTime<Utc>,
    distinct_paths: i64,
    undercount: i64,
    totals: Vec<u8>,
    /// Only where reasons or origins are asked about.
    cells: Option<Vec<u8>>,
}

/// The paths with most failures that match.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn failing_paths(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    limit: u16,
) -> Result<FailingPaths, StoreError> {
    let limit = limit.clamp(1, MAX_PATHS);
    let window = filter.events_window(filter.window);
    let packs = if is_kept(filter) {
        packs(tx, filter, window).await?
    } else {
        Vec::new()
    };
    let mut sums = Sums::default();
    let mut kept: Vec<&Pack> = Vec::new();
    let keys = KeyFilter::new(filter);
    for pack in &packs {
        // Damaged bytes are no pack: the events are counted.
        if let Some(paths) = pack.paths(&keys) {
            kept.push(pack);
            for (hash, sum) in paths {
                sums.add(hash, sum);
            }
        }
    }
    if kept.is_empty() {
        return of_events(tx, filter, limit).await;
    }
    let gaps = gaps(window, &kept);
    let rows = of_gaps(tx, filter, &gaps).await?;
    for row in &rows {
        sums.add(row.path_hash, row.sum());
    }
    let seen = i64::try_from(sums.distinct()).unwrap_or(i64::MAX);
    let at_least = kept.iter().map(|pack| pack.distinct_paths).max();
    Ok(FailingPaths {
        distinct_paths: at_least.unwrap_or(0).max(seen),
        max_undercount: kept.iter().map(|pack| pack.undercount).sum(),
        paths: sums.most(limit.into()),
    })
}

/// Whether the kept paths know all that is asked about.
fn is_kept(filter: &FailureFilter) -> bool {
    let facets = [&filter.include, &filter.exclude];
    let knows = facets
        .iter()
        .all(|facets| facets.outcomes.is_empty() && facets.endpoints.is_empty());
    knows && !filter.asks_paths() && !filter.asks_nodes() && !filter.asks_group_fields()
}

/// Packed days within the window, and packed hours beside them, oldest first.
async fn packs(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    window: Window,
) -> Result<Vec<Pack>, StoreError> {
    let mut packs = Vec::new();
    for span in [Span::Day, Span::Hour] {
        let Some(within) = whole(window, span.length()) else {
            continue;
        };
        let mut starts = Vec::new();
        let mut at = within.from;
        while at < within.to {
            if !packs.iter().any(|pack: &Pack| pack.covers(at)) {
                starts.push(at);
            }
            at += span.length();
        }
        let found: Vec<Pack> = sqlx::query_as(
            "select span_hours, starts_at, distinct_paths, undercount, totals, case when $4 then cells end as cells from failure_path_pack
             where tenant_id = $1 and span_hours = $2 and starts_at = any($3)",
        )
        .bind(tx.tenant_id().0)
        .bind(span.hours())
        .bind(starts)
        .bind(filter.asks_reasons_or_origins())
        .fetch_all(tx.as_conn())
        .await?;
        packs.extend(found);
    }
    packs.sort_by_key(|pack| pack.starts_at);
    Ok(packs)
}

impl Pack {
    fn ends_at(&self) -> DateTime<Utc> {
        self.starts_at + TimeDelta::hours(i64::from(self.span_hours))
    }

    fn covers(&self, at: DateTime<Utc>) -> bool {
        self.starts_at <= at && at < self.ends_at()
    }

    /// The paths that have failures which match; `None` where the bytes are damaged.
    fn paths(&self, keys: &KeyFilter<'_>) -> Option<Vec<(i64, PathSum<'_>)>> {
        let totals = unpack_totals(&self.totals, self.starts_at)?;
        let Some(cells) = &self.cells else {
            return Some(totals);
        };
        let cells = unpack_cells(cells, self.starts_at)?;
        if cells.len() != totals.len() {
            return None;
        }
        let matching = totals
            .into_iter()
            .zip(cells)
            .filter_map(|((hash, total), cells)| {
                let cells = cells
                    .into_iter()
                    .filter(|cell| keys.allows_reason_of_origin(cell.reason, cell.origin_no));
                let sums = cells.map(|cell| PathSum::of(cell, total.path));
                Some((hash, sums.reduce(PathSum::and)?))
            });
        Some(matching.collect())
    }
}

/// What of the window no kept span covers.
fn gaps(window: Window, kept: &[&Pack]) -> Vec<Window> {
    let mut gaps = Vec::new();
    let mut from = window.from;
    for span in kept {
        if from < span.starts_at {
            gaps.push(Window {
                from,
                to: span.starts_at,
            });
        }
        from = span.ends_at();
    }
    if from < window.to {
        gaps.push(Window {
            from,
            to: window.to,
        });
    }
    gaps
}

/// Failures of a path with one reason.
#[derive(Debug, sqlx::FromRow)]
struct GapRow {
    path_hash: i64,
    reason: i16,
    path: String,
    occurrences: i64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
}

impl GapRow {
    fn sum(&self) -> PathSum<'_> {
        PathSum {
            path: self.path.as_bytes(),
            occurrences: self.occurrences,
            first_at: self.first_at.timestamp_micros(),
            last_at: self.last_at.timestamp_micros(),
            last_reason: self.reason,
        }
    }
}

async fn of_gaps(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    gaps: &[Window],
) -> Result<Vec<GapRow>, StoreError> {
    if gaps.is_empty() {
        return Ok(Vec::new());
    }
    let tenant_id = tx.tenant_id();
    let mut query = QueryBuilder::new("");
    push_rows(&mut query, (tenant_id, filter), gaps);
    Ok(query.build_query_as().fetch_all(tx.as_conn()).await?)
}

/// All from the events, where nothing is packed: the database adds up, as there may be very many paths. By hash alone; what is not a sum is
/// read again, of those that come first.
async fn of_events(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    limit: u16,
) -> Result<FailingPaths, StoreError> {
    let tenant_id = tx.tenant_id();
    let mut query = QueryBuilder::new("with cell as not materialized (");
    push_rows(&mut query, (tenant_id, filter), &[filter.window]);
    query.push(
        "), first as materialized (
           select path_hash, sum(occurrences)::bigint as attempts, min(first_at) as first_at, max(last_at) as last_at,
             count(*) over () as distinct_paths
           from cell group by 1 order by attempts desc, path_hash limit ",
    );
    query.push_bind(i64::from(limit));
    query.push(
        "), named as (
           select path_hash, min(path) as path, (array_agg(reason order by last_at desc, reason))[1] as last_reason
           from cell where path_hash = any(array(select path_hash from first)) group by 1
         )
         select path, attempts, first_at, last_at, last_reason, distinct_paths from first join named using (path_hash)
         order by attempts desc, path",
    );
    let rows: Vec<Row> = query.build_query_as().fetch_all(tx.as_conn()).await?;
    Ok(FailingPaths {
        distinct_paths: rows.first().map_or(0, |row| row.distinct_paths),
        max_undercount: 0,
        paths: rows.into_iter().filter_map(Row::into_path).collect(),
    })
}

/// Appends a statement with `path_hash`, `reason`, `path`, `occurrences`, `first_at` and `last_at` of the events of these windows.
fn push_rows(
    query: &mut QueryBuilder<Postgres>,
    (tenant_id, filter): (TenantId, &FailureFilter),
    windows: &[Window],
) {
    let mut separator = "";
    for window in windows {
        query.push(separator).push(
            "select path_hash, reason, min(path) as path, sum(occurrences)::bigint as occurrences, min(occurred_at) as first_at,
               max(occurred_at) as last_at",
        );
        push_conditions(
            query,
            tenant_id,
            &Source::of(Table::Events, *window),
            filter,
        );
        query.push(" group by 1, 2");
        separator = " union all ";
    }
}

#[derive(Debug, sqlx::FromRow)]
struct Row {
    path: String,
    attempts: i64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    last_reason: i16,
    distinct_paths: i64,
}

impl Row {
    fn into_path(self) -> Option<FailingPath> {
        Some(FailingPath {
            path: self.path,
            attempts: self.attempts,
            first_at: self.first_at,
            last_at: self.last_at,
            last_reason: Reason::from_number(self.last_reason)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-{text}:00Z").parse().unwrap()
    }

    fn span(span_hours: i16, starts_at: &str) -> Pack {
        Pack {
            span_hours,
            starts_at: at(starts_at),
            distinct_paths: 0,
            undercount: 0,
            totals: Vec::new(),
            cells: None,
        }
    }

    #[test]
    fn what_no_span_covers_is_counted_from_the_events() {
        let window = Window {
            from: at("20T22:30"),
            to: at("23T01:15"),
        };
        let kept = [
            span(1, "20T23:00"),
            span(24, "21T00:00"),
            span(1, "22T05:00"),
        ];
        let found: Vec<(DateTime<Utc>, DateTime<Utc>)> = gaps(window, &kept.each_ref())
            .into_iter()
            .map(|gap| (gap.from, gap.to))
            .collect();
        assert_eq!(
            found,
            [
                (at("20T22:30"), at("20T23:00")),
                (at("22T00:00"), at("22T05:00")),
                (at("22T06:00"), at("23T01:15")),
            ]
        );
        assert_eq!(gaps(window, &[]).len(), 1);
    }
}
