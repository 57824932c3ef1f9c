//! Where a page of failures ends and the next one begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use limpid_domain::ids::EventId;
use uuid::Uuid;

use crate::filter::{FailureFilter, Window};

/// A position in the list, opaque to callers.
///
/// Shape: base64url of version (1), window from and to, `occurred_at` (8 bytes each, µs since 1970, big-endian), event id (16) and a
/// hash of the filter (8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub(super) window: Window,
    pub(super) occurred_at: DateTime<Utc>,
    pub(super) event_id: EventId,
    filter: [u8; 8],
}

/// The text is no cursor, or was made for another filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor does not belong to this question")]
pub struct InvalidCursor;

const VERSION: u8 = 1;

impl Cursor {
    /// The window that its list is about.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Reads a cursor that came with `filter`, whose window may differ: the cursor brings its own.
    ///
    /// # Errors
    /// [`InvalidCursor`]: the caller's fault.
    pub fn parse(text: &str, filter: &FailureFilter) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let cursor = Self::from_bytes(&bytes).ok_or(InvalidCursor)?;
        if cursor.filter == filter.fingerprint() {
            Ok(cursor)
        } else {
            Err(InvalidCursor)
        }
    }

    pub(super) fn after(
        occurred_at: DateTime<Utc>,
        event_id: EventId,
        window: Window,
        filter: &FailureFilter,
    ) -> Self {
        Self {
            window,
            occurred_at,
            event_id,
            filter: filter.fingerprint(),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, rest) = bytes.split_first()? else {
            return None;
        };
        let (from, rest) = rest.split_first_chunk::<8>()?;
        let (to, rest) = rest.split_first_chunk::<8>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let moment =
            |micros: &[u8; 8]| DateTime::from_timestamp_micros(i64::from_be_bytes(*micros));
        Some(Self {
            window: Window {
                from: moment(from)?,
                to: moment(to)?,
            },
            occurred_at: moment(at)?,
            event_id: EventId(Uuid::from_bytes(*id)),
            filter: rest.try_into().ok()?,
        })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = vec![VERSION];
        for moment in [self.window.from, self.window.to, self.occurred_at] {
            bytes.extend_from_slice(&moment.timestamp_micros().to_be_bytes());
        }
        bytes.extend_from_slice(self.event_id.0.as_bytes());
        bytes.extend_from_slice(&self.filter);
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use limpid_domain::failure::Outcome;

    use super::*;

    fn filter() -> FailureFilter {
        let at = |text: &str| text.parse().unwrap();
        FailureFilter::all(Window {
            from: at("2026-11-22T00:00:00Z"),
            to: at("2026-11-23T00:00:00Z"),
        })
    }

    #[test]
    fn a_cursor_survives_the_round_trip_and_moves_with_its_window() {
        let filter = filter();
        let cursor = Cursor::after(filter.window.from, EventId::mint(), filter.window, &filter);
        let mut later = filter.clone();
        later.window.to += chrono::TimeDelta::minutes(5);
        assert_eq!(Cursor::parse(&cursor.to_string(), &later), Ok(cursor));
    }

    #[test]
    fn a_cursor_of_another_filter_and_garbage_are_refused() {
        let filter = filter();
        let cursor = Cursor::after(filter.window.from, EventId::mint(), filter.window, &filter);
        let mut other = filter.clone();
        other.include.outcomes = vec![Outcome::Failed];
        assert_eq!(
            Cursor::parse(&cursor.to_string(), &other),
            Err(InvalidCursor)
        );
        for text in ["", "x", "AAAA", "not base64!", &"A".repeat(10_000)] {
            assert_eq!(Cursor::parse(text, &filter), Err(InvalidCursor), "{text}");
        }
    }
}
