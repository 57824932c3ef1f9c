//! A pack added up for a question.

use std::collections::HashMap;
use std::hash::Hash;

use chrono::{DateTime, TimeDelta, Utc};

use super::packing::{CellKey, Counts, PARTS, unpack_keys};
use crate::filter::KeyFilter;
use crate::numbers::Reader;

/// Outcome of a request whose client saw the error.
const FAILED: i16 = 1;

/// A sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell<L> {
    /// Number of the interval since 1970; 0 where there is none.
    pub(crate) bucket: i64,
    /// What it is the sum of.
    pub(crate) label: L,
    pub(crate) occurrences: i64,
    /// Of them, requests whose client saw the error.
    pub(crate) visible: i64,
    /// Units: µs since 1970, as the next. Of the bucket, or of the day that it is a part of; without meaning where moments were not asked for.
    pub(crate) first_at: i64,
    pub(crate) last_at: i64,
}

/// A pack, without the columns that the question has no use for.
#[derive(Debug)]
pub(super) struct Pack {
    /// When its day or hour begins.
    pub(super) starts_at: DateTime<Utc>,
    /// How long a part is.
    pub(super) part: TimeDelta,
    /// Bits of the parts that it answers for.
    pub(super) parts: i32,
    pub(super) keys: Vec<u8>,
    pub(super) span_counts: Option<Vec<u8>>,
    pub(super) span_times: Option<Vec<u8>>,
    pub(super) part_counts: Option<Vec<u8>>,
    pub(super) part_times: Option<Vec<u8>>,
}

impl Pack {
    /// When a part begins.
    pub(super) fn part_at(&self, part: usize) -> DateTime<Utc> {
        self.starts_at + self.part * i32::try_from(part).unwrap_or_default()
    }
}

/// How packs are added up.
pub(super) struct Fold<'q, F> {
    pub(super) interval: Option<TimeDelta>,
    pub(super) keys: &'q KeyFilter<'q>,
    pub(super) label: &'q F,
}

/// The labels of a pack, and which of its keys count towards which.
struct Lines<L> {
    labels: Vec<L>,
    /// Per key: the place of its label, and whether clients saw its failures; none where it is not asked about.
    of_keys: Vec<Option<(usize, bool)>>,
}

/// Sums of one bucket, one for each label.
struct Sums {
    bucket: i64,
    of_labels: Vec<Option<Sum>>,
}

#[derive(Debug, Clone, Copy)]
struct Sum {
    occurrences: i64,
    visible: i64,
    first_at: i64,
    last_at: i64,
}

impl<L: Copy + Eq + Hash, F: Fn(&CellKey) -> L> Fold<'_, F> {
    /// Appends the sums of some parts of a pack; `None` where it is damaged.
    pub(super) fn pack(&self, pack: &Pack, usable: i32, cells: &mut Vec<Cell<L>>) -> Option<()> {
        let keys = unpack_keys(&pack.keys)?;
        let lines = self.lines(&keys);
        let mut sums = Sums::new(self.bucket(pack.starts_at), lines.labels.len());
        if let Some(counts) = &pack.span_counts {
            let times = pack.span_times.as_deref().map(Reader::new);
            let counts = Counts::new(Reader::new(counts), times);
            sums.add(counts, &lines, pack.starts_at.timestamp_micros(), None)?;
            sums.flush(&lines, cells);
            return Some(());
        }
        let moments = match &pack.span_times {
            Some(times) => Some(moments_of_day(times, pack.starts_at)?),
            None => None,
        };
        let mut counts = Reader::new(pack.part_counts.as_deref()?);
        let mut times = pack.part_times.as_deref().map(Reader::new);
        for part in 0..PARTS {
            let of_part = counts.section()?;
            let times_of_part = match &mut times {
                Some(times) => Some(times.section()?),
                None => None,
            };
            if usable >> part & 1 == 0 {
                continue;
            }
            let start = pack.part_at(part);
            let bucket = self.bucket(start);
            if bucket != sums.bucket {
                sums.flush(&lines, cells);
                sums.bucket = bucket;
            }
            let counts = Counts::new(of_part, times_of_part);
            let start = start.timestamp_micros();
            sums.add(counts, &lines, start, moments.as_deref())?;
        }
        sums.flush(&lines, cells);
        Some(())
    }

    fn lines(&self, keys: &[CellKey]) -> Lines<L> {
        let mut labels = Vec::new();
        let mut places = HashMap::new();
        let of_keys = keys.iter().map(|key| {
            self.keys.allows(key).then(|| {
                let label = (self.label)(key);
                let place = *places.entry(label).or_insert_with(|| {
                    labels.push(label);
                    labels.len() - 1
                });
                (place, key.headline && key.outcome == FAILED)
            })
        });
        let of_keys = of_keys.collect();
        Lines { labels, of_keys }
    }

    fn bucket(&self, at: DateTime<Utc>) -> i64 {
        self.interval.map_or(0, |interval| {
            at.timestamp().div_euclid(interval.num_seconds().max(1))
        })
    }
}

/// First and last moments of a whole day, in the order of its keys, each of which has some. Units: µs since 1970.
fn moments_of_day(times: &[u8], day: DateTime<Utc>) -> Option<Vec<(i64, i64)>> {
    let mut reader = Reader::new(times);
    let mut moments = Vec::new();
    while !reader.is_empty() {
        let first = day.timestamp_micros().checked_add(reader.signed()?)?;
        moments.push((first, first.checked_add(reader.signed()?)?));
    }
    Some(moments)
}

impl Sums {
    fn new(bucket: i64, labels: usize) -> Self {
        Self {
            bucket,
            of_labels: vec![None; labels],
        }
    }

    /// Adds counts whose moments are relative to `start`, or are these, by key.
    fn add<L>(
        &mut self,
        mut counts: Counts<'_>,
        lines: &Lines<L>,
        start: i64,
        moments: Option<&[(i64, i64)]>,
    ) -> Option<()> {
        while !counts.is_at_end() {
            let entry = counts.next()?;
            let Some((place, is_visible)) = *lines.of_keys.get(entry.place)? else {
                continue;
            };
            let counted = entry.counted;
            let (first_at, last_at) = match moments {
                Some(moments) => *moments.get(entry.place)?,
                None => (start + counted.first, start + counted.last),
            };
            let visible = if is_visible { counted.occurrences } else { 0 };
            let sum = self.of_labels.get_mut(place)?;
            let before = sum.get_or_insert(Sum {
                occurrences: 0,
                visible: 0,
                first_at,
                last_at,
            });
            before.occurrences += counted.occurrences;
            before.visible += visible;
            before.first_at = before.first_at.min(first_at);
            before.last_at = before.last_at.max(last_at);
        }
        Some(())
    }

    /// Appends the sums and begins again with none.
    fn flush<L: Copy>(&mut self, lines: &Lines<L>, cells: &mut Vec<Cell<L>>) {
        for (label, sum) in lines.labels.iter().zip(&mut self.of_labels) {
            if let Some(sum) = sum.take() {
                cells.push(Cell {
                    bucket: self.bucket,
                    label: *label,
                    occurrences: sum.occurrences,
                    visible: sum.visible,
                    first_at: sum.first_at,
                    last_at: sum.last_at,
                });
            }
        }
    }
}
