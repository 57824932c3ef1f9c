//! One file per resource; the URL path is the file path.

pub(crate) mod accounts;
pub(crate) mod dashboard;
pub(crate) mod health;
pub(crate) mod named_transformations;
pub(crate) mod operator;
pub(crate) mod problems;
pub(crate) mod purges;
pub(crate) mod unsupported;

mod resource;
