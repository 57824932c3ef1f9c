//! Groups of failures alike: endpoint, origin, reason and path template. Written by [`project`] from the stored batches, a moment
//! after them; read by page and one by one.
//!
//! | module | holds |
//! |---|---|
//! | `project` | batches → groups and their counts by hour and day, each exactly once |
//! | `templates` | which group a new fingerprint belongs to |
//! | `list` | groups of a window, with their numbers and trend |
//! | `rebuild` | the same derived again |
//! | `verify` | events = counts of groups |

mod list;
mod project;
mod rebuild;
mod templates;
mod verify;

pub use list::{FailureGroup, GroupList, GroupOrder, GroupTotals, TREND_BUCKETS, group, groups};
pub use project::{Projected, project};
pub use rebuild::{GroupRebuild, rebuild};
pub use verify::{GroupDrift, verify, verify_since};

/// The projection's name in `projection_checkpoint`.
pub(crate) const PROJECTION: &str = "failure_groups";
