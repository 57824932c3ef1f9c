//! The pure heart of Limpid: names, rules and tables. No I/O, no clock, no database.
//!
//! | module | holds |
//! |---|---|
//! | [`ids`] | newtypes for every identifier, so that a tenant can't be passed as an origin |
//! | [`clock`] | time as a parameter |
//! | [`secret`] | credentials in memory and the fingerprint that may be shown |
//! | [`tenant`], [`key_pair`], [`origin`], [`url_endpoint`], [`named_transformation`] | the configuration aggregates: `decide` has the rules, `evolve` has none |
//! | [`restrictions`] | what an account's or an endpoint's URLs may not ask for |
//! | [`request_body`], [`refusal`] | a JSON body becomes a typed draft in one place, or a refusal that says which field is wrong |
//! | [`event`] | configuration events as stored, and their upcasting |
//! | [`address`] | where we connect for tenants and where never: addresses, names, ports |
//! | [`diagnosis`] | what can be asked about one URL or one origin, and the answer step by step |
//! | [`failure`] | **the** table of failure reasons, and the failure event |
//! | [`failure_group`] | the life of a group of failures: states, events, rules |
//! | [`alert_rule`] | when to tell somebody: conditions, quiet hours |
//! | [`webhook`] | whom to tell: receivers, their secrets, when a delivery is tried again |
//! | [`origin_health`], [`expiry`] | what is observed of origins; what of them ends by itself, and how soon |
//! | [`usage`] | what is counted of answered requests |

#![warn(clippy::wildcard_enum_match_arm)]

pub mod address;
pub mod alert_rule;
pub mod caching;
pub mod clock;
pub mod diagnosis;
pub mod event;
pub mod expiry;
pub mod failure;
pub mod failure_group;
pub mod ids;
pub mod key_pair;
pub mod named_transformation;
pub mod origin;
pub mod origin_health;
pub mod purge;
pub mod refusal;
pub mod request_body;
pub mod restrictions;
pub mod secret;
pub mod tenant;
pub mod url_endpoint;
pub mod usage;
pub mod webhook;
