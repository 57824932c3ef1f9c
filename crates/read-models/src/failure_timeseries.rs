//! Failures over time, in column form, zeros included.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::{FailureCode, Outcome, Reason};
use limpid_domain::ids::{OriginNo, UrlEndpointNo};
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{Postgres, QueryBuilder};

use crate::filter::{FailureFilter, Sources, Window, push_conditions, push_path_condition};

/// The most buckets of an answer.
pub const MAX_BUCKETS: i64 = 120;

/// The widths of buckets there are, in seconds: 10 s to 7 d. From an hour on the hourly counts answer.
pub const INTERVALS_SECONDS: [i64; 13] = [
    10, 30, 60, 300, 600, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800,
];

/// What makes a line of the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// One line per public code.
    Code,
    /// One line per reason.
    Reason,
    /// One line per origin.
    Origin,
    /// One line per URL endpoint.
    Endpoint,
    /// One line per outcome.
    Outcome,
}

/// Which line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeriesKey {
    /// Of a public code.
    Code(FailureCode),
    /// Of a reason.
    Reason(Reason),
    /// Of an origin.
    Origin(OriginNo),
    /// Of a URL endpoint.
    Endpoint(UrlEndpointNo),
    /// Of an outcome.
    Outcome(Outcome),
}

/// Counts per bucket and line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeseries {
    /// Start of the first bucket, a multiple of the interval since 1970; may lie before the window, whose part alone is counted.
    pub start: DateTime<Utc>,
    /// Width of a bucket.
    pub interval: TimeDelta,
    /// The lines, most failures first.
    pub keys: Vec<SeriesKey>,
    /// Occurrences: one row per key, one column per bucket.
    pub counts: Vec<Vec<i64>>,
}

/// Picks the narrowest interval that needs at most [`MAX_BUCKETS`] buckets.
pub fn interval_for(window: Window) -> TimeDelta {
    let fits = |seconds: &&i64| bucket_count(window, TimeDelta::seconds(**seconds)) <= MAX_BUCKETS;
    let [.., longest] = INTERVALS_SECONDS;
    let seconds = INTERVALS_SECONDS.iter().find(fits).copied();
    TimeDelta::seconds(seconds.unwrap_or(longest))
}

/// How many buckets of this width the window touches.
pub fn bucket_count(window: Window, interval: TimeDelta) -> i64 {
    let width = interval.num_seconds().max(1);
    let first = window.from.timestamp().div_euclid(width);
    let last = (window.to - TimeDelta::microseconds(1))
        .timestamp()
        .div_euclid(width);
    last - first + 1
}

/// Counts the failures that match, per bucket of `interval` (one of [`INTERVALS_SECONDS`]).
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn timeseries(
    tx: &mut TenantTx,
    filter: &FailureFilter,
    group_by: GroupBy,
    interval: TimeDelta,
) -> Result<Timeseries, StoreError> {
    let mut query = statement(tx, filter, group_by, interval);
    let cells: Vec<(i64, i32, i64)> = query.build_query_as().fetch_all(tx.as_conn()).await?;
    Ok(arrange(&cells, filter.window, group_by, interval))
}

/// Rows of (bucket number since 1970, key number, occurrences).
fn statement(
    tx: &TenantTx,
    filter: &FailureFilter,
    group_by: GroupBy,
    interval: TimeDelta,
) -> QueryBuilder<Postgres> {
    let seconds = interval.num_seconds().max(1);
    let key = match group_by {
        GroupBy::Code | GroupBy::Reason => "reason",
        GroupBy::Origin => "origin_no",
        GroupBy::Endpoint => "endpoint_no",
        GroupBy::Outcome => "outcome",
    };
    let sources = if seconds % 3_600 == 0 {
        Sources::of(filter)
    } else {
        Sources {
            raw: vec![filter.window],
            hours: None,
        }
    };
    let edges = sources
        .raw
        .iter()
        .map(|edge| ("origin_failure", "occurred_at", *edge));
    let hours = sources.hours.map(|hours| ("failure_1h", "hour", hours));
    let mut query = QueryBuilder::new("select bucket, key, sum(occurrences)::bigint from (");
    let mut separator = "";
    for (table, time, window) in edges.chain(hours) {
        query
            .push(separator)
            .push("select floor(extract(epoch from ")
            .push(time)
            .push(") / ");
        query
            .push_bind(seconds)
            .push(")::bigint as bucket, ")
            .push(key);
        query
            .push("::integer as key, occurrences::bigint as occurrences from ")
            .push(table)
            .push(" where ");
        push_conditions(&mut query, tx.tenant_id(), (time, window), filter);
        if table == "origin_failure" {
            push_path_condition(&mut query, filter);
        }
        separator = " union all ";
    }
    query.push(") f group by 1, 2");
    query
}

