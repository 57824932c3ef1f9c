//! The serving service: image requests in, images or explained failures out.
//!
//! ```text
//! listener → http_service → image_request → gates → variant cache ── hit ──────────────────────→ response
//!                                             │          └ miss → single flight → production ──→ response
//!                                             │                                (origins → picture)
//!                                             └ failure → failure_recorder (spool, then answer) → error → response
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | everything the service is started with |
//! | `explain` | the trace of one delivery URL, and files near a missing one |
//! | `diagnosis` | what the dashboard API asks a node: traces and tests of origins |
//! | [`transform_file`](mod@transform_file) | the imaging engine on local bytes, for `limpid transform` |
//! | `node` | one serving node: set up in order, run, taken down without loss |
//! | `listener`, `http_service`, `health` | sockets, framing, methods, `/livez` and `/readyz` |
//! | `image_request` | one request, parsed before any I/O |
//! | `config_snapshot` | the configuration in memory, kept current, kept on disk for a start without a database |
//! | `layer_files` | overlays and fonts a transformation needs, and where they come from |
//! | `gates` | account, endpoint, rewriter, signature, transformation: from a request to an order |
//! | `preferences` | client hints and `Save-Data` |
//! | `delivery` | the way of one request through all of this |
//! | `bulkhead` | room for work in progress, shared out between tenants |
//! | `negative_cache` | failures that are answered again for a while without asking the origin |
//! | `variant`, `single_flight` | finished answers; identical concurrent work done once |
//! | `production`, `picture`, `transform_pool` | origins in order; bytes to variant; the threads that change pixels |
//! | `failure_recorder` | every failure on disk before its answer leaves |
//! | `origin_observations` | how every fetch from an origin ended, for the health of origins and the life of groups |
//! | `usage` | every answered request counted, for the usage reports |
//! | `response`, `error` | the only places that write header fields and choose statuses |
//! | `steps`, `telemetry`, `metrics` | what is told about all this, to whom |

mod bulkhead;
pub mod config;
mod config_snapshot;
mod content_coding;
mod delivery;
mod diagnosis;
mod error;
mod explain;
mod failure_pace;
mod failure_recorder;
mod gates;
mod health;
mod http_service;
mod image_request;
mod layer_files;
mod lifetime;
mod listener;
mod metrics;
mod negative_cache;
mod node;
mod origin_observations;
mod picture;
mod preferences;
mod production;
mod response;
mod single_flight;
mod steps;
mod telemetry;
pub mod transform_file;
mod transform_pool;
mod usage;
mod variant;

pub use config::ServingConfig;
pub use limpid_domain::diagnosis::Explanation;
pub use node::{Serving, ServingError, explain, run};
pub use transform_file::{TransformFile, TransformFileError, TransformedFile, transform_file};
