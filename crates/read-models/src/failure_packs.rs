//! The counts of groups of a day, packed: what questions about whole hours and days are answered from, where the counts themselves lie on a
//! page each among those of all tenants.
//!
//! A pack says again what `failure_group_1h` says of hours that are over, and for each hour whether it still does: whoever changes a count
//! takes that back in the same transaction, and the counts answer for the hour until it is packed again. So an answer is exact at any time.
//!
//! What no whole hour answers, the ragged ends of a window, comes from packs of another kind where an hour has many failures: of the hour by its
//! parts, made from the failures themselves, exact in the same way.
//!
//! | module | holds |
//! |---|---|
//! | `edges` | the ragged ends of a window, cut at the parts of hours |
//! | `folding` | a pack added up for a question |
//! | `packing` | the counts of a day or an hour as bytes, and back |
//! | `parts` | packing hours by their parts |
//! | `reading` | what failures add up to: packs where there are any, tables for the rest |
//! | `refresh` | packing what is over, and what has changed since |
//! | `verify` | packs = counts |

mod edges;
mod folding;
mod packing;
mod parts;
mod reading;
mod refresh;
mod verify;

pub(crate) use folding::Cell;
pub(crate) use packing::CellKey;
pub use parts::{LEAST_FAILURES, claim_parts, refresh_parts};
pub(crate) use parts::{PART_SECONDS, forget_parts};
pub(crate) use reading::{Labels, Question, sums};
pub(crate) use refresh::forget_hour;
pub use refresh::{LEAST_COUNTS, Refreshed, claim, refresh};
pub(crate) use verify::{differing, forget_differing};
