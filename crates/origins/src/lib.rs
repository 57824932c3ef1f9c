//! Fetches one original from one origin, and names exactly why it could not.
//!
//! | module | holds |
//! |---|---|
//! | [`fetch`] | [`OriginFetcher`]: concurrency cap, deadline, retries, one `match` over origin kinds |
//! | [`config`] | time-outs, exempt addresses, name servers, trusted roots |
//! | [`trace`] | the steps of a fetch, for `explain`; free when off |
//! | `web_folder`, `web_proxy`, `s3` | one file per kind: from settings and path to a request, and what its answers mean |
//! | `exchange` | one request and its whole answer: phases timed, body bounded |
//! | `redirect` | our own redirect loop: every hop is checked again |
//! | `transport` | guard, resolver, TLS, connections: nothing else in the product opens a socket to an origin |
//! | `classify` | statuses, provider codes and challenge pages to reasons |
//! | `retry` | when an attempt is repeated, and how long it waits before |
//! | `location` | where we looked, without secrets |
//!
//! Absent on purpose: pixels, SQL, caches, HTTP answers to clients.

pub mod config;
pub mod fetch;
pub mod trace;

pub use config::{AllowedAddress, DnsConfig, FetchConfig, InvalidAllowedAddress};
pub use fetch::{FetchRequest, FetcherError, Original, OriginAccess, OriginFetcher};
pub use trace::{FetchTrace, TraceStep};
