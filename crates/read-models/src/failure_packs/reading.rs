//! What failures add up to: packs where there are any, the tables for the rest.
//!
//! One statement reads packs and the events of the ragged edges. A second one is needed only for hours and days that no pack answers for;
//! which those are the first one says. No two of these parts have a moment in common, so nothing is counted twice whatever is stored, counted or
//! packed between the two.

use std::collections::BTreeMap;
use std::hash::Hash;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{Postgres, QueryBuilder};

use super::folding::{Cell, Fold, Pack, hours_long};
use super::packing::{CellKey, HOURS};
use crate::filter::{
    Detail, FailureFilter, KeyFilter, Source, Table, Window, hours_table, sources, whole,
};

/// Bits of all hours of a day.
pub(super) const ALL_HOURS: i32 = (1 << HOURS) - 1;

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
    let parts = sources(question.filter, question.detail);
    let asks_nodes = question.detail.nodes || question.filter.asks_nodes();
    let hours = if asks_nodes {
        None
    } else {
        whole_hours(&parts)
    };
    let mut cells = Vec::new();
    let Some(hours) = hours else {
        let rows = of_tables(tx, labels, &parts).await?;
        cells.extend(rows.into_iter().map(|row| row.into_cell(labels)));
        return Ok(cells);
    };
    let (counted, edges): (Vec<Source>, Vec<Source>) = parts
        .into_iter()
        .partition(|part| part.table != Table::Events);
    let by_days = counted.iter().any(|part| part.table == Table::GroupDays);
    let rows = packs_and_edges(tx, question, labels, (hours, by_days, &edges)).await?;
    let keys = KeyFilter::new(question.filter);
    let fold = Fold {
        interval: question.detail.interval,
        keys: &keys,
        label: &|key: &CellKey| labels.of_key(key),
    };
    let mut covered = BTreeMap::new();
    for mut row in rows {
        let Some(pack) = row.take_pack() else {
            cells.push(row.into_cell(labels));
            continue;
        };
        let usable = hours_within(pack.day, hours) & pack.hours;
        let before = cells.len();
        // Damaged bytes are no pack; the proof of the counts tells of them.
        if fold.pack(&pack, usable, &mut cells).is_some() {
            covered.insert(pack.day, usable);
        } else {
            cells.truncate(before);
        }
    }
    let left = left(
        counted,
        &covered,
        hours_table(question.filter, question.detail),
    );
    let rows = of_tables(tx, labels, &left).await?;
    cells.extend(rows.into_iter().map(|row| row.into_cell(labels)));
    Ok(cells)
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
    day: Option<DateTime<Utc>>,
    hours: Option<i32>,
    keys: Option<Vec<u8>>,
    day_counts: Option<Vec<u8>>,
    day_times: Option<Vec<u8>>,
    hour_counts: Option<Vec<u8>>,
    hour_times: Option<Vec<u8>>,
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
            day: self.day?,
            hours: self.hours?,
            keys: self.keys.take()?,
            day_counts: self.day_counts.take(),
            day_times: self.day_times.take(),
            hour_counts: self.hour_counts.take(),
            hour_times: self.hour_times.take(),
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
    (hours, by_days, edges): (Window, bool, &[Source]),
) -> Result<Vec<Row>, StoreError> {
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
    let mut query = QueryBuilder::new(format!(
        "select day, hours, keys, {day_counts} day_counts end as day_counts, {day_times} day_times end as day_times,
           {hour_counts} hour_counts end as hour_counts, {hour_times} hour_times end as hour_times, null::bigint as bucket, null::bigint as a,
           null::bigint as b, null::bigint as c, null::bigint as d, null::bigint as occurrences, null::bigint as visible,
           null::timestamptz as first_at, null::timestamptz as last_at
         from (select *, hours = {ALL_HOURS} and day >= "
    ));
    query.push_bind(days.from).push(" and day < ");
    query.push_bind(days.to);
    query.push(" as is_whole from failure_day_pack where tenant_id = ");
    query.push_bind(tx.tenant_id().0).push(" and day >= ");
    query.push_bind(floor(hours.from)).push(" and day < ");
    query.push_bind(hours.to).push(" and hours <> 0) p");
    if !edges.is_empty() {
        query.push(
            " union all select null, null, null, null, null, null, null, bucket, a, b, c, d, occurrences, visible, first_at, last_at from (",
        );
        labels.push_sums(&mut query, edges);
        query.push(") e");
    }
    Ok(query.build_query_as().fetch_all(tx.as_conn()).await?)
}

/// Bits of the hours of a day that are in a window.
fn hours_within(day: DateTime<Utc>, window: Window) -> i32 {
    let bits = (0..HOURS).filter(|hour| {
        let at = day + hours_long(*hour);
        window.from <= at && at < window.to
    });
    bits.fold(0, |bits, hour| bits | 1 << hour)
}

/// The parts of `sources` that are not covered.
fn left(
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
