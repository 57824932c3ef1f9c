//! Fetches from real sockets: every reason this crate can name is reached here at least once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod akeneo;
mod ambient;
mod azure;
mod breaker;
mod byte_budget;
mod connections;
mod existence;
mod faults;
mod fetching;
mod fuzz_seeds;
mod google;
mod guard;
mod matrix;
mod names;
mod redirects;
mod requests;
mod retries;
mod s3;
mod s3_canned;
mod secrets;
mod tls;
mod trace;
mod web_proxy;
