//! Rules of the house, kept by tests: who may import whom, how long files may be.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checklist;
mod file_sizes;
mod layering;
