//! Blackbox tests of the pure rules.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod errors_document;
mod events_document;
mod stored_events;
