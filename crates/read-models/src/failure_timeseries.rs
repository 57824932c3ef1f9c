//! Failures over time, in column form, zeros included.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::{StoreError, TenantTx};

pub use crate::breakdown::{GroupBy, SeriesKey};
use crate::breakdown::{Measures, count};
use crate::failure_packs::Cell;
use crate::filter::{FailureFilter, Window};

/// The most buckets of an answer.
pub const MAX_BUCKETS: i64 = 120;

/// The widths of buckets there are, in seconds: 10 s to 7 d. From an hour on the hourly counts answer.
pub const INTERVALS_SECONDS: [i64; 13] = [
    10, 30, 60, 300, 600, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800,
];

/// The most lines of an answer; what is left of more becomes [`SeriesKey::Other`].
pub const MAX_LINES: usize = 20;

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

/// Longest window that is answered in buckets of less than an hour by itself: those are counted from single events.
const FINE_SPAN: TimeDelta = TimeDelta::hours(12);

/// Longest window that is answered in buckets of less than a day by itself: the daily counts are a fraction of the hourly ones.
const LONG_SPAN: TimeDelta = TimeDelta::days(14);

/// Picks the narrowest interval that may be asked for and that the counts can answer: of hours over 12 hours, of days over 14 days.
pub fn interval_for(window: Window) -> TimeDelta {
    let narrowest = narrowest_interval(window);
    let span = window.to - window.from;
    if span > LONG_SPAN {
        narrowest.max(TimeDelta::days(1))
    } else if span > FINE_SPAN {
        narrowest.max(TimeDelta::hours(1))
    } else {
        narrowest
    }
}

/// The narrowest interval that needs at most [`MAX_BUCKETS`] buckets.
pub fn narrowest_interval(window: Window) -> TimeDelta {
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
    let by = (group_by, Some(interval));
    let cells = count(tx, filter, by, Measures::Occurrences).await?;
    Ok(arrange(&cells, filter.window, group_by, interval))
}

fn arrange(
    cells: &[Cell<i64>],
    window: Window,
    group_by: GroupBy,
    interval: TimeDelta,
) -> Timeseries {
    let width = interval.num_seconds().max(1);
    let first = window.from.timestamp().div_euclid(width);
    let buckets = usize::try_from(bucket_count(window, interval)).unwrap_or(0);
    // By number first: reasons of one code share a line.
    let mut lines: BTreeMap<i64, (SeriesKey, Vec<i64>)> = BTreeMap::new();
    for cell in cells {
        let Some((order, key)) = group_by.key(cell.label) else {
            continue; // a newer version's
        };
        let (_, line) = lines
            .entry(order)
            .or_insert_with(|| (key, vec![0; buckets]));
        let column = usize::try_from(cell.bucket - first).ok();
        if let Some(sum) = column.and_then(|column| line.get_mut(column)) {
            *sum += cell.occurrences;
        }
    }
    let mut lines: Vec<_> = lines.into_values().collect();
    lines.sort_by_key(|(_, line)| std::cmp::Reverse(line.iter().sum::<i64>()));
    let (keys, counts) = with_rest_together(lines).into_iter().unzip();
    Timeseries {
        start: DateTime::from_timestamp(first * width, 0).unwrap_or(window.from),
        interval,
        keys,
        counts,
    }
}

/// Adds up the lines after the largest ones.
fn with_rest_together(mut lines: Vec<(SeriesKey, Vec<i64>)>) -> Vec<(SeriesKey, Vec<i64>)> {
    if lines.len() <= MAX_LINES {
        return lines;
    }
    let rest = lines.split_off(MAX_LINES - 1);
    let mut sums = vec![0; rest.first().map_or(0, |(_, line)| line.len())];
    for (_, line) in &rest {
        for (sum, count) in sums.iter_mut().zip(line) {
            *sum += count;
        }
    }
    lines.push((SeriesKey::Other, sums));
    lines
}

#[cfg(test)]
mod tests {
    use limpid_domain::failure::{FailureCode, Reason};
    use limpid_domain::ids::NodeId;

    use super::*;

    fn cell((bucket, label, occurrences): (i64, i64, i64)) -> Cell<i64> {
        Cell {
            bucket,
            label,
            occurrences,
            visible: 0,
            first_at: 0,
            last_at: 0,
        }
    }

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
            (TimeDelta::hours(12), 600),
            (TimeDelta::hours(24), 3_600),
            (TimeDelta::days(7), 10_800),
            (TimeDelta::days(14), 10_800),
            (TimeDelta::days(30), 86_400),
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
            (first + 1, i64::from(Reason::AccessDenied.number()), 2),
            (first + 1, i64::from(Reason::CredentialsInvalid.number()), 3),
            (first + 3, i64::from(Reason::ObjectNotFound.number()), 1),
            (first, 9_999, 7),
        ]
        .map(cell);
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

    #[test]
    fn the_smallest_of_too_many_lines_are_added_up() {
        let window = last(TimeDelta::minutes(1));
        let minute = TimeDelta::minutes(1);
        let first = window.from.timestamp().div_euclid(60);
        let cells: Vec<_> = (1..=25).map(|node| cell((first, node, node))).collect();
        let series = arrange(&cells, window, GroupBy::Node, minute);
        assert_eq!(series.keys.len(), MAX_LINES);
        assert_eq!(series.keys.first(), Some(&SeriesKey::Node(NodeId(25))));
        assert_eq!(series.keys.last(), Some(&SeriesKey::Other));
        assert_eq!(series.counts.last(), Some(&vec![(1..=6).sum(), 0]));
    }
}
