//! A zoo of origins that misbehave, and databases to try things on. Dev-dependency only.
//!
//! | module | holds |
//! |---|---|
//! | [`database`] | a real PostgreSQL: a database per test, or a cluster that can be taken down |
//! | [`fake_origin`] | a scripted web origin on a raw socket: a path per misbehaviour, and a log of what it was asked |

pub mod database;
pub mod fake_origin;
