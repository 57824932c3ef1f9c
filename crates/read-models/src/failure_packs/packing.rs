//! The counts of a day by its hours, or of an hour by its parts, as bytes, and back.
//!
//! What is counted by comes first, each once, in order; counts and moments refer to it by its place. Equal counts give equal bytes.

use std::collections::BTreeMap;

use crate::numbers::{Reader, Writer};

/// Hours of a day, and parts of an hour.
pub(super) const PARTS: usize = 24;

/// What a count is of. The order is that of `failure_group_1h`, within an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub(crate) struct CellKey {
    pub(crate) group_id: i64,
    pub(crate) upstream_status: i16,
    pub(crate) config_version: i64,
    pub(crate) outcome: i16,
    pub(crate) headline: bool,
    pub(crate) endpoint_no: i32,
    pub(crate) origin_no: i32,
    pub(crate) reason: i16,
}

/// How many, and when the first and the last of them. Units of both moments: µs since the part, hour or day began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) occurrences: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// Units: µs.
const HOUR: i64 = 3_600_000_000;

impl Counted {
    fn since_the_day_began(self, hour: usize) -> Self {
        let offset = HOUR * i64::try_from(hour).unwrap_or_default();
        Self {
            first: self.first + offset,
            last: self.last + offset,
            ..self
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            occurrences: self.occurrences + other.occurrences,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

/// The counts of some parts of a span: of hours of a day, or parts of an hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SpanCounts {
    cells: BTreeMap<CellKey, [Option<Counted>; PARTS]>,
}

/// The columns of a pack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) keys: Vec<u8>,
    /// Of the span as a whole. Empty unless it is asked for.
    pub(super) span_counts: Vec<u8>,
    pub(super) span_times: Vec<u8>,
    pub(super) part_counts: Vec<u8>,
    pub(super) part_times: Vec<u8>,
}

impl SpanCounts {
    /// Adds what a part has of a key.
    pub(super) fn add(&mut self, key: CellKey, part: usize, counted: Counted) {
        let parts = self.cells.entry(key).or_default();
        if let Some(cell) = parts.get_mut(part) {
            *cell = Some(cell.map_or(counted, |before| before.and(counted)));
        }
    }

    /// As bytes; with sums of the day where all its hours are there.
    pub(super) fn pack(&self, is_whole: bool) -> Packed {
        let keys = self.cells.keys();
        let mut packed = Packed {
            keys: pack_keys(keys),
            ..Packed::default()
        };
        let (mut counts, mut times) = (Writer::default(), Writer::default());
        for part in 0..PARTS {
            let of_part = self
                .cells
                .values()
                .map(|parts| parts.get(part).copied().flatten());
            let (part_counts, part_times) = pack_counts(of_part);
            counts.section(&part_counts);
            times.section(&part_times);
        }
        (packed.part_counts, packed.part_times) = (counts.into_bytes(), times.into_bytes());
        if is_whole {
            (packed.span_counts, packed.span_times) = pack_counts(self.cells.values().map(of_day));
        }
        packed
    }
}

impl SpanCounts {
    /// Every count with its key and part.
    pub(super) fn iter(&self) -> impl Iterator<Item = (CellKey, usize, Counted)> {
        self.cells.iter().flat_map(|(key, parts)| {
            let counted = parts.iter().enumerate();
            counted.filter_map(|(part, cell)| Some((*key, part, (*cell)?)))
        })
    }

    /// Those of the parts whose bit is set.
    pub(super) fn within(&self, bits: i32) -> Self {
        let mut within = Self::default();
        for (key, part, counted) in self.iter() {
            if bits >> part & 1 == 1 {
                within.add(key, part, counted);
            }
        }
        within
    }
}

impl Packed {
    /// The counts by part; `None` where the bytes are damaged.
    pub(super) fn unpack(&self) -> Option<SpanCounts> {
        let keys = unpack_keys(&self.keys)?;
        let mut span = SpanCounts::default();
        let (mut counts, mut times) = (
            Reader::new(&self.part_counts),
            Reader::new(&self.part_times),
        );
        for part in 0..PARTS {
            let mut of_part = Counts::new(counts.section()?, Some(times.section()?));
            while !of_part.is_at_end() {
                let entry = of_part.next()?;
                span.add(*keys.get(entry.place)?, part, entry.counted);
            }
        }
        Some(span)
    }
}

fn of_day(hours: &[Option<Counted>; PARTS]) -> Option<Counted> {
    let counted = (0..)
        .zip(hours)
        .filter_map(|(hour, cell)| Some(cell.as_ref()?.since_the_day_began(hour)));
    counted.reduce(Counted::and)
}

fn pack_keys<'a>(keys: impl Iterator<Item = &'a CellKey>) -> Vec<u8> {
    let mut writer = Writer::default();
    let mut group = None;
    for key in keys {
        let is_next_group = group != Some(key.group_id);
        group = Some(key.group_id);
        let flags =
            i64::from(key.outcome) << 2 | i64::from(key.headline) << 1 | i64::from(is_next_group);
        writer.signed(flags);
        if is_next_group {
            writer.fixed(key.group_id);
        }
        writer.signed(key.upstream_status.into());
        writer.signed(key.config_version);
        writer.signed(key.endpoint_no.into());
        writer.signed(key.origin_no.into());
        writer.signed(key.reason.into());
    }
    writer.into_bytes()
}

