//! Read models: one file per projection, with its tables, its `apply` and its queries.
//!
//! | module | holds |
//! |---|---|
//! | [`delivery_config`] | what serving and the management API need to know of a tenant; updated in the command's transaction |

pub mod delivery_config;
