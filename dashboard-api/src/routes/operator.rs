//! `/operator/v1`: for whoever runs the installation.

pub(crate) mod tenants;
