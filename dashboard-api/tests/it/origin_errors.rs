//! `/dashboard/v1/origin-errors`.

mod answers;
mod events;
mod failures;
mod questions;