fn arrange(
    cells: &[(i64, i32, i64)],
    window: Window,
    group_by: GroupBy,
    interval: TimeDelta,
) -> Timeseries {
    let width = interval.num_seconds().max(1);
    let first = window.from.timestamp().div_euclid(width);
    let buckets = usize::try_from(bucket_count(window, interval)).unwrap_or(0);
    // By number first: reasons of one code share a line.
    let mut lines: BTreeMap<i32, (SeriesKey, Vec<i64>)> = BTreeMap::new();
    for (bucket, number, count) in cells {
        let Some((order, key)) = key_of(group_by, *number) else {
            continue; // a newer version's
        };
        let (_, line) = lines
            .entry(order)
            .or_insert_with(|| (key, vec![0; buckets]));
        let column = usize::try_from(bucket - first).ok();
        if let Some(cell) = column.and_then(|column| line.get_mut(column)) {
            *cell += count;
        }
    }
    let mut lines: Vec<_> = lines.into_values().collect();
    lines.sort_by_key(|(_, line)| std::cmp::Reverse(line.iter().sum::<i64>()));
    let (keys, counts) = lines.into_iter().unzip();
    Timeseries {
        start: DateTime::from_timestamp(first * width, 0).unwrap_or(window.from),
        interval,
        keys,
        counts,
    }
}

/// The line a stored number belongs to, and its place among equals.
fn key_of(group_by: GroupBy, number: i32) -> Option<(i32, SeriesKey)> {
    let small = i16::try_from(number).ok();
    Some(match group_by {
        GroupBy::Code => {
            let code = Reason::from_number(small?)?.code();
            let place = FailureCode::ALL.iter().position(|other| *other == code)?;
            (i32::try_from(place).ok()?, SeriesKey::Code(code))
        }
        GroupBy::Reason => (number, SeriesKey::Reason(Reason::from_number(small?)?)),
        GroupBy::Outcome => (number, SeriesKey::Outcome(Outcome::from_number(small?)?)),
        GroupBy::Origin => (number, SeriesKey::Origin(OriginNo(number))),
        GroupBy::Endpoint => (number, SeriesKey::Endpoint(UrlEndpointNo(number))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(span: TimeDelta) -> Window {
        let to: DateTime<Utc> = "2026-11-22T12:34:56.789Z".parse().unwrap();
        Window {
            from: to - span,
            to,
        }
    }

    #[test]
    fn the_interval_keeps_the_buckets_at_120() {
        for (span, seconds) in [
            (TimeDelta::minutes(15), 10),
            (TimeDelta::hours(1), 60),
            (TimeDelta::hours(24), 900),
            (TimeDelta::days(7), 10_800),
            (TimeDelta::days(30), 43_200),
            (TimeDelta::days(90), 86_400),
        ] {
            let interval = interval_for(last(span));
            assert_eq!(interval.num_seconds(), seconds, "{span}");
            assert!(bucket_count(last(span), interval) <= MAX_BUCKETS);
        }
    }

    #[test]
    fn buckets_are_aligned_and_filled_with_zeros() {
        let window = last(TimeDelta::minutes(3));
        let minute = TimeDelta::minutes(1);
        let first = window.from.timestamp().div_euclid(60);
        let cells = [
            (first + 1, i32::from(Reason::AccessDenied.number()), 2),
            (first + 1, i32::from(Reason::CredentialsInvalid.number()), 3),
            (first + 3, i32::from(Reason::ObjectNotFound.number()), 1),
            (first, 9_999, 7),
        ];
        let series = arrange(&cells, window, GroupBy::Code, minute);
        assert_eq!(series.start.to_rfc3339(), "2026-11-22T12:31:00+00:00");
        assert_eq!(
            series.keys,
            [
                SeriesKey::Code(FailureCode::Eacces),
                SeriesKey::Code(FailureCode::Enoent)
            ]
        );
        assert_eq!(series.counts, [[0, 5, 0, 0], [0, 0, 0, 1]]);
    }
}
