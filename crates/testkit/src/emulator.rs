//! Programs nobody here wrote that behave like a provider: found, started on a free port, ended with the test process.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_TIMEOUT: Duration = Duration::from_mins(1);

/// A running program. Ends with the handle, or with the process.
#[derive(Debug)]
pub(crate) struct Emulator {
    addr: SocketAddr,
    _process: Child,
}

impl Emulator {
    /// Starts `program` with the arguments that make it listen at an address, and waits until it does.
    ///
    /// It runs under a shell that ends it when its standard input closes: when the process is gone, or earlier when the
    /// handle is dropped. (A static is never dropped, so `Drop` alone would leave the program behind.)
    pub(crate) fn start(program: &Path, arguments: impl Fn(SocketAddr) -> Vec<String>) -> Self {
        const SCRIPT: &str =
            "\"$@\" </dev/null >/dev/null 2>&1 & server=$!; cat >/dev/null; kill \"$server\"";
        let addr = free_port();
        let process = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(program)
            .args(arguments(addr))
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh is available");
        let started = Instant::now();
        while TcpStream::connect(addr).is_err() {
            assert!(
                started.elapsed() < START_TIMEOUT,
                "{} did not start within {START_TIMEOUT:?}",
                program.display()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            addr,
            _process: process,
        }
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// The program an environment variable names, or the one `./dev setup test` installed.
///
/// # Panics
///
/// When there is none.
pub(crate) fn find(variable: &str, installed: &str) -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are configured by their environment only"
    )]
    let named = std::env::var(variable).ok().map(PathBuf::from);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = named.unwrap_or_else(|| repository.join(installed));
    assert!(
        program.exists(),
        "{} not found; run ./dev setup test once, or set {variable}",
        program.display()
    );
    program
}

/// One request that must succeed; its whole answer.
pub(crate) fn call(
    addr: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> String {
    let mut head = format!(
        "{method} {target} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").expect("writing to memory does not fail");
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(addr).expect("the server listens");
    stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body))
        .expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server answers");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).unwrap_or_default();
    assert!(status.starts_with('2'), "{method} {target}: {answer}");
    answer
}

/// Percent-encodes everything but unreserved characters and slashes.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to memory does not fail");
        }
    }
    encoded
}

fn free_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("loopback has a free port")
}
