//! Connections to origins: the only place in the product that opens a socket towards an address a tenant chose.
//!
//! The order is always the same: the guard judges scheme, host and port; names are resolved; the guard judges every
//! address; exactly those addresses are connected to; then TLS. Proxies named in the environment are ignored, because
//! a proxy would resolve and connect where no guard looks.

pub(crate) mod certificate;
pub(crate) mod connect;
pub(crate) mod guard;
pub(crate) mod pool;
pub(crate) mod resolve;
pub(crate) mod tls;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use limpid_domain::clock::Clock;
use limpid_domain::failure::Reason;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::attempt::{Attempt, AttemptResult, failure, micros_since};
use crate::config::FetchConfig;
use crate::fetch::FetcherError;
use guard::Guard;
use pool::Authority;
use resolve::Resolver;
use tls::{Handshake, Tls};

/// One connection, ready for one request at a time.
pub(crate) type Connection = SendRequest<Full<Bytes>>;

/// Opens connections.
#[derive(Debug)]
pub(crate) struct Transport {
    guard: Guard,
    resolver: Resolver,
    tls: Tls,
    connect_timeout: Duration,
    clock: Clock,
    connections: TaskTracker,
    stop: DropGuard,
}

impl Transport {
    /// Sets up guard, resolver and TLS.
    pub(crate) fn new(config: &FetchConfig) -> Result<Self, FetcherError> {
        Ok(Self {
            guard: Guard::new(config.allow_addresses.clone()),
            resolver: Resolver::new(&config.dns, config.connect_timeout)?,
            tls: Tls::new(&config.extra_roots)?,
            connect_timeout: config.connect_timeout,
            clock: config.clock.clone(),
            connections: TaskTracker::new(),
            stop: CancellationToken::new().drop_guard(),
        })
    }

    /// The rules about where we may connect.
    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Opens a connection to `authority`, whose name and port the guard has let pass already. Name, TCP and TLS share the
    /// connect time-out.
    pub(crate) async fn connect(
        &self,
        authority: &Authority,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Connection> {
        let started = Instant::now();
        let ends = started + self.connect_timeout;
        let is_inside = Guard::is_inside(authority);
        let addresses = if is_inside {
            // What is found is said by nobody, neither in the trace nor by an error.
            Ok(self.inside(authority, attempt).await)
        } else {
            self.resolver.resolve(authority, attempt).await
        };
        if authority.needs_resolution() && !is_inside {
            attempt.timings.dns_us = Some(micros_since(started));
        }
        let addresses = addresses?;

        let started = Instant::now();
        let addresses = if is_inside {
            self.guard.check_inside(authority, addresses)
        } else {
            self.guard.check_addresses(authority, addresses)
        };
        attempt
            .trace
            .step("guard", addresses.is_ok(), started, || match &addresses {
                Ok(allowed) => format!("{} addresses may be connected to", allowed.len()),
                Err(refused) => refused.note.clone().unwrap_or_default(),
            });
        let addresses = addresses?;

        let started = Instant::now();
        let left = ends.saturating_duration_since(started);
        let stream = connect::connect(addresses, left, attempt).await;
        attempt.timings.connect_us = Some(micros_since(started));
        attempt
            .trace
            .step("connect", stream.is_ok(), started, || match &stream {
                Ok(stream) => stream
                    .peer_addr()
                    .map_or_else(|_| String::new(), |address| address.to_string()),
                Err(failed) => failed.note.clone().unwrap_or_default(),
            });
        let stream = stream?;
        if !authority.https {
            return self.handshake(stream).await;
        }

        let stream = self.secure(authority, stream, ends, attempt).await?;
        self.handshake(stream).await
    }

    /// What a name of a private network stands for; nothing where it makes no difference.
    async fn inside(&self, authority: &Authority, attempt: &Attempt<'_>) -> Vec<IpAddr> {
        if self.guard.exempts_nothing() {
            return Vec::new();
        }
        self.resolver
            .look_up(authority, attempt)
            .await
            .unwrap_or_default()
    }

    async fn secure(
        &self,
        authority: &Authority,
        stream: TcpStream,
        ends: Instant,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<TlsStream<TcpStream>> {
        let started = Instant::now();
        let left = ends.saturating_duration_since(started);
        let Handshake {
            stream,
            certificates,
        } = self.tls.handshake(authority, stream, left, attempt).await;
        attempt.timings.tls_us = Some(micros_since(started));
        attempt
            .trace
            .step("tls", stream.is_ok(), started, || match &stream {
                Ok(_) => format!("certificate is valid for {}", authority.host),
                Err(failed) => failed.note.clone().unwrap_or_default(),
            });
        if attempt.trace.is_on() {
            let now = self.clock.now();
            let read = certificate::read(&certificates, now);
            let warning = certificate::warning(&read, now);
            attempt.trace.add_certificates(read, warning);
        }
        if stream.is_ok() {
            let end = certificates.first().and_then(certificate::end_of);
            attempt.saw_certificate_until(end);
        }
        stream
    }

    /// Starts HTTP on a stream. Its task ends with the connection, or when the transport is dropped.
    async fn handshake<S>(&self, stream: S) -> AttemptResult<Connection>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // HTTP/1.1 only: with at most one request per connection a slow original never holds up another one behind
        // the same flow-control window, and a failure is always about exactly one request.
        let (sender, connection) = http1::Builder::new()
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failure(Reason::HttpProtocolError, error.to_string()))?;
        let stop = self.stop.token().clone();
        self.connections.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                // Whoever sent the request gets the error as well; here nobody is left to tell.
                _ended = connection => {}
            }
        });
        Ok(sender)
    }
}
