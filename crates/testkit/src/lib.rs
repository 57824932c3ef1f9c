//! A zoo of origins that misbehave, and databases to try things on. Dev-dependency only.
//!
//! | module | holds |
//! |---|---|
//! | [`akeneo_server`], [`google_accounts`] | services that grant tokens and look at them, on the fake origin |
//! | [`azure_server`], [`google_server`] | emulators of Azure Blob Storage, which verifies signatures, and of Google Cloud Storage |
//! | [`database`] | a real PostgreSQL: a database per test, or a cluster that can be taken down |
//! | [`dead_ends`] | a port that refuses, and one that never answers |
//! | [`failures`] | failure events by the thousand, the same ones every time |
//! | [`fake_dns`] | a name server that says what a test wants |
//! | [`fault_matrix`] | every way an origin can fail: a table of misbehaviours and the peers that show them |
//! | [`fake_origin`] | a scripted web origin on a raw socket: a path per misbehaviour, and a log of what it was asked |
//! | [`s3_server`] | a real S3-compatible server with users and policies |
//! | [`tls_origin`] | the fake origin behind TLS, with good and bad certificates |

pub mod akeneo_server;
pub mod azure_server;
pub mod database;
pub mod dead_ends;
mod emulator;
pub mod failures;
pub mod fake_dns;
pub mod fake_origin;
pub mod fault_matrix;
pub mod google_accounts;
pub mod google_server;
pub mod s3_server;
pub mod tls_origin;
