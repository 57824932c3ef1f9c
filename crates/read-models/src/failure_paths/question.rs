//! Which paths fail most.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::Reason;
use limpid_domain::ids::TenantId;
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{Postgres, QueryBuilder};

use super::{Span, TOTAL};
use crate::filter::{FailureFilter, Source, Table, Window, push_conditions};

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

/// A span whose top paths are kept.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
struct KeptSpan {
    span_hours: i16,
    starts_at: DateTime<Utc>,
    distinct_paths: i64,
    undercount: i64,
    has_totals: bool,
}

/// Which rows of kept spans are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// By reason and origin.
    Cells,
    /// One for each path.
    Totals,
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
    let window = filter.events_window(filter.window);
    let kept = if is_kept(filter) {
        kept_spans(tx, window).await?
    } else {
        Vec::new()
    };
    let gaps = gaps(window, &kept);
    let mut query = statement(tx.tenant_id(), filter, (&kept, &gaps), limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(tx.as_conn()).await?;
    let seen = rows.first().map_or(0, |row| row.distinct_paths);
    let at_least = kept.iter().map(|span| span.distinct_paths).max();
    Ok(FailingPaths {
        distinct_paths: at_least.unwrap_or(0).max(seen),
        max_undercount: kept.iter().map(|span| span.undercount).sum(),
        paths: rows.into_iter().filter_map(Row::into_path).collect(),
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

/// Kept days within the window, and kept hours beside them, oldest first.
async fn kept_spans(tx: &mut TenantTx, window: Window) -> Result<Vec<KeptSpan>, StoreError> {
    let rows: Vec<KeptSpan> = sqlx::query_as(
        "select span_hours, starts_at, distinct_paths, undercount, has_totals from failure_top_path_span
         where tenant_id = $1 and starts_at >= $2 and starts_at + span_hours * interval '1 hour' <= $3
         order by span_hours desc, starts_at",
    )
    .bind(tx.tenant_id().0)
    .bind(window.from)
    .bind(window.to)
    .fetch_all(tx.as_conn())
    .await?;
    let mut kept: Vec<KeptSpan> = Vec::new();
    for row in rows {
        if !kept.iter().any(|other| other.covers(row.starts_at)) {
            kept.push(row);
        }
    }
    kept.sort_by_key(|span| span.starts_at);
    Ok(kept)
}

impl KeptSpan {
    fn ends_at(&self) -> DateTime<Utc> {
        self.starts_at + TimeDelta::hours(i64::from(self.span_hours))
    }

    fn covers(&self, at: DateTime<Utc>) -> bool {
        self.starts_at <= at && at < self.ends_at()
    }
}

/// What of the window no kept span covers.
fn gaps(window: Window, kept: &[KeptSpan]) -> Vec<Window> {
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

/// All paths are added up by hash alone; what is not a sum is read again, of those that come first.
fn statement(
    tenant_id: TenantId,
    filter: &FailureFilter,
    (kept, gaps): (&[KeptSpan], &[Window]),
    limit: u16,
) -> QueryBuilder<Postgres> {
    let has_totals = kept.iter().all(|span| span.has_totals);
    let summed = if has_totals && !filter.asks_reasons_or_origins() {
        Rows::Totals
    } else {
        Rows::Cells
    };
    let mut query = QueryBuilder::new("with summed as not materialized (");
    push_rows(&mut query, (tenant_id, filter), (kept, gaps), summed);
    query.push("), cell as not materialized (");
    push_rows(&mut query, (tenant_id, filter), (kept, gaps), Rows::Cells);
    query.push(
        "), first as materialized (
           select path_hash, sum(occurrences)::bigint as attempts, min(first_at) as first_at, max(last_at) as last_at,
             count(*) over () as distinct_paths
           from summed group by 1 order by attempts desc, path_hash limit ",
    );
    query.push_bind(i64::from(limit.clamp(1, MAX_PATHS)));
    query.push(
        "), named as (
           select path_hash, min(path) as path, (array_agg(reason order by last_at desc, reason))[1] as last_reason
           from cell where path_hash = any(array(select path_hash from first)) group by 1
         )
         select path, attempts, first_at, last_at, last_reason, distinct_paths from first join named using (path_hash)
         order by attempts desc, path",
    );
    query
}

/// Appends a statement with `path_hash`, `reason`, `path`, `occurrences`, `first_at` and `last_at`.
fn push_rows(
    query: &mut QueryBuilder<Postgres>,
    (tenant_id, filter): (TenantId, &FailureFilter),
    (kept, gaps): (&[KeptSpan], &[Window]),
    rows: Rows,
) {
    query.push(
        "select null::bigint as path_hash, null::smallint as reason, null::text as path, null::bigint as occurrences,
           null::timestamptz as first_at, null::timestamptz as last_at where false",
    );
    for gap in gaps {
        query.push(
            " union all select path_hash, reason, min(path), sum(occurrences)::bigint, min(occurred_at), max(occurred_at)",
        );
        let source = Source {
            table: Table::Events,
            window: *gap,
        };
        push_conditions(query, tenant_id, source, filter);
        query.push(" group by 1, 2");
    }
    for span in [Span::Day, Span::Hour] {
        let starts: Vec<DateTime<Utc>> = kept
            .iter()
            .filter(|kept| kept.span_hours == span.hours())
            .map(|kept| kept.starts_at)
            .collect();
        if starts.is_empty() {
            continue;
        }
        query.push(" union all select path_hash, reason, path, occurrences, first_at, last_at");
        let source = Source {
            table: Table::TopPaths,
            window: filter.window,
        };
        push_conditions(query, tenant_id, source, filter);
        query.push(" and span_hours = ").push_bind(span.hours());
        query
            .push(" and starts_at = any(")
            .push_bind(starts)
            .push(")");
        query.push(match rows {
            Rows::Cells => " and reason <> ",
            Rows::Totals => " and reason = ",
        });
        query.push_bind(TOTAL);
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

    fn span(span_hours: i16, starts_at: &str) -> KeptSpan {
        KeptSpan {
            span_hours,
            starts_at: at(starts_at),
            distinct_paths: 0,
            undercount: 0,
            has_totals: true,
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
        let found: Vec<(DateTime<Utc>, DateTime<Utc>)> = gaps(window, &kept)
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
