//! Idle connections of one origin, by scheme, host and port.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use url::{Host, Url};

use super::Connection;

/// Idle connections kept per host. The rest is closed: an origin under load re-opens quickly, an idle one keeps few sockets.
const MAX_IDLE_PER_AUTHORITY: usize = 16;

/// How long an idle connection is trusted. Below the keep-alive times of common servers (nginx 75 s, Apache 5 s is
/// caught by the closed check), so that few requests meet a connection that is just being closed.
const MAX_IDLE_TIME: Duration = Duration::from_secs(30);

/// Where a connection leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Authority {
    /// TLS or plain.
    pub(crate) https: bool,
    /// Name or address.
    pub(crate) host: Host,
    /// Port.
    pub(crate) port: u16,
    /// The port is open only at addresses the operator exempted.
    pub(crate) only_exempt: bool,
}

impl Authority {
    /// The authority of an `http` or `https` URL; `None` for anything else.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Self {
            https,
            host: url.host()?.to_owned(),
            port: url.port_or_known_default()?,
            only_exempt: false,
        })
    }

    /// Whether the host is a name.
    pub(crate) fn needs_resolution(&self) -> bool {
        matches!(self.host, Host::Domain(_))
    }
}

/// The idle connections of one origin in one version; they are never shared with another.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    // A standard mutex: held for a few pushes and pops, never over an await.
    idle: Mutex<HashMap<Authority, Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// The most recently used connection that is still usable, if any.
    pub(crate) fn take(&self, authority: &Authority) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.get_mut(authority)?;
        connections.retain(Idle::is_alive);
        let newest_ready = connections
            .iter()
            .rposition(|idle| idle.connection.is_ready())?;
        Some(connections.remove(newest_ready).connection)
    }

    /// Keeps a connection whose answer has been read completely.
    ///
    /// It may need another moment until it is ready; [`Pool::take`] looks before it hands it out.
    pub(crate) fn put(&self, authority: Authority, connection: Connection) {
        if connection.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, connections| {
            connections.retain(Idle::is_alive);
            !connections.is_empty()
        });
        let connections = idle.entry(authority).or_default();
        if connections.len() < MAX_IDLE_PER_AUTHORITY {
            connections.push(Idle {
                connection,
                since: Instant::now(),
            });
        }
    }
}

impl Idle {
    fn is_alive(&self) -> bool {
        !self.connection.is_closed() && self.since.elapsed() < MAX_IDLE_TIME
    }
}
