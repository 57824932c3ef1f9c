//! The listener: connections, time-outs and the graceful drain.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::config::DashboardConfig;
use crate::router::router;

/// Connections answered at once; further ones wait in the kernel's accept queue.
const MAX_CONNECTIONS: usize = 1024;

/// How long a client may take to send the head of a request. Ends slow-header attacks.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(15);

/// How long accepting pauses after an error such as "too many open files".
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the dashboard stopped.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// The listener is unusable; the machine's fault.
    #[error("read the address of the dashboard's listener")]
    Listener(#[source] io::Error),
}

/// Answers requests until `shutdown` is cancelled, then lets open requests finish within the drain time-out.
///
/// # Errors
///
/// [`DashboardError::Listener`] when the socket cannot be used at all. What fails on one connection ends that connection.
pub async fn run(
    config: DashboardConfig,
    shutdown: CancellationToken,
) -> Result<(), DashboardError> {
    let address = config
        .listener
        .local_addr()
        .map_err(DashboardError::Listener)?;
    tracing::info!(%address, "the dashboard API answers");
    let server = Server {
        app: router(config.api, shutdown.clone()),
        connections: TaskTracker::new(),
        slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        shutdown,
    };
    server.accept_until_shutdown(&config.listener).await;
    drop(config.listener);
    server.drain(config.drain_timeout).await;
    Ok(())
}

struct Server {
    app: Router,
    connections: TaskTracker,
    slots: Arc<Semaphore>,
    shutdown: CancellationToken,
}

impl Server {
    async fn accept_until_shutdown(&self, listener: &TcpListener) {
        while let Some(accepted) = self
            .shutdown
            .run_until_cancelled(self.accept(listener))
            .await
        {
            if let Err(error) = accepted {
                tracing::warn!(%error, "accept a connection to the dashboard");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    /// Takes a free slot first, so that a full house accepts nothing it cannot answer.
    async fn accept(&self, listener: &TcpListener) -> io::Result<()> {
        let slot = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let (stream, _peer) = listener.accept().await?;
        let connection = serve_connection(stream, self.app.clone(), self.shutdown.clone());
        self.connections.spawn(async move {
            connection.await;
            drop(slot);
        });
        Ok(())
    }

    async fn drain(self, patience: Duration) {
        self.connections.close();
        let drained = tokio::time::timeout(patience, self.connections.wait()).await;
        if drained.is_err() {
            let open = self.connections.len();
            tracing::warn!(open, "the dashboard stopped with requests still open");
        }
    }
}

/// Serves one connection; after `shutdown` the request in hand is finished and the connection closed.
async fn serve_connection(stream: TcpStream, app: Router, shutdown: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "set TCP_NODELAY");
    }
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT);
    builder.http2().timer(TokioTimer::new());
    let service = TowerToHyperService::new(
        app.map_request(|request: Request<Incoming>| request.map(Body::new)),
    );
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(error, "a dashboard connection ended early");
    }
}
