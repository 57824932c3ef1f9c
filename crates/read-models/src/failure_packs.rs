//! The counts of groups of a day, packed: what questions about whole hours and days are answered from, where the counts themselves lie on a
//! page each among those of all tenants.
//!
//! A pack says again what `failure_group_1h` says of hours that are over, and for each hour whether it still does: whoever changes a count
//! takes that back in the same transaction, and the counts answer for the hour until it is packed again. So an answer is exact at any time.
//!
//! | module | holds |
//! |---|---|
//! | `folding` | a pack added up for a question |
//! | `packing` | a day's counts as bytes, and back |
//! | `reading` | what failures add up to: packs where there are any, tables for the rest |
//! | `refresh` | packing what is over, and what has changed since |
//! | `verify` | packs = counts |

mod folding;
mod packing;
mod reading;
mod refresh;
mod verify;

pub(crate) use folding::Cell;
pub(crate) use packing::CellKey;
pub(crate) use reading::{Labels, Question, sums};
pub(crate) use refresh::forget_hour;
pub use refresh::{LEAST_COUNTS, Refreshed, claim, refresh};
pub(crate) use verify::{differing, forget_differing};
