//! Who asks: a tenant by its private key, or the operator by the operator key.

mod basic;
mod operator;
mod stream;
mod tenant;

pub(crate) use operator::Operator;
pub(crate) use stream::{StreamTenant, TOKEN};
pub(crate) use tenant::Tenant;
