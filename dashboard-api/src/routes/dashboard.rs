//! `/dashboard/v1`: our own resources.

pub(crate) mod origin_errors;
