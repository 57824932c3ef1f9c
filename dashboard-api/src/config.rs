//! What the service needs from whoever starts it.

use std::net::SocketAddr;
use std::time::Duration;

use limpid_domain::clock::Clock;
use limpid_event_store::Database;
use limpid_event_store::vault::Vault;
use secrecy::SecretString;
use tokio::net::TcpListener;
use url::Url;

/// The dashboard's configuration: everything it needs, already opened and checked.
#[derive(Debug)]
pub struct DashboardConfig {
    /// The socket to answer on, already bound so that the caller knows the port.
    pub listener: TcpListener,
    /// Everything but the socket.
    pub api: ApiConfig,
    /// How long open requests may take to finish after shutdown was asked for.
    pub drain_timeout: Duration,
}

/// What the routes need.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// The log and its projections.
    pub database: Database,
    /// Where failures, usage, alerts and deliveries are, if they have a database of their own.
    pub failures_database: Option<Database>,
    /// Seals and opens secrets.
    pub vault: Vault,
    /// Opens `/operator/v1`.
    pub operator_key: SecretString,
    /// Where serving answers, for example `http://127.0.0.1:8080/`; made part of answers, never called from here.
    pub serving_url: Url,
    /// The serving node that is asked for diagnoses.
    pub serving_node: SocketAddr,
    /// The `help` member of every problem: whom to ask.
    pub help: String,
    /// Whether webhooks may have addresses without TLS.
    pub webhooks_allow_http: bool,
    /// Questions of one account that are worked on at once; further ones wait, and many more are refused.
    pub questions_per_account: usize,
    /// Tells the time.
    pub clock: Clock,
}

/// Questions of one account at once where nothing is configured: a quarter of the pool.
pub const DEFAULT_QUESTIONS_PER_ACCOUNT: usize = 4;

/// The `help` text where none is configured.
pub const DEFAULT_HELP: &str =
    "See the documentation of your Limpid installation, or ask its operator.";
