//! Where a page of groups ends and the next one begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use limpid_domain::ids::GroupId;
use sha2::{Digest, Sha256};

use super::list::GroupTotals;
use crate::failure_log::InvalidCursor;
use crate::filter::{FailureFilter, Window};

/// Longest window that a cursor may bring along: the longest that may be asked about.
const MAX_SPAN: TimeDelta = TimeDelta::days(90);

const VERSION: u8 = 1;

/// A position in a list of groups, opaque to callers. It brings its window, so that "the last 24 hours" do not shift under the reader.
///
/// Shape: base64url of version (1), window from and to (8 bytes each, µs since 1970, big-endian), groups so far (4), the last of them (8)
/// and a hash of filter, order and selection (8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCursor {
    window: Window,
    shown: u32,
    last: GroupId,
    question: [u8; 8],
}

impl GroupCursor {
    /// Reads a cursor that came with `filter`, whose window does not matter, and a `selection`: order and what else narrows the list.
    ///
    /// # Errors
    /// [`InvalidCursor`]: the caller's fault.
    pub fn parse(
        text: &str,
        (filter, selection): (&FailureFilter, &str),
    ) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let cursor = Self::from_bytes(&bytes).ok_or(InvalidCursor)?;
        let span = cursor.window.to - cursor.window.from;
        let is_window = TimeDelta::zero() < span && span <= MAX_SPAN;
        if is_window && cursor.question == fingerprint(filter, selection) {
            Ok(cursor)
        } else {
            Err(InvalidCursor)
        }
    }

    /// The cursor of the page after one that ends with the group at `end - 1` of a list; `None` where nothing follows.
    pub fn after(
        (groups, end): (&[GroupTotals], usize),
        (filter, selection): (&FailureFilter, &str),
    ) -> Option<Self> {
        groups.get(end)?;
        Some(Self {
            window: filter.window,
            shown: u32::try_from(end).ok()?,
            last: groups.get(end.checked_sub(1)?)?.group.id,
            question: fingerprint(filter, selection),
        })
    }

    /// What it asks about.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Where the page begins in a list that was read anew: after the last group that was shown, wherever that stands by now.
    pub fn start_in(&self, groups: &[GroupTotals]) -> usize {
        let last = groups
            .iter()
            .position(|totals| totals.group.id == self.last);
        let shown = usize::try_from(self.shown).unwrap_or(usize::MAX);
        last.map_or(shown, |last| last + 1)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, rest) = bytes.split_first()? else {
            return None;
        };
        let (from, rest) = rest.split_first_chunk::<8>()?;
        let (to, rest) = rest.split_first_chunk::<8>()?;
        let (shown, rest) = rest.split_first_chunk::<4>()?;
        let (last, rest) = rest.split_first_chunk::<8>()?;
        let moment =
            |micros: &[u8; 8]| DateTime::from_timestamp_micros(i64::from_be_bytes(*micros));
        Some(Self {
            window: Window {
                from: moment(from)?,
                to: moment(to)?,
            },
            shown: u32::from_be_bytes(*shown),
            last: GroupId(i64::from_be_bytes(*last)),
            question: rest.try_into().ok()?,
        })
    }
}

fn fingerprint(filter: &FailureFilter, selection: &str) -> [u8; 8] {
    let mut digest = Sha256::new();
    digest.update(filter.fingerprint());
    digest.update(selection.as_bytes());
    let digest = digest.finalize();
    digest.first_chunk::<8>().copied().unwrap_or_default()
}

impl std::fmt::Display for GroupCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = vec![VERSION];
        for moment in [self.window.from, self.window.to] {
            bytes.extend_from_slice(&moment.timestamp_micros().to_be_bytes());
        }
        bytes.extend_from_slice(&self.shown.to_be_bytes());
        bytes.extend_from_slice(&self.last.0.to_be_bytes());
        bytes.extend_from_slice(&self.question);
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use limpid_domain::failure::Outcome;

    use super::*;

    fn filter(days: i64) -> FailureFilter {
        let from = "2026-11-22T00:00:00Z".parse().unwrap();
        FailureFilter::all(Window {
            from,
            to: from + TimeDelta::days(days),
        })
    }

    fn cursor(filter: &FailureFilter, selection: &str) -> GroupCursor {
        GroupCursor {
            window: filter.window,
            shown: 50,
            last: GroupId(-7),
            question: fingerprint(filter, selection),
        }
    }

    #[test]
    fn a_cursor_survives_the_round_trip_and_belongs_to_one_question() {
        let asked = filter(1);
        let cursor = cursor(&asked, "count");
        let text = cursor.to_string();
        assert_eq!(GroupCursor::parse(&text, (&filter(2), "count")), Ok(cursor));
        let mut other = asked.clone();
        other.include.outcomes = vec![Outcome::Failed];
        assert!(GroupCursor::parse(&text, (&other, "count")).is_err());
        assert!(GroupCursor::parse(&text, (&asked, "attention")).is_err());
    }

    #[test]
    fn garbage_and_windows_that_nobody_may_ask_about_are_refused() {
        let asked = filter(1);
        for days in [-1, 0, 91] {
            let text = cursor(&filter(days), "count").to_string();
            assert!(
                GroupCursor::parse(&text, (&asked, "count")).is_err(),
                "{days}"
            );
        }
        for text in ["", "50", "AAAA", "not base64!", &"A".repeat(10_000)] {
            assert!(
                GroupCursor::parse(text, (&asked, "count")).is_err(),
                "{text}"
            );
        }
    }
}
