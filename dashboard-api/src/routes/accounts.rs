//! `/v1/accounts`: ImageKit's management API.

pub(crate) mod origins;
pub(crate) mod url_endpoints;
pub(crate) mod usage;
pub(crate) mod webhooks;
