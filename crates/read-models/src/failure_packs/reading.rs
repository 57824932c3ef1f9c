//! What failures add up to: packs where there are any, the tables for the rest.
//!
//! One statement reads packs, of days for whole hours and of hours for the ragged edges, and the events that those do not answer for. A second
//! one is needed only for hours and days that no pack answers for; which those are the first one says. No two of these parts have a moment in
//! common, so nothing is counted twice whatever is stored, counted or packed between the two.

use std::collections::BTreeMap;
use std::hash::Hash;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_domain::ids::TenantId;
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{Postgres, QueryBuilder};

use super::edges::{Edge, Edges};
use super::folding::{Cell, Fold, Pack};
use super::packing::{CellKey, PARTS};
use super::parts::{PART_SECONDS, part};
use crate::filter::{
    Detail, FailureFilter, KeyFilter, Source, Table, Window, hours_table, sources, whole,
};

/// Bits of all hours of a day.
pub(super) const ALL_HOURS: i32 = (1 << PARTS) - 1;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'f> {
    pub(crate) filter: &'f FailureFilter,
    pub(crate) detail: Detail,
    /// Whether the moments of first and last failures are asked for.
    pub(crate) with_moments: bool,
}

/// How failures are told apart: in packs, and in tables by four numbers.
pub(crate) trait Labels: Sync {
    /// What tells them apart.
    type Label: Copy + Eq + Hash + Send;

    /// Of a packed count.
    fn of_key(&self, key: &CellKey) -> Self::Label;

    /// Of a row.
    fn of_numbers(&self, numbers: [i64; 4]) -> Self::Label;

    /// Appends a statement with `bucket` and `a` to `d`, the numbers, `occurrences` and `visible`, all `bigint`, and `first_at` and `last_at`.
    fn push_sums(&self, query: &mut QueryBuilder<Postgres>, parts: &[Source]);
}

/// Adds up what matches, by bucket and label; several sums may be of the same.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub(crate) async fn sums<L: Labels>(
    tx: &mut TenantTx,
    question: Question<'_>,
    labels: &L,
) -> Result<Vec<Cell<L::Label>>, StoreError> {
    let filter = question.filter;
    let parts = sources(filter, question.detail);
    let mut cells = Vec::new();
    if question.detail.nodes || filter.asks_nodes() || filter.asks_paths() {
        let rows = of_tables(tx, labels, &parts).await?;
        cells.extend(rows.into_iter().map(|row| row.into_cell(labels)));
        return Ok(cells);
    }
    let (counted, events): (Vec<Source>, Vec<Source>) = parts
        .into_iter()
        .partition(|part| part.table != Table::Events);
    let packs = Packs {
        hours: whole_hours(&counted),
        by_days: counted.iter().any(|part| part.table == Table::GroupDays),
        edges: Edges::cut(&events, filter, question.detail.interval),
    };
    let rows = packs_and_edges(tx, question, labels, &packs).await?;
    let keys = KeyFilter::new(filter);
    let fold = Fold {
        interval: question.detail.interval,
        keys: &keys,
        label: &|key: &CellKey| labels.of_key(key),
    };
    let mut covered = BTreeMap::new();
    let mut left = Vec::new();
    for mut row in rows {
        let Some(pack) = row.take_pack() else {
            cells.push(row.into_cell(labels));
            continue;
        };
        let edge = packs.edge_of(&pack);
        let bits = match edge {
            Some(edge) => edge.bits(),
            None => packs.hours.map_or(0, |hours| parts_within(&pack, hours)),
        };
        let usable = bits & pack.parts;
        let before = cells.len();
        // Damaged bytes are no pack; the proof of the counts tells of them.
        let is_read = fold.pack(&pack, usable, &mut cells).is_some();
        if !is_read {
            cells.truncate(before);
        }
        match edge {
            Some(edge) => left.extend((!is_read).then(|| edge.failures(pack.parts))),
            None if is_read => {
                covered.insert(pack.starts_at, usable);
            }
            None => {}
        }
    }
    left.extend(uncovered(
        counted,
        &covered,
        hours_table(filter, question.detail),
    ));
    let rows = of_tables(tx, labels, &left).await?;
    cells.extend(rows.into_iter().map(|row| row.into_cell(labels)));
    Ok(cells)
}

/// Which packs a question is answered from.
#[derive(Debug)]
struct Packs {
    /// Hours that packs of days may answer for.
    hours: Option<Window>,
    /// Whether sums of whole days are of use.
    by_days: bool,
    edges: Edges,
}

