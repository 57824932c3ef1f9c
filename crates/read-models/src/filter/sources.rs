//! Which tables answer a window: whole days and hours from the counts, ragged edges from the events.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::{FailureFilter, Window};

/// A table that counts failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// `origin_failure`: knows everything.
    Events,
    /// `failure_1h`: by endpoint, origin, reason, outcome and node; as fresh as the events.
    Hours,
    /// `failure_group_1h`: by group, status and version instead of node; a moment behind.
    GroupHours,
    /// `failure_group_1d`: the same by day.
    GroupDays,
}

/// A table and the part of the window it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) table: Table,
    pub(crate) window: Window,
    /// Only the hours or days of the window that begin at these moments; all where there are none.
    pub(crate) starts: Option<Vec<DateTime<Utc>>>,
    /// Only what a pack does not answer for.
    pub(crate) after_pack: Option<AfterPack>,
}

/// The first parts of an hour, as far as they are packed: `failure_packs::parts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AfterPack {
    pub(crate) hour: DateTime<Utc>,
    /// How many parts the pack may answer for.
    pub(crate) parts: i16,
}

impl Source {
    /// The whole of a window.
    pub(crate) fn of(table: Table, window: Window) -> Self {
        Self {
            table,
            window,
            starts: None,
            after_pack: None,
        }
    }

    /// The spans of this length that begin at these moments, oldest first; `None` where there are none.
    pub(crate) fn of_spans(
        table: Table,
        length: TimeDelta,
        starts: Vec<DateTime<Utc>>,
    ) -> Option<Self> {
        let (from, last) = (*starts.first()?, *starts.last()?);
        let window = Window {
            from,
            to: last.checked_add_signed(length)?,
        };
        let spans = (window.to - window.from).num_seconds() / length.num_seconds().max(1);
        let is_all = usize::try_from(spans).ok() == Some(starts.len());
        Some(Self {
            table,
            window,
            starts: (!is_all).then_some(starts),
            after_pack: None,
        })
    }
}

/// What an answer is broken down by, beyond what every table knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    /// Width of the answer's buckets; none where it is one number for the window.
    pub(crate) interval: Option<TimeDelta>,
    /// Group, status or version.
    pub(crate) group_fields: bool,
    /// Node.
    pub(crate) nodes: bool,
}

impl Table {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Events => "origin_failure",
            Self::Hours => "failure_1h",
            Self::GroupHours => "failure_group_1h",
            Self::GroupDays => "failure_group_1d",
        }
    }

    pub(crate) fn time_column(self) -> &'static str {
        match self {
            Self::Events => "occurred_at",
            Self::Hours | Self::GroupHours => "hour",
            Self::GroupDays => "day",
        }
    }
}

/// Cuts the filter's window into parts that do not overlap and together are all of it, coarsest first.
pub(crate) fn sources(filter: &FailureFilter, detail: Detail) -> Vec<Source> {
    let window = filter.window;
    let fits = |width: TimeDelta| {
        detail
            .interval
            .is_none_or(|interval| interval.num_seconds() % width.num_seconds() == 0)
    };
    let group_fields = detail.group_fields || filter.asks_group_fields();
    let nodes = detail.nodes || filter.asks_nodes();
    if filter.asks_paths() || (group_fields && nodes) || !fits(TimeDelta::hours(1)) {
        return events_of(window);
    }
    let hours = hours_table(filter, detail);
    let days = (!nodes && fits(TimeDelta::days(1)))
        .then(|| whole(window, TimeDelta::days(1)))
        .flatten();
    let Some(days) = days else {
        return hours_of(window, hours);
    };
    let mut parts = vec![Source::of(Table::GroupDays, days)];
    parts.extend(hours_of(before(window, days), hours));
    parts.extend(hours_of(after(window, days), hours));
    parts
}

/// The table of hours that knows all that is asked, unless nodes are asked about together with what groups know.
pub(crate) fn hours_table(filter: &FailureFilter, detail: Detail) -> Table {
    if detail.group_fields || filter.asks_group_fields() {
        Table::GroupHours
    } else {
        Table::Hours
    }
}

fn hours_of(window: Window, table: Table) -> Vec<Source> {
    let Some(hours) = whole(window, TimeDelta::hours(1)) else {
        return events_of(window);
    };
    let mut parts = vec![Source::of(table, hours)];
    parts.extend(events_of(before(window, hours)));
    parts.extend(events_of(after(window, hours)));
    parts
}

