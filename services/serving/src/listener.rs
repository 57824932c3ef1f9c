//! The public listener: HTTP/1.1 with a limit on everything a client could drag out or pile up.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::HttpConfig;
use crate::http_service::HttpService;

use patience::Patient;
use strict_lines::StrictLines;

mod patience;
mod strict_lines;

/// Longest request head; hyper itself refuses targets above 64 KiB with 414. Units: bytes.
const MAX_HEAD_BYTES: usize = 128 * 1024;
/// Header fields in one head.
const MAX_HEADERS: usize = 100;
/// How long accepting pauses when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An open listener.
#[derive(Debug)]
pub(crate) struct Listener {
    tcp: TcpListener,
    config: HttpConfig,
}

impl Listener {
    /// Opens the listener.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) async fn open(address: SocketAddr, config: HttpConfig) -> io::Result<Self> {
        let tcp = TcpListener::bind(address).await?;
        Ok(Self { tcp, config })
    }

    /// The address it got.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Accepts until `shutdown`, then waits until requests in flight are answered or the drain time-out passes.
    pub(crate) async fn serve(self, service: HttpService, shutdown: CancellationToken) {
        let connections = TaskTracker::new();
        let cut = CancellationToken::new();
        let room = Arc::new(Semaphore::new(self.config.max_connections));
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = accept(&self.tcp, &room) => accepted,
            };
            let Some((stream, permit)) = accepted else {
                continue;
            };
            let connection = answer_connection(
                stream,
                service.clone(),
                self.config.clone(),
                shutdown.clone(),
            );
            let cut = cut.clone();
            connections.spawn(async move {
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = connection => {}
                }
                drop(permit);
            });
        }
        drop(self.tcp);
        connections.close();
        if tokio::time::timeout(self.config.drain_timeout, connections.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                connections = connections.len(),
                "cutting connections that did not drain in time"
            );
            cut.cancel();
            connections.wait().await;
        }
    }
}

/// The next connection, once there is room for it; the kernel queues what comes meanwhile.
async fn accept(
    tcp: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match tcp.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            let is_about_one_client = matches!(
                error.kind(),
                io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionRefused
            );
            if !is_about_one_client {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None
        }
    }
}

async fn answer_connection(
    stream: TcpStream,
    service: HttpService,
    config: HttpConfig,
    shutdown: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before it could be set up");
        return;
    }
    let stream = StrictLines::new(stream);
    let io = TokioIo::new(Patient::new(stream, config.write_timeout));
    let answer = service_fn(move |request| {
        let service = service.clone();
        async move { Ok::<_, std::convert::Infallible>(service.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_read_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(io, answer);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
