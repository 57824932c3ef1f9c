//! The demo account's own web server, on loopback: a few photographs, and the ways an origin can fail.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use futures::{StreamExt, stream};
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

/// The photographs, by file name. Authors and licences are in `demo/PROVENANCE.md`.
pub(crate) const PICTURES: [(&str, &[u8]); 5] = [
    (
        "astronaut.jpg",
        include_bytes!("../../demo/pictures/astronaut.jpg"),
    ),
    ("cat.jpg", include_bytes!("../../demo/pictures/cat.jpg")),
    (
        "coffee.jpg",
        include_bytes!("../../demo/pictures/coffee.jpg"),
    ),
    (
        "deep-field.jpg",
        include_bytes!("../../demo/pictures/deep-field.jpg"),
    ),
    (
        "rocket.jpg",
        include_bytes!("../../demo/pictures/rocket.jpg"),
    ),
];

/// Pieces the too large original is sent in.
static FILLER: [u8; 64 * 1024] = [0; 64 * 1024];

/// The server's open listener, and the port that refuses.
#[derive(Debug)]
pub(crate) struct DemoOrigin {
    listener: TcpListener,
    refusing: TcpSocket,
    address: SocketAddr,
    refusing_address: SocketAddr,
}

/// Ports of an earlier run, asked for again so that the origins of the demo account stay as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Ports {
    /// The web server's.
    pub(crate) answering: u16,
    /// The one nobody listens on.
    pub(crate) refusing: u16,
}

impl Ports {
    /// Where these ports are; none before the first start.
    pub(crate) fn addresses(self) -> Vec<SocketAddr> {
        [self.answering, self.refusing]
            .into_iter()
            .filter(|port| *port != 0)
            .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .collect()
    }
}

impl DemoOrigin {
    /// Takes two ports: the wanted ones if they are free, else any (0 always means any).
    pub(crate) async fn bind(wanted: Ports) -> io::Result<Self> {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, wanted.answering)).await {
            Ok(listener) => listener,
            Err(_taken) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
        };
        let refusing = match occupy(wanted.refusing) {
            Ok(socket) => socket,
            Err(_taken) => occupy(0)?,
        };
        Ok(Self {
            address: listener.local_addr()?,
            refusing_address: refusing.local_addr()?,
            listener,
            refusing,
        })
    }

    /// The ports taken.
    pub(crate) fn ports(&self) -> Ports {
        Ports {
            answering: self.address.port(),
            refusing: self.refusing_address.port(),
        }
    }

    /// Answers until `shutdown`. Originals under `/too-large` exceed `max_source_bytes` by one byte.
    pub(crate) async fn serve(
        self,
        max_source_bytes: u64,
        shutdown: CancellationToken,
    ) -> io::Result<()> {
        let router = Router::new()
            .route("/photos/{name}", get(photo))
            .route("/forbidden/{name}", get(|| async { StatusCode::FORBIDDEN }))
            .route("/too-large/{name}", get(too_large))
            .route(
                "/broken/{name}",
                get(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
            )
            .route("/html/{name}", get(page))
            .with_state(max_source_bytes);
        let served = axum::serve(self.listener, router)
            .with_graceful_shutdown(shutdown.cancelled_owned())
            .await;
        drop(self.refusing);
        served
    }
}

/// A port that belongs to us and that nobody listens on: connecting to it is refused, today and after a restart.
fn occupy(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}

async fn photo(Path(name): Path<String>) -> Response {
    match PICTURES.iter().find(|(file, _)| *file == name) {
        Some((_, bytes)) => ([(header::CONTENT_TYPE, "image/jpeg")], *bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A real picture followed by filler. The filler is made as it is sent, so a client that stops reading costs nothing.
async fn too_large(State(max_source_bytes): State<u64>) -> Response {
    let picture = PICTURES.first().map_or(&[][..], |(_, bytes)| *bytes);
    let length = max_source_bytes + 1;
    let filler = stream::unfold(
        length.saturating_sub(picture.len() as u64),
        |left| async move {
            let piece = usize::try_from(left).map_or(FILLER.len(), |left| left.min(FILLER.len()));
            let bytes = FILLER.get(..piece).filter(|bytes| !bytes.is_empty())?;
            Some((Bytes::from_static(bytes), left - piece as u64))
        },
    );
    let pieces = stream::once(async move { Bytes::from_static(picture) }).chain(filler);
    let body = Body::from_stream(pieces.map(Ok::<_, io::Error>));
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    (headers, body).into_response()
}

/// A page where an image is expected, as content systems answer for what they lack.
async fn page() -> Html<&'static str> {
    Html("<!doctype html><title>Sign in</title><p>Please sign in to see this picture.</p>\n")
}
