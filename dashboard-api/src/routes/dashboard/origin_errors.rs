//! `/dashboard/v1/origin-errors`: why images failed.

mod event_answer;
mod filter;
mod names;