/// What is counted by, in the order that counts refer to; `None` where the bytes are damaged.
pub(super) fn unpack_keys(bytes: &[u8]) -> Option<Vec<CellKey>> {
    let mut reader = Reader::new(bytes);
    let mut keys = Vec::new();
    let mut group_id = None;
    while !reader.is_empty() {
        let flags = reader.signed()?;
        if flags & 1 == 1 {
            group_id = Some(reader.fixed()?);
        }
        keys.push(CellKey {
            group_id: group_id?,
            upstream_status: i16::try_from(reader.signed()?).ok()?,
            config_version: reader.signed()?,
            outcome: i16::try_from(flags >> 2).ok()?,
            headline: flags & 2 == 2,
            endpoint_no: i32::try_from(reader.signed()?).ok()?,
            origin_no: i32::try_from(reader.signed()?).ok()?,
            reason: i16::try_from(reader.signed()?).ok()?,
        });
    }
    Some(keys)
}

/// Counts by place among the keys, and the moments beside them.
fn pack_counts(cells: impl Iterator<Item = Option<Counted>>) -> (Vec<u8>, Vec<u8>) {
    let (mut counts, mut times) = (Writer::default(), Writer::default());
    let mut skipped = 0;
    for cell in cells {
        let Some(counted) = cell else {
            skipped += 1;
            continue;
        };
        counts.unsigned(skipped);
        counts.signed(counted.occurrences);
        times.signed(counted.first);
        times.signed(counted.last - counted.first);
        skipped = 0;
    }
    (counts.into_bytes(), times.into_bytes())
}

/// Counts of an hour or a day, one after the other, with their moments where those are asked for.
#[derive(Debug)]
pub(super) struct Counts<'a> {
    entries: Reader<'a>,
    times: Option<Reader<'a>>,
    place: usize,
}

/// A count, and the place of its key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) place: usize,
    pub(super) counted: Counted,
}

impl<'a> Counts<'a> {
    pub(super) fn new(entries: Reader<'a>, times: Option<Reader<'a>>) -> Self {
        Self {
            entries,
            times,
            place: 0,
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.entries.is_empty()
    }

    /// The next one; `None` where the bytes are damaged.
    pub(super) fn next(&mut self) -> Option<Entry> {
        let skipped = usize::try_from(self.entries.unsigned()?).ok()?;
        let place = self.place.checked_add(skipped)?;
        self.place = place + 1;
        let occurrences = self.entries.signed()?;
        let (first, length) = match &mut self.times {
            Some(times) => (times.signed()?, times.signed()?),
            None => (0, 0),
        };
        Some(Entry {
            place,
            counted: Counted {
                occurrences,
                first,
                last: first.checked_add(length)?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(group_id: i64, config_version: i64) -> CellKey {
        CellKey {
            group_id,
            upstream_status: 404,
            config_version,
            outcome: 1,
            headline: group_id % 2 == 0,
            endpoint_no: 3,
            origin_no: -1,
            reason: 11,
        }
    }

    fn counted(occurrences: i64, first: i64, last: i64) -> Counted {
        Counted {
            occurrences,
            first,
            last,
        }
    }

    fn entries(counts: &[u8], times: &[u8]) -> Vec<(usize, Counted)> {
        let mut counts = Counts::new(Reader::new(counts), Some(Reader::new(times)));
        let mut entries = Vec::new();
        while !counts.is_at_end() {
            let entry = counts.next().unwrap();
            entries.push((entry.place, entry.counted));
        }
        entries
    }

    #[test]
    fn keys_and_counts_come_back_whatever_order_they_came_in() {
        let mut day = SpanCounts::default();
        day.add(key(i64::MIN, 7), 23, counted(5, 1, HOUR - 1));
        day.add(key(9, 2), 0, counted(300, 20, 20));
        day.add(key(9, 1), 0, counted(1, 0, 10));
        day.add(key(9, 1), 5, counted(2, 30, 40));
        let packed = day.pack(true);
        let keys = unpack_keys(&packed.keys).unwrap();
        assert_eq!(keys, [key(i64::MIN, 7), key(9, 1), key(9, 2)]);
        assert_eq!(
            entries(&packed.span_counts, &packed.span_times),
            [
                (0, counted(5, 23 * HOUR + 1, 24 * HOUR - 1)),
                (1, counted(3, 0, 5 * HOUR + 40)),
                (2, counted(300, 20, 20)),
            ]
        );
        let mut sections = Reader::new(&packed.part_counts);
        let first = sections.section().unwrap();
        let mut hour = Counts::new(first, None);
        assert_eq!(hour.next().unwrap().place, 1);
        assert_eq!(hour.next().unwrap().place, 2);
        assert!(hour.is_at_end());
        for _ in 1..PARTS {
            sections.section().unwrap();
        }
        assert!(sections.is_empty());
        assert!(day.pack(false).span_counts.is_empty());
        assert_eq!(packed.unpack(), Some(day.clone()));
        let only_first = day.within(1);
        assert_ne!(only_first, day);
        assert_eq!(only_first.within(1 << 23), SpanCounts::default());
    }

    #[test]
    fn damaged_bytes_are_nothing() {
        let mut day = SpanCounts::default();
        day.add(key(1, 1), 0, counted(1, 0, 0));
        let mut packed = day.pack(true);
        packed.part_counts.pop();
        assert_eq!(packed.unpack(), None);
        let keys = packed.keys;
        assert!(unpack_keys(&keys[..keys.len() - 1]).is_none());
        assert!(unpack_keys(&[0, 1]).is_none(), "no group comes first");
    }
}
