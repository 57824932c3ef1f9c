//! The serving service over real sockets, with a real database and origins that misbehave.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod bad_input;
mod client;
mod configuration;
mod default_image;
mod drawings;
mod failures;
mod images;
mod isolation;
mod layers;
mod negative_cache;
mod origin_kinds;
mod outage;
mod restrictions;
mod stack;
mod stale;
mod trail;
mod unusable_pictures;
