//! limpid-event-store

pub mod spool;