impl Packs {
    /// Of a pack of an hour what is asked of it; none of a day's.
    fn edge_of(&self, pack: &Pack) -> Option<Edge> {
        let edges = self.edges.hours.iter().copied();
        (pack.part == part())
            .then(|| edges.into_iter().find(|edge| edge.hour == pack.starts_at))
            .flatten()
    }
}

/// The hours that counts answer for: they follow each other without a gap.
fn whole_hours(sources: &[Source]) -> Option<Window> {
    let counted = sources.iter().filter(|part| part.table != Table::Events);
    let windows = counted.map(|part| part.window);
    windows.reduce(|a, b| Window {
        from: a.from.min(b.from),
        to: a.to.max(b.to),
    })
}

/// A pack, or a sum of a table.
#[derive(Debug, sqlx::FromRow)]
#[sqlx(default)]
#[derive(Default)]
struct Row {
    starts_at: Option<DateTime<Utc>>,
    part_seconds: Option<i32>,
    parts: Option<i32>,
    keys: Option<Vec<u8>>,
    span_counts: Option<Vec<u8>>,
    span_times: Option<Vec<u8>>,
    part_counts: Option<Vec<u8>>,
    part_times: Option<Vec<u8>>,
    bucket: Option<i64>,
    a: Option<i64>,
    b: Option<i64>,
    c: Option<i64>,
    d: Option<i64>,
    occurrences: Option<i64>,
    visible: Option<i64>,
    first_at: Option<DateTime<Utc>>,
    last_at: Option<DateTime<Utc>>,
}

impl Row {
    /// None where it is a sum.
    fn take_pack(&mut self) -> Option<Pack> {
        Some(Pack {
            starts_at: self.starts_at?,
            part: TimeDelta::seconds(self.part_seconds?.into()),
            parts: self.parts?,
            keys: self.keys.take()?,
            span_counts: self.span_counts.take(),
            span_times: self.span_times.take(),
            part_counts: self.part_counts.take(),
            part_times: self.part_times.take(),
        })
    }

    fn into_cell<L: Labels>(self, labels: &L) -> Cell<L::Label> {
        let micros = |at: Option<DateTime<Utc>>| at.map_or(0, |at| at.timestamp_micros());
        let numbers = [self.a, self.b, self.c, self.d].map(Option::unwrap_or_default);
        Cell {
            bucket: self.bucket.unwrap_or_default(),
            label: labels.of_numbers(numbers),
            occurrences: self.occurrences.unwrap_or_default(),
            visible: self.visible.unwrap_or_default(),
            first_at: micros(self.first_at),
            last_at: micros(self.last_at),
        }
    }
}

async fn of_tables<L: Labels>(
    tx: &mut TenantTx,
    labels: &L,
    parts: &[Source],
) -> Result<Vec<Row>, StoreError> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::new("");
    labels.push_sums(&mut query, parts);
    Ok(query.build_query_as().fetch_all(tx.as_conn()).await?)
}

