//! The private listener: Prometheus text at `/metrics`. Never on a public address unless someone configures one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder, TextEncoder};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::MetricsListener;
use crate::exit::{Failure, Kind};

/// The port OpenTelemetry's Prometheus exporters use by convention.
///
/// Source: `OTEL_EXPORTER_PROMETHEUS_PORT` in the OpenTelemetry specification.
const USUAL_PORT: u16 = 9464;

/// Opens the listener. At the usual address a taken port is no reason to fail: another instance runs, and a free port
/// serves as well; a configured address is binding.
///
/// Errors: the configured address can't be used.
pub(crate) async fn bind(wanted: MetricsListener) -> Result<Option<TcpListener>, Failure> {
    let address = match wanted {
        MetricsListener::Off => return Ok(None),
        MetricsListener::At(address) => address,
        MetricsListener::Usual => SocketAddr::from((Ipv4Addr::LOCALHOST, USUAL_PORT)),
    };
    match TcpListener::bind(address).await {
        Err(error)
            if wanted == MetricsListener::Usual && error.kind() == io::ErrorKind::AddrInUse =>
        {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            TcpListener::bind(any)
                .await
                .map_err(|error| taken(any, &error))
                .map(Some)
        }
        bound => bound.map_err(|error| taken(address, &error)).map(Some),
    }
}

/// Answers until `shutdown`.
pub(crate) async fn serve(
    listener: TcpListener,
    registry: prometheus::Registry,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .with_state(registry);
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
}

async fn metrics(State(registry): State<prometheus::Registry>) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&registry.gather(), &mut text) {
        Ok(()) => (
            [(header::CONTENT_TYPE, encoder.format_type().to_owned())],
            text,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "could not encode the metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn taken(address: SocketAddr, error: &io::Error) -> Failure {
    Failure::caused(
        Kind::Conflict,
        format!("listen on {address} for /metrics"),
        error,
    )
}
