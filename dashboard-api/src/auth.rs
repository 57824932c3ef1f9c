//! Who asks: a tenant by its private key, or the operator.

mod basic;
mod operator;

pub(crate) use operator::Operator;
