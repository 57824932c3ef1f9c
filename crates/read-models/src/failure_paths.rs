//! The paths that fail most. Exact, or with a stated bound.
//!
//! Closed hours and days with many failures keep their [`TOP_PATHS`] paths, counted exactly by [`refresh`]; everything else is counted
//! from the events. A path that is not among the top of some span can be understated by at most that span's bound; the answer
//! names the sum.
//!
//! | module | holds |
//! |---|---|
//! | `merge` | paths of several spans added up |
//! | `packing` | the paths of a span as bytes, and back |
//! | `question` | which paths fail most |
//! | `refresh` | counting closed spans |

mod merge;
mod packing;
mod question;
mod rebuild;
mod refresh;

pub use question::{FailingPath, FailingPaths, MAX_PATHS, failing_paths};
pub use rebuild::{PathRebuild, rebuild, verify};
pub use refresh::{Refreshed, refresh};

/// Paths that a span keeps.
pub const TOP_PATHS: i64 = 200;

/// A span with fewer events than this is counted from the events whenever it is asked for.
pub const LEAST_EVENTS: i64 = 200;

/// A length of time whose top paths are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    Hour,
    Day,
}

impl Span {
    pub(crate) fn hours(self) -> i16 {
        match self {
            Self::Hour => 1,
            Self::Day => 24,
        }
    }

    pub(crate) fn length(self) -> chrono::TimeDelta {
        chrono::TimeDelta::hours(i64::from(self.hours()))
    }

    /// For `date_trunc`.
    fn unit(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}
