//! The dashboard API over a real socket and a real database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod dashboard;
mod surroundings;
