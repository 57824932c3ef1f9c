//! Stretches of hours that a rebuild derives in one transaction: as many as have about a quarter of a million events, so that look-ups are
//! shared and nobody waits for long.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::StoreError;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::filter::hour_at_or_before;

/// Events of a stretch that has more than one hour.
const EVENTS_PER_SPAN: i64 = 250_000;

/// Hours of one day at most: facts lie in partitions of a day.
const LONGEST: TimeDelta = TimeDelta::days(1);

/// What one transaction of a rebuild may hold in memory at once; everything else of the program makes do with PostgreSQL's default.
pub(crate) const SETTINGS: &str = "set local statement_timeout = '10min'; set local lock_timeout = '10min'; set local work_mem = '128MB'";

/// From the beginning of an hour to the beginning of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HourSpan {
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
    /// Those that have events or counts.
    pub(crate) hours: u64,
}

/// The hours with events, or with counts in `table`, whose events and counts are kept.
pub(crate) async fn hour_spans(
    connection: &mut PgConnection,
    table: &'static str,
) -> Result<Vec<HourSpan>, StoreError> {
    // The ledger knows when the events of each batch were, at a hundredth of reading them. The recursion jumps from hour to hour in the index.
    let statement = format!(
        "with recursive cut as (
           select greatest(dropped_before, counts_dropped_before) as at from failure_retention
         ),
         counted as (
           (select hour from {table} where hour >= (select at from cut) order by hour limit 1)
           union all
           select (select t.hour from {table} t where t.hour > c.hour order by t.hour limit 1) from counted c where c.hour is not null
         ),
         delivered as (
           select h as hour, sum(b.events)::bigint as events from ingest_batch b
           cross join lateral generate_series(date_trunc('hour', b.min_at, 'UTC'), b.max_at, interval '1 hour') h
           where b.max_at >= (select at from cut) and h >= (select at from cut) group by 1
         )
         select hour, coalesce(d.events, 0)::bigint from (select hour from counted where hour is not null) c
         full join delivered d using (hour) order by 1"
    );
    let hours: Vec<(DateTime<Utc>, i64)> = sqlx::query_as(AssertSqlSafe(statement))
        .fetch_all(connection)
        .await?;
    Ok(spans_of(&hours))
}

fn spans_of(hours: &[(DateTime<Utc>, i64)]) -> Vec<HourSpan> {
    let mut spans: Vec<HourSpan> = Vec::new();
    let mut events_so_far = 0;
    for (hour, events) in hours {
        // A damaged count may be of no hour.
        let hour = hour_at_or_before(*hour);
        let end = hour + TimeDelta::hours(1);
        if let Some(span) = spans.last_mut()
            && events_so_far + events <= EVENTS_PER_SPAN
            && end - span.from <= LONGEST
        {
            span.to = end;
            span.hours += 1;
            events_so_far += events;
            continue;
        }
        events_so_far = *events;
        spans.push(HourSpan {
            from: hour,
            to: end,
            hours: 1,
        });
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_taken_together_up_to_a_day_and_a_number_of_events() {
        let start: DateTime<Utc> = "2026-11-20T05:00:00Z".parse().unwrap();
        let at = |hour: i64| start + TimeDelta::hours(hour);
        let few: Vec<_> = (0..30).map(|hour| (at(hour), 10)).collect();
        let spans: Vec<_> = spans_of(&few)
            .into_iter()
            .map(|span| (span.from, span.to, span.hours))
            .collect();
        assert_eq!(spans, [(at(0), at(24), 24), (at(24), at(30), 6)]);

        let many = [
            (at(0), 200_000),
            (at(1), 50_000),
            (at(2), 1),
            (at(5), 900_000),
        ];
        let spans: Vec<_> = spans_of(&many)
            .into_iter()
            .map(|span| (span.from, span.to, span.hours))
            .collect();
        assert_eq!(
            spans,
            [(at(0), at(2), 2), (at(2), at(3), 1), (at(5), at(6), 1)]
        );
        assert!(spans_of(&[]).is_empty());
    }
}
