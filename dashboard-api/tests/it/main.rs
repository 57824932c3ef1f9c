//! The dashboard API over a real socket and a real database.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod alerts;
mod apart;
mod api_keys;
mod authentication;
mod changes;
mod client;
mod commands;
mod conditions;
mod config_history;
mod cursors;
mod custom_domains;
mod dashboard;
mod erasures;
mod fairness;
mod idempotency;
mod management;
mod named_transformations;
mod openapi;
mod operator;
mod origin_errors;
mod origins_health;
mod outage;
mod overview;
mod purges;
mod request_bodies;
mod settings;
mod surroundings;
mod usage;
