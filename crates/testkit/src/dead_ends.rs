//! Addresses on loopback where nobody answers, reliably.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// A port that refuses connections, and that nobody else can take meanwhile.
#[derive(Debug)]
pub struct RefusingPort {
    addr: SocketAddr,
    // Bound but not listening: that is what makes the kernel refuse.
    _socket: TcpSocket,
}

impl RefusingPort {
    /// Reserves one.
    pub fn reserve() -> Self {
        let socket = TcpSocket::new_v4().expect("sockets are available");
        socket
            .bind("127.0.0.1:0".parse().expect("a literal address"))
            .expect("loopback has a free port");
        let addr = socket.local_addr().expect("a bound socket has an address");
        Self {
            addr,
            _socket: socket,
        }
    }

    /// The address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// A port that answers no connection request: its queue is full and nobody accepts.
#[derive(Debug)]
pub struct BlackHole {
    addr: SocketAddr,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    /// Opens one.
    pub async fn open() -> Self {
        let socket = TcpSocket::new_v4().expect("sockets are available");
        socket
            .bind("127.0.0.1:0".parse().expect("a literal address"))
            .expect("loopback has a free port");
        let listener = socket.listen(1).expect("a bound socket can listen");
        let addr = listener
            .local_addr()
            .expect("a bound socket has an address");
        let mut queued = Vec::new();
        let patience = Duration::from_millis(200);
        while let Ok(connected) = tokio::time::timeout(patience, TcpStream::connect(addr)).await {
            queued.push(connected.expect("the port listens"));
            assert!(queued.len() < 64, "the queue of the listener never fills");
        }
        Self {
            addr,
            _listener: listener,
            _queued: queued,
        }
    }

    /// The address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}
