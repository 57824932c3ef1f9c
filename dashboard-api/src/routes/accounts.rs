//! `/v1/accounts`: ImageKit's management API.

pub(crate) mod origins;
