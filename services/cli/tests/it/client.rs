//! A small HTTP client: one connection per request, or one kept open, or raw bytes for what no client would send.

use std::collections::HashMap;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for any answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// An answer, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// Header fields, names in lower case; the last of a name.
    pub(crate) headers: HashMap<String, String>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header field, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// Asks one server, with or without credentials.
#[derive(Debug)]
pub(crate) struct Client {
    server: SocketAddr,
    authorization: Option<String>,
}

impl Client {
    /// A client without credentials.
    pub(crate) fn new(server: SocketAddr) -> Self {
        Self {
            server,
            authorization: None,
        }
    }

    /// With a private key as the user, as the SDKs do.
    pub(crate) fn basic(mut self, private_key: &str) -> Self {
        let credentials = STANDARD.encode(format!("{private_key}:"));
        self.authorization = Some(format!("Basic {credentials}"));
        self
    }

    /// With a bearer token.
    pub(crate) fn bearer(mut self, token: &str) -> Self {
        self.authorization = Some(format!("Bearer {token}"));
        self
    }

    /// Gets a path.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let head = self.head("GET", path, headers);
        send(self.server, head.as_bytes()).await.unwrap()
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.change("POST", path, body).await
    }

    /// Puts JSON, whichever version is there.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.change("PUT", path, body).await
    }

    async fn change(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let length = body.len().to_string();
        let mut headers = vec![
            ("Content-Type", "application/json"),
            ("Content-Length", length.as_str()),
        ];
        if method == "PUT" {
            headers.push(("If-Match", "*"));
        }
        let request = self.head(method, path, &headers) + &body;
        send(self.server, request.as_bytes()).await.unwrap()
    }

    fn head(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            write!(head, "Host: {}\r\n", self.server).unwrap();
        }
        if let Some(authorization) = &self.authorization {
            write!(head, "Authorization: {authorization}\r\n").unwrap();
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        head + "\r\n"
    }
}

/// Sends these bytes on a connection of their own and reads one answer.
pub(crate) async fn send(server: SocketAddr, bytes: &[u8]) -> io::Result<Answer> {
    let mut connection = Connection::open(server).await?;
    connection.ask(bytes).await
}

/// A connection kept open for many requests.
#[derive(Debug)]
pub(crate) struct Connection(BufStream<TcpStream>);

impl Connection {
    /// Connects.
    pub(crate) async fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufStream::new(stream)))
    }

    /// Sends one request, as bytes, and reads its answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        timeout(PATIENCE, self.exchange(request))
            .await
            .map_err(|_elapsed| io::Error::new(io::ErrorKind::TimedOut, "no answer"))?
    }

    async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        // A server that refuses early may close before it has read everything; its answer counts.
        let sent = async {
            self.0.write_all(request).await?;
            self.0.flush().await
        }
        .await;
        let answer = self.read().await;
        match (answer, sent) {
            (Err(_), Err(error)) => Err(error),
            (answer, _) => answer,
        }
    }

    async fn read(&mut self) -> io::Result<Answer> {
        let status_line = self.line().await?;
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| io::Error::other(format!("no status line: {status_line:?}")))?;
        let mut headers = HashMap::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let body = self.body(&headers).await?;
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    async fn body(&mut self, headers: &HashMap<String, String>) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if let Some(length) = headers.get("content-length") {
            body.resize(length.parse().map_err(io::Error::other)?, 0);
            self.0.read_exact(&mut body).await?;
            return Ok(body);
        }
        if headers
            .get("transfer-encoding")
            .is_none_or(|encoding| encoding != "chunked")
        {
            self.0.read_to_end(&mut body).await?;
            return Ok(body);
        }
        loop {
            let size = self.line().await?;
            let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
            let start = body.len();
            body.resize(start + size, 0);
            self.0.read_exact(&mut body[start..]).await?;
            self.line().await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        if self.0.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}
