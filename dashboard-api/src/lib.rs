//! The dashboard's HTTP API: commands in, queries out.
//!
//! | module | holds |
//! |---|---|
//! | [`commands`] | what can be done to a configuration, each one transaction |
//! | [`config`] | what the service needs from whoever starts it |
//! | [`server`] | the listener: connections, time-outs, graceful drain |
//! | [`router`] | every route, and the OpenAPI document made of the same list |
//! | `routes` | one file per resource; the URL path is the file path |
//! | `error` | every problem the API can answer; the only place that chooses a status |
//! | `exchange` | what surrounds every request: id, span, metric, problem body, security headers |
//! | `idempotency` | commands that take effect once, however often they are sent |
//! | `present` | what there is now, where a change was meant for something else |
//! | `auth` | who asks: a tenant by private key, the operator by bearer key |
//! | `json_body`, `query` | request input, parsed once |
//! | [`serving_node`], `throttle` | diagnoses: asked of a serving node, not too often |
//! | `stream_tokens` | tokens that open one stream, for browsers |
//! | `questions`, `streams` | how much of one account is answered at once |

pub mod commands;
pub mod config;
pub mod router;
pub mod server;
pub mod serving_node;

mod auth;
mod error;
mod exchange;
mod idempotency;
mod json_body;
mod present;
mod query;
mod questions;
mod routes;
mod stream_tokens;
mod streams;
mod throttle;

pub use config::DashboardConfig;
pub use router::{openapi, router};
pub use server::{DashboardError, run};
