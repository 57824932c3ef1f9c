//! The serving service over real sockets, with a real database and origins that misbehave.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod addresses;
mod agreement;
mod bad_input;
mod client;
mod configuration;
mod debug_tokens;
mod default_image;
mod drawings;
mod explanations;
mod failures;
mod images;
mod isolation;
mod layers;
mod negative_cache;
mod origin_cache_control;
mod origin_health;
mod origin_kinds;
mod outage;
mod purges;
mod restrictions;
mod stack;
mod stale;
mod trace;
mod trail;
mod unusable_pictures;
mod usage;
mod verification;
