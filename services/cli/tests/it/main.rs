//! The real executable, started as a person starts it, asked over sockets.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod access_log;
mod bad_input;
mod canaries;
mod client;
mod commands;
mod crash;
mod crash_usage;
mod diagnosis;
mod instance;
mod isolation;
mod priority;
mod tour;
mod trace;
