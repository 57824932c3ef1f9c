//! Waits until our own listeners say they are ready, by asking them as a load balancer would.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::exit::{Failure, Kind};

/// Longest wait for a listener to become ready.
const PATIENCE: Duration = Duration::from_mins(1);
/// Pause between two questions; start-up time is felt, so it is short.
const PAUSE: Duration = Duration::from_millis(5);
/// Longest answer read; reasons included it is far shorter.
const MAX_ANSWER_BYTES: u64 = 16 * 1024;

/// Returns when `/readyz` at `address` answers 200.
///
/// Errors: it doesn't within a minute; the message holds its last answer, which names the reasons.
pub(crate) async fn wait(address: SocketAddr) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask_once(address).await {
            Err(failure) if Instant::now() >= deadline => return Err(failure),
            Err(_not_yet) => sleep(PAUSE).await,
            Ok(()) => return Ok(()),
        }
    }
}

/// Asks once.
///
/// Errors: any answer but 200; the message holds it.
pub(crate) async fn ask_once(address: SocketAddr) -> Result<(), Failure> {
    let answer = timeout(Duration::from_secs(5), ask(address)).await;
    let problem = match answer {
        Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200") => return Ok(()),
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => error.to_string(),
        Err(_elapsed) => "no answer".to_owned(),
    };
    Err(Failure::new(
        Kind::Unavailable,
        format!("{address} is not ready: {problem}"),
    ))
}

async fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream
        .take(MAX_ANSWER_BYTES)
        .read_to_end(&mut answer)
        .await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
