//! Paths of several spans added up.

use std::cmp::Reverse;
use std::collections::HashMap;

use chrono::DateTime;
use limpid_domain::failure::Reason;

use super::packing::PathCell;
use super::question::FailingPath;

/// A path's failures. Units of moments: µs since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PathSum<'a> {
    pub(super) path: &'a [u8],
    pub(super) occurrences: i64,
    pub(super) first_at: i64,
    pub(super) last_at: i64,
    /// The reason of the last one; of several at once the smallest.
    pub(super) last_reason: i16,
}

impl<'a> PathSum<'a> {
    pub(super) fn of(cell: PathCell, path: &'a [u8]) -> Self {
        Self {
            path,
            occurrences: cell.occurrences,
            first_at: cell.first_at,
            last_at: cell.last_at,
            last_reason: cell.reason,
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        let last = |sum: &Self| (sum.last_at, Reverse(sum.last_reason));
        let latest = if last(&other) > last(&self) {
            other
        } else {
            self
        };
        Self {
            path: self.path.min(other.path),
            occurrences: self.occurrences + other.occurrences,
            first_at: self.first_at.min(other.first_at),
            last_at: latest.last_at,
            last_reason: latest.last_reason,
        }
    }
}

/// Sums by hash.
#[derive(Debug, Default)]
pub(super) struct Sums<'a> {
    by_hash: HashMap<i64, PathSum<'a>>,
}

impl<'a> Sums<'a> {
    pub(super) fn add(&mut self, path_hash: i64, sum: PathSum<'a>) {
        let entry = self.by_hash.entry(path_hash);
        entry
            .and_modify(|before| *before = before.and(sum))
            .or_insert(sum);
    }

    /// Paths that were seen.
    pub(super) fn distinct(&self) -> usize {
        self.by_hash.len()
    }

    /// Those that failed most, most first; equals by hash while chosen, then by path.
    pub(super) fn most(self, limit: usize) -> Vec<FailingPath> {
        let mut sums: Vec<(i64, PathSum<'_>)> = self.by_hash.into_iter().collect();
        sums.sort_unstable_by_key(|(hash, sum)| (Reverse(sum.occurrences), *hash));
        sums.truncate(limit);
        let paths = sums.into_iter().filter_map(|(_, sum)| {
            Some(FailingPath {
                path: str::from_utf8(sum.path).ok()?.to_owned(),
                attempts: sum.occurrences,
                first_at: DateTime::from_timestamp_micros(sum.first_at)?,
                last_at: DateTime::from_timestamp_micros(sum.last_at)?,
                // a newer version's has no name here
                last_reason: Reason::from_number(sum.last_reason)?,
            })
        });
        let mut paths: Vec<FailingPath> = paths.collect();
        paths.sort_by(|a, b| (b.attempts, &a.path).cmp(&(a.attempts, &b.path)));
        paths
    }
}
