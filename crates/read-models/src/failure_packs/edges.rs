//! The ragged ends of a window, cut at the parts of hours.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::parts::{PART_SECONDS, first_parts, part};
use crate::filter::{AfterPack, FailureFilter, Source, Table, Window, whole};

/// Hours that are cut, at most: a statement names each of them.
const MOST_HOURS: i64 = 12;

/// The part of an hour that is asked about of its failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) hour: DateTime<Utc>,
    /// Whole parts of the hour, which a pack may answer for.
    pub(super) parts: Window,
}

impl Edge {
    /// Bits of its parts.
    pub(super) fn bits(self) -> i32 {
        first_parts(self.number(self.parts.to)) & !first_parts(self.number(self.parts.from))
    }

    /// The failures that a pack of these parts answers for, one by one: where it is damaged.
    pub(super) fn failures(self, packed: i32) -> Source {
        let parts = i32::try_from(packed.trailing_ones()).unwrap_or_default();
        let to = self.parts.to.min(self.hour + part() * parts);
        let from = self.parts.from;
        Source::of(Table::Events, Window { from, to })
    }

    /// Parts of the hour before a moment.
    fn number(self, at: DateTime<Utc>) -> i16 {
        i16::try_from((at - self.hour).num_seconds() / PART_SECONDS).unwrap_or_default()
    }
}

/// What is to be read of windows that no count answers for.
#[derive(Debug, Default)]
pub(super) struct Edges {
    pub(super) hours: Vec<Edge>,
    /// Single failures, without those that packs of these hours answer for.
    pub(super) failures: Vec<Source>,
}

impl Edges {
    /// Cuts windows of failures. An interval that is not made of parts, or a long window, is left to the failures.
    pub(super) fn cut(
        sources: &[Source],
        filter: &FailureFilter,
        interval: Option<TimeDelta>,
    ) -> Self {
        let mut edges = Self::default();
        let is_of_parts =
            interval.is_none_or(|interval| interval.num_seconds() % PART_SECONDS == 0);
        for source in sources {
            let window = filter.events_window(source.window);
            let hours = (window.to - window.from).num_hours();
            if is_of_parts && hours < MOST_HOURS {
                edges.cut_window(window);
            } else {
                edges.failures.push(source.clone());
            }
        }
        edges
    }

    fn cut_window(&mut self, window: Window) {
        let mut from = window.from;
        while from < window.to {
            let hour = from.duration_trunc(TimeDelta::hours(1)).unwrap_or(from);
            let to = window.to.min(hour + TimeDelta::hours(1));
            self.cut_hour(hour, Window { from, to });
            from = to;
        }
    }

    fn cut_hour(&mut self, hour: DateTime<Utc>, window: Window) {
        let Some(parts) = whole(window, part()) else {
            self.failures.push(Source::of(Table::Events, window));
            return;
        };
        if window.from < parts.from {
            let before = Window {
                from: window.from,
                to: parts.from,
            };
            self.failures.push(Source::of(Table::Events, before));
        }
        let edge = Edge { hour, parts };
        let rest = Window {
            from: parts.from,
            to: window.to,
        };
        self.failures.push(Source {
            after_pack: Some(AfterPack {
                hour,
                parts: edge.number(parts.to),
            }),
            ..Source::of(Table::Events, rest)
        });
        self.hours.push(edge);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-{text}Z").parse().unwrap()
    }

    fn window(from: &str, to: &str) -> Window {
        Window {
            from: at(from),
            to: at(to),
        }
    }

    fn cut(window: Window, interval: Option<TimeDelta>) -> Edges {
        let sources = [Source::of(Table::Events, window)];
        Edges::cut(&sources, &FailureFilter::all(window), interval)
    }

    fn windows(edges: &Edges) -> Vec<(Window, Option<i16>)> {
        let failures = edges.failures.iter();
        failures
            .map(|source| (source.window, source.after_pack.map(|pack| pack.parts)))
            .collect()
    }

    #[test]
    fn parts_make_an_hour() {
        let parts = i64::try_from(crate::failure_packs::packing::PARTS).unwrap();
        assert_eq!(parts * PART_SECONDS, 3_600);
    }

    #[test]
    fn the_end_of_an_hour_is_cut_where_its_next_part_begins() {
        let edges = cut(window("21T12:34:56", "21T13:00:00"), None);
        let parts = window("21T12:35:00", "21T13:00:00");
        let hour = at("21T12:00:00");
        assert_eq!(edges.hours, [Edge { hour, parts }]);
        assert_eq!(edges.hours[0].bits(), 0xff_ffff & !0x3fff);
        let before = window("21T12:34:56", "21T12:35:00");
        assert_eq!(windows(&edges), [(before, None), (parts, Some(24))]);
    }

    #[test]
    fn the_start_of_an_hour_is_cut_where_its_last_whole_part_ends() {
        let edges = cut(window("21T12:00:00", "21T12:34:56"), None);
        assert_eq!(edges.hours[0].bits(), (1 << 13) - 1);
        let rest = window("21T12:00:00", "21T12:34:56");
        assert_eq!(windows(&edges), [(rest, Some(13))]);
        let failures = edges.hours[0].failures(0b111);
        assert_eq!(failures.window, window("21T12:00:00", "21T12:07:30"));
    }

    #[test]
    fn a_window_is_cut_at_every_hour_and_one_within_a_part_is_not() {
        let edges = cut(
            window("21T12:59:00", "21T14:01:00"),
            Some(TimeDelta::minutes(5)),
        );
        assert_eq!(edges.hours.len(), 1);
        assert_eq!(
            windows(&edges),
            [
                (window("21T12:59:00", "21T13:00:00"), None),
                (window("21T13:00:00", "21T14:00:00"), Some(24)),
                (window("21T14:00:00", "21T14:01:00"), None),
            ]
        );
    }

    #[test]
    fn narrow_buckets_and_long_windows_are_left_to_the_failures() {
        for (window, interval) in [
            (
                window("21T12:10:00", "21T12:50:00"),
                Some(TimeDelta::minutes(1)),
            ),
            (window("21T00:00:00", "21T20:00:00"), None),
        ] {
            let edges = cut(window, interval);
            assert_eq!(edges.hours, []);
            assert_eq!(windows(&edges), [(window, None)]);
        }
    }
}
