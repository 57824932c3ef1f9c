//! A real S3-compatible server that verifies signatures and policies: moto, a Python program.
//!
//! Found by `LIMPID_TEST_MOTO` (path of `moto_server`) or under `.dev/python/bin` of the repository; `./dev` puts it there.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A key pair of the server.
#[derive(Debug, Clone)]
pub struct S3Keys {
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
}

/// The server, set up: bucket [`S3Server::BUCKET`] with [`S3Server::OBJECTS`]. One per test process; it ends with it.
#[derive(Debug)]
pub struct S3Server {
    addr: SocketAddr,
    _process: Child,
    /// May list the bucket and read its objects.
    pub reader: S3Keys,
    /// May read objects but not list, so missing ones look forbidden.
    pub reader_without_list: S3Keys,
    /// May do nothing.
    pub powerless: S3Keys,
}

const START_TIMEOUT: Duration = Duration::from_mins(1);

impl S3Server {
    /// The bucket.
    pub const BUCKET: &str = "zoo-pictures";

    /// Keys in the bucket; each holds [`crate::fake_origin::script::PHOTO_JPEG`].
    pub const OBJECTS: [&str; 7] = [
        "photo.jpg",
        "folder/photo.jpg",
        "folder/a b+c/ä%2Fö.jpg",
        "a b.jpg",
        "stored%20encoded.jpg",
        "plus plus.jpg",
        "empty/",
    ];

    /// The server of this test process; started with the first call.
    ///
    /// # Panics
    ///
    /// When moto is not installed.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<S3Server> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Its address; path style.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn start() -> Self {
        let addr = free_port();
        let process = supervise(&find_moto(), addr);
        wait_until_ready(addr);
        let bucket = Self::BUCKET;
        call(addr, "PUT", &format!("/{bucket}"), "s3", b"");
        for key in Self::OBJECTS {
            let body: &[u8] = if key.ends_with('/') {
                b""
            } else {
                crate::fake_origin::script::PHOTO_JPEG
            };
            call(
                addr,
                "PUT",
                &format!("/{bucket}/{}", encode(key)),
                "s3",
                body,
            );
        }
        // Any bucket, so that a missing one is reported as missing and not as forbidden.
        let objects = "arn:aws:s3:::*";
        let listing = format!("arn:aws:s3:::{bucket}");
        let read = format!(
            "{{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"{objects}\"}}"
        );
        let list = format!(
            "{{\"Effect\":\"Allow\",\"Action\":\"s3:ListBucket\",\"Resource\":\"{listing}\"}}"
        );
        let server = Self {
            addr,
            _process: process,
            reader: create_user(addr, "reader", &format!("{read},{list}")),
            reader_without_list: create_user(addr, "reader-without-list", &read),
            powerless: create_user(addr, "powerless", ""),
        };
        // From here on every request needs a signature and a policy.
        call(addr, "POST", "/moto-api/reset-auth", "s3", b"0");
        server
    }
}

fn find_moto() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are configured by their environment only"
    )]
    let named = std::env::var("LIMPID_TEST_MOTO").ok().map(PathBuf::from);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let installed = repository.join(".dev/python/bin/moto_server");
    let moto = named.unwrap_or(installed);
    assert!(
        moto.exists(),
        "moto_server not found at {}; run ./dev test once, or set LIMPID_TEST_MOTO",
        moto.display()
    );
    moto
}

fn free_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("loopback has a free port")
}

/// Starts the server under a shell that ends it when its standard input closes: when the process is gone, or earlier when
/// the handle is dropped. (A static is never dropped, so `Drop` alone would leave the server behind.)
fn supervise(moto: &Path, addr: SocketAddr) -> Child {
    const SCRIPT: &str = "\"$1\" -H 127.0.0.1 -p \"$2\" </dev/null >/dev/null 2>&1 & server=$!; \
         cat >/dev/null; kill \"$server\"";
    Command::new("sh")
        .args(["-c", SCRIPT, "sh"])
        .arg(moto)
        .arg(addr.port().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh is available")
}

fn wait_until_ready(addr: SocketAddr) {
    let started = Instant::now();
    while TcpStream::connect(addr).is_err() {
        assert!(
            started.elapsed() < START_TIMEOUT,
            "moto_server did not start within {START_TIMEOUT:?}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn create_user(addr: SocketAddr, name: &str, statements: &str) -> S3Keys {
    let iam = |parameters: &str| {
        let form = format!("Version=2010-05-08&UserName={name}&{parameters}");
        call(addr, "POST", "/", "iam", form.as_bytes())
    };
    iam("Action=CreateUser");
    if !statements.is_empty() {
        let policy = format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{statements}]}}");
        iam(&format!(
            "Action=PutUserPolicy&PolicyName=policy&PolicyDocument={}",
            encode(&policy)
        ));
    }
    let answer = iam("Action=CreateAccessKey");
    let element = |name: &str| {
        let (_, rest) = answer
            .split_once(&format!("<{name}>"))
            .expect("the answer has the key");
        let (text, _) = rest.split_once('<').expect("the element ends");
        text.to_owned()
    };
    S3Keys {
        access_key: element("AccessKeyId"),
        secret_key: element("SecretAccessKey"),
    }
}

/// A request while the server still lets everything pass; the header only says which service is meant.
fn call(addr: SocketAddr, method: &str, target: &str, service: &str, body: &[u8]) -> String {
    // The server reads forms as parameters and leaves every other body as it is.
    let content_type = match service {
        "iam" => "application/x-www-form-urlencoded",
        _ => "application/octet-stream",
    };
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: {content_type}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=setup/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=none\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(addr).expect("the server listens");
    stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body))
        .expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server answers");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        answer.starts_with("HTTP/1.1 200"),
        "{method} {target}: {answer}"
    );
    answer
}

fn encode(text: &str) -> String {
    use std::fmt::Write as _;
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