fn events_of(window: Window) -> Vec<Source> {
    let source = Source::of(Table::Events, window);
    Vec::from_iter((window.from < window.to).then_some(source))
}

fn before(window: Window, inner: Window) -> Window {
    Window {
        from: window.from,
        to: inner.from,
    }
}

fn after(window: Window, inner: Window) -> Window {
    Window {
        from: inner.to,
        to: window.to,
    }
}

/// The whole hours or days of a window, if there are any.
pub(crate) fn whole(window: Window, width: TimeDelta) -> Option<Window> {
    let floor = |at: DateTime<Utc>| at.duration_trunc(width).unwrap_or(at);
    let to = floor(window.to);
    let below = floor(window.from);
    let from = if below == window.from {
        below
    } else {
        below.checked_add_signed(width)?
    };
    (from < to).then_some(Window { from, to })
}

/// The last full hour at or before a moment.
pub(crate) fn hour_at_or_before(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use limpid_domain::ids::{GroupId, NodeId};

    use super::*;

    fn window(from: &str, to: &str) -> Window {
        let at = |text: &str| format!("2026-11-{text}:00Z").parse().unwrap();
        Window {
            from: at(from),
            to: at(to),
        }
    }

    fn cut(filter: &FailureFilter, detail: Detail) -> Vec<(Table, Window)> {
        let parts = sources(filter, detail);
        parts
            .into_iter()
            .map(|part| (part.table, part.window))
            .collect()
    }

    #[test]
    fn days_then_hours_then_edges() {
        let filter = FailureFilter::all(window("20T22:30", "23T01:15"));
        assert_eq!(
            cut(&filter, Detail::default()),
            [
                (Table::GroupDays, window("21T00:00", "23T00:00")),
                (Table::Hours, window("20T23:00", "21T00:00")),
                (Table::Events, window("20T22:30", "20T23:00")),
                (Table::Hours, window("23T00:00", "23T01:00")),
                (Table::Events, window("23T01:00", "23T01:15")),
            ]
        );
        let short = FailureFilter::all(window("22T09:10", "22T09:50"));
        assert_eq!(
            cut(&short, Detail::default()),
            [(Table::Events, short.window)]
        );
        let whole = FailureFilter::all(window("22T09:00", "22T12:00"));
        assert_eq!(
            cut(&whole, Detail::default()),
            [(Table::Hours, whole.window)]
        );
    }

    #[test]
    fn spans_without_a_gap_are_a_window() {
        let at = |text: &str| format!("2026-11-{text}:00Z").parse().unwrap();
        let hour = TimeDelta::hours(1);
        let of = |starts| Source::of_spans(Table::Hours, hour, starts);
        assert_eq!(of(Vec::new()), None);
        let whole = Source::of(Table::Hours, window("20T22:00", "21T00:00"));
        assert_eq!(of(vec![at("20T22:00"), at("20T23:00")]), Some(whole));
        let some = vec![at("20T20:00"), at("20T23:00")];
        let found = of(some.clone()).unwrap();
        assert_eq!(found.window, window("20T20:00", "21T00:00"));
        assert_eq!(found.starts, Some(some));
    }

    #[test]
    fn buckets_narrower_than_a_table_are_not_answered_by_it() {
        let filter = FailureFilter::all(window("20T00:00", "23T00:00"));
        for (seconds, table) in [
            (60, Table::Events),
            (3_600, Table::Hours),
            (21_600, Table::Hours),
            (86_400, Table::GroupDays),
        ] {
            let detail = Detail {
                interval: Some(TimeDelta::seconds(seconds)),
                ..Detail::default()
            };
            assert_eq!(cut(&filter, detail), [(table, filter.window)], "{seconds}");
        }
    }

    #[test]
    fn what_a_table_does_not_know_is_asked_elsewhere() {
        let span = window("20T00:00", "22T02:00");
        let tables = |filter: &FailureFilter| {
            let parts = cut(filter, Detail::default());
            parts
                .into_iter()
                .map(|(table, _)| table)
                .collect::<Vec<_>>()
        };
        let mut filter = FailureFilter::all(span);
        filter.include.nodes = vec![NodeId(1)];
        assert_eq!(tables(&filter), [Table::Hours]);
        filter.exclude.groups = vec![GroupId(1)];
        assert_eq!(tables(&filter), [Table::Events]);
        filter.include.nodes.clear();
        assert_eq!(tables(&filter), [Table::GroupDays, Table::GroupHours]);
        filter.path_lacks = vec!["x".to_owned()];
        assert_eq!(tables(&filter), [Table::Events]);
    }
}
