//! `/v1/accounts/origins`.

mod schema;
