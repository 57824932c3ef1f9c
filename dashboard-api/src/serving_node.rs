//! Asks a serving node for a diagnosis: one sealed message there, one back.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use limpid_domain::diagnosis::{
    ANSWER_PURPOSE, DiagnosisAnswer, DiagnosisRequest, MAX_MESSAGE_BYTES, PATH, QUESTION_PURPOSE,
};
use limpid_event_store::vault::{Vault, VaultError};
use tokio::net::TcpStream;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a diagnosis may take: all time-outs of a request and a search for near misses.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// Why there is no answer. All of them are for the operator; whoever asked can only try again.
#[derive(Debug, thiserror::Error)]
pub enum ServingNodeError {
    /// Nobody listens there, or it does not answer in time.
    #[error("the serving node at {address} does not answer")]
    Unreachable {
        /// Which node.
        address: SocketAddr,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It does not take us for one of its own: another key ring, or clocks that differ.
    #[error(
        "the serving node at {address} refused the question with status {status}: do both have the same key ring and time?"
    )]
    Refused {
        /// Which node.
        address: SocketAddr,
        /// What it answered.
        status: StatusCode,
    },
    /// Its answer was not sealed with our key ring.
    #[error("the answer of the serving node does not open")]
    Sealed(#[from] VaultError),
    /// Question or answer is not what both ends agreed on: two versions of the program.
    #[error("the serving node speaks another version")]
    Version(#[from] serde_json::Error),
}

/// Asks the node at `address`.
///
/// # Errors
/// [`ServingNodeError`].
pub async fn diagnose(
    address: SocketAddr,
    vault: &Vault,
    request: &DiagnosisRequest,
) -> Result<DiagnosisAnswer, ServingNodeError> {
    let address = reachable(address);
    let question = vault.seal_message(QUESTION_PURPOSE, &serde_json::to_vec(request)?)?;
    let asked = tokio::time::timeout(ANSWER_TIMEOUT, ask(address, question)).await;
    let (status, answer) = asked
        .unwrap_or_else(|elapsed| Err(Box::new(elapsed)))
        .map_err(|source| ServingNodeError::Unreachable { address, source })?;
    if status != StatusCode::OK {
        return Err(ServingNodeError::Refused { address, status });
    }
    let answer = vault.open_message(ANSWER_PURPOSE, &answer)?;
    Ok(serde_json::from_slice(&answer)?)
}

async fn ask(
    address: SocketAddr,
    question: Vec<u8>,
) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let connecting = TcpStream::connect(address);
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::post(PATH)
        .header(http::header::HOST, address.to_string())
        .body(Full::new(Bytes::from(question)))?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_MESSAGE_BYTES);
        Ok((status, body.collect().await?.to_bytes()))
    };
    tokio::select! {
        biased;
        answered = exchange => answered,
        ended = connection => {
            ended?;
            Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
        }
    }
}

/// A node that listens on every address is reached on the loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
