//! `/dashboard/v1/origin-errors`: why images failed.

mod filter;
