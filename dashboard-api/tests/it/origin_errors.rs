//! `/dashboard/v1/origin-errors`.

mod answers;
mod events;
mod exports;
mod facets;
pub(crate) mod failures;
mod group_life;
mod groups;
mod paths;
mod questions;
mod retention;
mod stream;
