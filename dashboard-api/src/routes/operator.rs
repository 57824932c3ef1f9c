//! `/operator/v1`: for whoever runs the installation.

pub(crate) mod erasures;
pub(crate) mod limits;
pub(crate) mod tenants;
