//! Groups of failures alike: endpoint, origin, reason and path template. Written by [`project`] from the stored batches, a moment
//! after them; read by page and one by one.
//!
//! | module | holds |
//! |---|---|
//! | `project` | batches → groups and their counts by hour and day, each exactly once |
//! | `templates` | which group a new fingerprint belongs to |
//! | `blast_radius` | how far a group reaches: one path or several, one transformation, one referrer |
//! | `checkpoint` | which batches are counted |
//! | `cursor` | where a page of groups ends |
//! | `failing_paths` | the paths that failed last, to ask for them again |
//! | `life` | the events of each group's life, and what follows from failures and from time |
//! | `list` | groups of a window, with their numbers and trend |
//! | `rebuild`, `rebuild_days` | the same derived again |
//! | `verify` | events = counts of groups |

mod blast_radius;
mod checkpoint;
mod cursor;
mod failing_paths;
mod life;
mod list;
mod project;
mod rebuild;
mod rebuild_days;
mod templates;
mod verify;

pub use blast_radius::{BlastRadius, Spread, blast_radius};
pub(crate) use checkpoint::counted_batches;
pub use cursor::GroupCursor;
pub use failing_paths::{FailingPath, failing_paths};
pub use life::{
    NewGroupEvent, StoredGroupEvent, last_served, life_events, locked_life, pass_time, record,
};
pub use list::{
    FailureGroup, GroupList, GroupOrder, GroupTotals, TREND_BUCKETS, group, groups, trend_interval,
};
pub(crate) use project::LOCK_KEY as PROJECTION_LOCK;
pub use project::{Projected, project};
pub use rebuild::{GroupRebuild, rebuild};
pub use verify::{GroupDrift, verify, verify_since};

/// The projection's name in `projection_checkpoint`.
pub(crate) const PROJECTION: &str = "failure_groups";
