//! The worst paths of a span as bytes, and back.

use chrono::{DateTime, Utc};

use super::merge::PathSum;
use crate::numbers::{Reader, Writer};

/// A path's failures of one reason at one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PathCell {
    pub(super) reason: i16,
    pub(super) origin_no: i32,
    pub(super) occurrences: i64,
    /// Units: µs since 1970.
    pub(super) first_at: i64,
    pub(super) last_at: i64,
}

/// A path with its failures, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathCells {
    pub(super) path_hash: i64,
    pub(super) path: String,
    pub(super) cells: Vec<PathCell>,
}

/// The columns of a pack: sums, and counts by reason and origin.
pub(super) fn pack(paths: &[PathCells], starts_at: DateTime<Utc>) -> (Vec<u8>, Vec<u8>) {
    let start = starts_at.timestamp_micros();
    let (mut totals, mut cells) = (Writer::default(), Writer::default());
    for path in paths {
        let sums = path.cells.iter().map(|cell| PathSum::of(*cell, b""));
        let Some(total) = sums.reduce(PathSum::and) else {
            continue;
        };
        totals.fixed(path.path_hash);
        totals.section(path.path.as_bytes());
        totals.signed(total.last_reason.into());
        totals.signed(total.occurrences);
        write_moments(&mut totals, (total.first_at, total.last_at), start);
        cells.unsigned(path.cells.len() as u64);
        for cell in &path.cells {
            cells.signed(cell.reason.into());
            cells.signed(cell.origin_no.into());
            cells.signed(cell.occurrences);
            write_moments(&mut cells, (cell.first_at, cell.last_at), start);
        }
    }
    (totals.into_bytes(), cells.into_bytes())
}

fn write_moments(writer: &mut Writer, (first_at, last_at): (i64, i64), start: i64) {
    writer.signed(first_at - start);
    writer.signed(last_at - first_at);
}

/// The paths of a pack with their sums, by hash; `None` where the bytes are damaged.
pub(super) fn unpack_totals(
    totals: &[u8],
    starts_at: DateTime<Utc>,
) -> Option<Vec<(i64, PathSum<'_>)>> {
    let start = starts_at.timestamp_micros();
    let mut reader = Reader::new(totals);
    let mut paths = Vec::new();
    while !reader.is_empty() {
        let path_hash = reader.fixed()?;
        let path = reader.section()?.rest();
        let last_reason = i16::try_from(reader.signed()?).ok()?;
        let occurrences = reader.signed()?;
        let (first_at, last_at) = read_moments(&mut reader, start)?;
        let sum = PathSum {
            path,
            occurrences,
            first_at,
            last_at,
            last_reason,
        };
        paths.push((path_hash, sum));
    }
    Some(paths)
}

/// The counts of each path, in the same order; `None` where the bytes are damaged.
pub(super) fn unpack_cells(cells: &[u8], starts_at: DateTime<Utc>) -> Option<Vec<Vec<PathCell>>> {
    let start = starts_at.timestamp_micros();
    let mut reader = Reader::new(cells);
    let mut paths = Vec::new();
    while !reader.is_empty() {
        let mut of_path = Vec::new();
        for _ in 0..reader.unsigned()? {
            let reason = i16::try_from(reader.signed()?).ok()?;
            let origin_no = i32::try_from(reader.signed()?).ok()?;
            let occurrences = reader.signed()?;
            let (first_at, last_at) = read_moments(&mut reader, start)?;
            of_path.push(PathCell {
                reason,
                origin_no,
                occurrences,
                first_at,
                last_at,
            });
        }
        paths.push(of_path);
    }
    Some(paths)
}

fn read_moments(reader: &mut Reader<'_>, start: i64) -> Option<(i64, i64)> {
    let first_at = start.checked_add(reader.signed()?)?;
    Some((first_at, first_at.checked_add(reader.signed()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(reason: i16, origin_no: i32, occurrences: i64, moments: (i64, i64)) -> PathCell {
        PathCell {
            reason,
            origin_no,
            occurrences,
            first_at: moments.0,
            last_at: moments.1,
        }
    }

    #[test]
    fn paths_come_back_with_their_sums_and_their_counts() {
        let paths = [
            PathCells {
                path_hash: i64::MIN,
                path: "/ü.jpg".to_owned(),
                cells: vec![cell(11, 0, 5, (10, 90)), cell(12, 3, 7, (20, 90))],
            },
            PathCells {
                path_hash: 4,
                path: String::new(),
                cells: vec![cell(41, -1, 1, (50, 50))],
            },
        ];
        let start = DateTime::UNIX_EPOCH;
        let (totals, cells) = pack(&paths, start);
        let sums = unpack_totals(&totals, start).unwrap();
        let (hash, first) = sums.first().unwrap();
        assert_eq!((*hash, first.path), (i64::MIN, "/ü.jpg".as_bytes()));
        assert_eq!(
            (first.occurrences, first.first_at, first.last_at),
            (12, 10, 90)
        );
        assert_eq!(first.last_reason, 11, "the smaller one of two at once");
        assert_eq!(sums.len(), 2);
        let of_paths = unpack_cells(&cells, start).unwrap();
        assert_eq!(of_paths, paths.map(|path| path.cells));
        assert!(unpack_totals(&totals[1..], start).is_none());
        assert!(unpack_cells(&[1, 2], start).is_none());
    }
}