/// Packs first. Of each the columns that are of use: a day that is asked about as a whole has sums of its own.
async fn packs_and_edges<L: Labels>(
    tx: &mut TenantTx,
    question: Question<'_>,
    labels: &L,
    packs: &Packs,
) -> Result<Vec<Row>, StoreError> {
    let mut query = QueryBuilder::new("");
    let mut separator = "";
    if let Some(hours) = packs.hours {
        push_days(&mut query, tx.tenant_id(), question, (hours, packs.by_days));
        separator = " union all ";
    }
    if !packs.edges.hours.is_empty() {
        query.push(separator);
        push_hours(&mut query, tx.tenant_id(), question, &packs.edges.hours);
        separator = " union all ";
    }
    if !packs.edges.failures.is_empty() {
        query.push(separator).push(
            "select null::timestamptz as starts_at, null::integer as part_seconds, null::integer as parts, null::bytea as keys,
               null::bytea as span_counts, null::bytea as span_times, null::bytea as part_counts, null::bytea as part_times, bucket, a, b, c, d,
               occurrences, visible, first_at, last_at from (",
        );
        labels.push_sums(&mut query, &packs.edges.failures);
        query.push(") e");
        separator = " union all ";
    }
    if separator.is_empty() {
        return Ok(Vec::new());
    }
    Ok(query.build_query_as().fetch_all(tx.as_conn()).await?)
}

/// What a row of sums has, and a pack has not.
const NO_SUMS: &str = "null::bigint as bucket, null::bigint as a, null::bigint as b, null::bigint as c, null::bigint as d,
  null::bigint as occurrences, null::bigint as visible, null::timestamptz as first_at, null::timestamptz as last_at";

fn push_days(
    query: &mut QueryBuilder<Postgres>,
    tenant_id: TenantId,
    question: Question<'_>,
    (hours, by_days): (Window, bool),
) {
    let floor = |at: DateTime<Utc>| at.duration_trunc(TimeDelta::days(1)).unwrap_or(at);
    let days = whole(hours, TimeDelta::days(1)).unwrap_or(Window {
        from: hours.to,
        to: hours.to,
    });
    let (of_days, of_hours) = ("case when is_whole then", "case when not is_whole then");
    let (day_counts, hour_counts) = if by_days {
        (of_days, of_hours)
    } else {
        ("case when false then", "case when true then")
    };
    let (day_times, hour_times) = if question.with_moments {
        (of_days, of_hours)
    } else {
        ("case when false then", "case when false then")
    };
    query.push(format_args!(
        "select day as starts_at, 3600 as part_seconds, hours as parts, keys, {day_counts} day_counts end as span_counts,
           {day_times} day_times end as span_times, {hour_counts} hour_counts end as part_counts, {hour_times} hour_times end as part_times,
           {NO_SUMS}
         from (select *, hours = {ALL_HOURS} and day >= "
    ));
    query.push_bind(days.from).push(" and day < ");
    query.push_bind(days.to);
    query.push(" as is_whole from failure_day_pack where tenant_id = ");
    query.push_bind(tenant_id.0).push(" and day >= ");
    query.push_bind(floor(hours.from)).push(" and day < ");
    query.push_bind(hours.to).push(" and hours <> 0) p");
}

fn push_hours(
    query: &mut QueryBuilder<Postgres>,
    tenant_id: TenantId,
    question: Question<'_>,
    edges: &[Edge],
) {
    let times = if question.with_moments {
        "part_times"
    } else {
        "null::bytea"
    };
    query.push(format_args!(
        "select hour as starts_at, {PART_SECONDS} as part_seconds, (1 << packed_parts) - 1 as parts, keys, null::bytea as span_counts,
           null::bytea as span_times, part_counts, {times} as part_times, {NO_SUMS}
         from failure_hour_pack where tenant_id = "
    ));
    query.push_bind(tenant_id.0).push(" and hour = any(");
    let hours: Vec<DateTime<Utc>> = edges.iter().map(|edge| edge.hour).collect();
    query.push_bind(hours).push(") and packed_parts > 0");
}

/// Bits of the parts of a pack that are in a window.
fn parts_within(pack: &Pack, window: Window) -> i32 {
    let bits = (0..PARTS).filter(|part| {
        let at = pack.part_at(*part);
        window.from <= at && at < window.to
    });
    bits.fold(0, |bits, part| bits | 1 << part)
}

/// The parts of `sources` that are not covered.
fn uncovered(
    sources: Vec<Source>,
    covered: &BTreeMap<DateTime<Utc>, i32>,
    hours_table: Table,
) -> Vec<Source> {
    if covered.is_empty() {
        return sources;
    }
    let day_of = |at: DateTime<Utc>| at.duration_trunc(TimeDelta::days(1)).unwrap_or(at);
    let is_covered = |hour: DateTime<Utc>| {
        let day = day_of(hour);
        let bit = (hour - day).num_hours();
        covered.get(&day).is_some_and(|bits| bits >> bit & 1 == 1)
    };
    let mut left = Vec::new();
    let (mut days, mut hours) = (Vec::new(), Vec::new());
    for part in sources {
        if part.table == Table::Events {
            left.push(part);
            continue;
        }
        let mut at = part.window.from;
        while at < part.window.to {
            let is_day = part.table == Table::GroupDays && day_of(at) == at;
            if is_day && !covered.contains_key(&at) {
                days.push(at);
                at += TimeDelta::days(1);
                continue;
            }
            if !is_covered(at) {
                hours.push(at);
            }
            at += TimeDelta::hours(1);
        }
    }
    hours.sort_unstable();
    left.extend(Source::of_spans(Table::GroupDays, TimeDelta::days(1), days));
    left.extend(Source::of_spans(hours_table, TimeDelta::hours(1), hours));
    left
}
