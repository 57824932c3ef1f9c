//! A scripted web origin on a raw socket: a path per misbehaviour, and a log of what it was asked.

use std::net::SocketAddr;

/// A web origin on loopback. Stops when dropped.
#[derive(Debug)]
pub struct FakeOrigin {
    addr: SocketAddr,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// `GET`, …
    pub method: String,
    /// The request target, raw: path and query.
    pub target: String,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl ReceivedRequest {
    /// The first value of a header field; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

impl FakeOrigin {
    /// Starts an origin on a free port of 127.0.0.1. See [`crate::fake_origin`] for its paths.
    pub async fn start() -> Self {
        todo!()
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        todo!()
    }

    /// How many requests named exactly this target.
    pub fn hits(&self, target: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.target == target)
            .count()
    }
}
