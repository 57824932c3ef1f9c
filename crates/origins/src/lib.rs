//! Fetches one original from one origin, and names exactly why it could not.
//!
//! | module | holds |
//! |---|---|
//! | [`fetch`] | [`OriginFetcher`]: concurrency cap, deadline, retries, one `match` over origin kinds |
//! | [`config`] | time-outs, exempt addresses, name servers, trusted roots |
//! | [`trace`] | the steps of a fetch, for `explain`; free when off |
//! | `web_folder`, `web_proxy`, `s3`, `google`, `azure`, `akeneo` | one file per kind: from settings and path to a request, and what its answers mean |
//! | `web` | what the two web kinds share: our headers, the redirect loop, statuses |
//! | [`near_misses`], `existence` | paths near a missing one, and whether a file is there, for `explain` |
//! | `store` | what the object stores share: keys in URLs, reading an object, what a refusal is made of |
//! | `bearer` | access tokens of `google` and `akeneo`: asked for once, renewed before they end and once after a refusal |
//! | `ambient` | the machine's own AWS credentials, where the operator allows them |
//! | `path` | request paths, refused where they climb |
//! | `redirect` | where a redirect leads; every hop is judged again |
//! | `exchange`, `body` | one request and its answer: phases timed, body bounded, encodings undone |
//! | `transport` | guard, resolver, TLS, connections: nothing else in the product opens a socket to an origin |
//! | `attempt` | what a running attempt gathers: timings, trace, the time left |
//! | `origin_state` | what is remembered about an origin: connections, slots, region, breaker |
//! | `byte_budget` | memory for originals, shared out between tenants |
//! | [`breaker`] | an origin that fails most of the time is left alone for a while |
//! | `retry` | when an attempt is repeated, and how long it waits before |
//! | `classify` | statuses, provider codes and challenge pages to reasons; foreign text made safe |
//! | [`offline`] | what a fetch decides without a network, for the fuzz targets |
//! | [`message`] | one message to a webhook, by the same guard and transport |
//! | `location`, `scrub` | where we looked, and last of all: no secret leaves in a failure |
//!
//! Absent on purpose: pixels, SQL, caches, HTTP answers to clients.

mod akeneo;
mod ambient;
mod attempt;
mod azure;
mod bearer;
mod body;
pub mod breaker;
mod byte_budget;
mod classify;
pub mod config;
mod exchange;
mod existence;
pub mod fetch;
mod google;
mod location;
pub mod message;
pub mod near_misses;
pub mod offline;
mod origin_state;
mod path;
mod redirect;
mod retry;
mod s3;
mod scrub;
mod store;
pub mod trace;
mod transport;
mod web;
mod web_folder;
mod web_proxy;

pub use ambient::{AmbientSources, InvalidAmbientSource};
pub use azure::credentials_end;
pub use breaker::{BreakerLimits, BreakerState};
pub use byte_budget::{ByteLoan, BytesInFlight};
pub use config::{AllowedAddress, DnsConfig, FetchConfig, InvalidAllowedAddress};
pub use existence::Existence;
pub use fetch::{FetchRequest, FetcherError, OriginAccess, OriginFetcher, Original};
pub use message::{Message, MessageAnswer, MessageSender};
pub use near_misses::{NearPath, near_paths};
pub use origin_state::OriginHealth;
pub use scrub::text_excerpt;
pub use trace::{FetchTrace, TraceStep};
