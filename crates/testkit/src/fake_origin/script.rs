//! What a fake origin does with a connection, byte for byte.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A synthetic photograph, 320 × 214, JPEG.
pub const PHOTO_JPEG: &[u8] = include_bytes!("../../pictures/photo.jpg");
/// The same at half the size with an alpha channel, PNG.
pub const GRAPHIC_PNG: &[u8] = include_bytes!("../../pictures/graphic.png");
/// The same at half the size, WebP.
pub const PHOTO_WEBP: &[u8] = include_bytes!("../../pictures/photo.webp");

/// The steps of one answer.
#[derive(Debug, Clone)]
pub struct Script {
    /// In order.
    pub steps: Vec<Step>,
    /// Whether the connection is used again afterwards; otherwise it is closed.
    pub keep_alive: bool,
}

/// One step.
#[derive(Debug, Clone)]
pub enum Step {
    /// Writes bytes.
    Send(Bytes),
    /// Waits.
    Pause(Duration),
    /// Does nothing for ever.
    Stall,
    /// Resets the connection.
    Reset,
}

impl Script {
    /// A well-formed answer with a length, after which the connection is kept.
    pub fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut head = format!("HTTP/1.1 {status} {}\r\n", phrase(status));
        for (name, value) in headers {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        }
        if status != 204 && status != 304 {
            head.push_str("content-length: ");
            head.push_str(&body.len().to_string());
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let mut whole = head.into_bytes();
        whole.extend_from_slice(body);
        Self {
            steps: vec![Step::Send(whole.into())],
            keep_alive: true,
        }
    }

    /// A picture or page with its type.
    pub fn ok(content_type: &str, body: &[u8]) -> Self {
        let headers = [
            ("content-type", content_type),
            ("etag", "\"zoo-1\""),
            ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("cache-control", "max-age=60"),
        ];
        Self::response(200, &headers, body)
    }

    /// Exactly these bytes, then the connection is closed.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self {
            steps: vec![Step::Send(bytes.into())],
            keep_alive: false,
        }
    }

    /// This script and then one more step, after which the connection is closed.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self.keep_alive = false;
        self
    }

    /// One step before this script.
    #[must_use]
    pub fn after(mut self, step: Step) -> Self {
        self.steps.insert(0, step);
        self
    }

    /// The head only, as an answer to `HEAD`.
    pub(crate) fn without_body(mut self) -> Self {
        for step in &mut self.steps {
            if let Step::Send(bytes) = step
                && let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n")
            {
                bytes.truncate(end + 4);
            }
        }
        self
    }
}

/// The answer to a target nobody scripted.
pub(crate) fn built_in(target: &str) -> Script {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let value = query.split_once('=').map_or("", |(_, value)| value);
    if let Some(status) = path.strip_prefix("/status/") {
        return status_page(status.parse().unwrap_or(500));
    }
    if let Some(left) = path.strip_prefix("/redirects/") {
        let left: u32 = left.parse().unwrap_or(0);
        return match left {
            0 => redirect("/photo.jpg"),
            left => redirect(&format!("/redirects/{}", left - 1)),
        };
    }
    if let Some(picture) = picture(path) {
        return picture;
    }
    match path {
        "/private.jpg" => {
            let headers = [("content-type", "image/jpeg"), ("is-private-file", "true")];
            Script::response(200, &headers, PHOTO_JPEG)
        }
        "/html" => Script::ok(
            "text/html",
            b"<!doctype html><title>Oops</title><h1>Oops</h1>",
        ),
        "/json" => Script::ok("application/json", b"{\"error\":\"no picture\"}"),
        "/text" => Script::ok("text/plain", b"no picture here"),
        "/empty" => Script::ok("image/jpeg", b""),
        "/truncated.jpg" => Script::ok("image/jpeg", half(PHOTO_JPEG)),
        "/redirect-loop" => redirect("/redirect-loop-2"),
        "/redirect-loop-2" => redirect("/redirect-loop"),
        "/redirect" => redirect(value),
        "/redirect-nowhere" => Script::response(302, &[], b""),
        "/slow-down" => Script::response(429, &[("retry-after", value)], b"slow down"),
        "/challenge" => {
            let page = b"<script src=\"/cdn-cgi/challenge-platform/x.js\"></script>";
            Script::response(403, &[("content-type", "text/html")], page)
        }
        _ => broken(path).unwrap_or_else(|| status_page(404)),
    }
}

/// Answers that break a rule of HTTP, or of politeness.
fn broken(path: &str) -> Option<Script> {
    let head =
        |fields: &str| format!("HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\n{fields}\r\n");
    let nothing = Script::raw(Bytes::new());
    Some(match path {
        "/silent" => nothing.then(Step::Stall),
        "/close" => nothing,
        "/reset" => nothing.then(Step::Reset),
        "/half-head" => Script::raw("HTTP/1.1 200 OK\r\ncontent-ty"),
        "/slow-headers" => drip(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"),
        "/short-body" => with_body(head("content-length: 100000\r\n"), half(PHOTO_JPEG)),
        "/stall-body" => {
            with_body(head("content-length: 100000\r\n"), half(PHOTO_JPEG)).then(Step::Stall)
        }
        "/reset-body" => with_body(head("content-length: 100000\r\n"), half(PHOTO_JPEG))
            // A reset overtakes bytes that were not read yet; the pause lets the head through.
            .then(Step::Pause(Duration::from_millis(100)))
            .then(Step::Reset),
        "/drip" => {
            let mut script = Script::raw(head("content-length: 100000\r\n"));
            script.steps.extend(drip(PHOTO_JPEG).steps);
            script
        }
        "/huge" => Script::raw(head("content-length: 100000000\r\n")).then(Step::Stall),
        "/endless" => endless(head("transfer-encoding: chunked\r\n")),
        "/garbage" => Script::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        "/broken-chunk" => Script::raw(head("transfer-encoding: chunked\r\n") + "zz\r\nnope\r\n"),
        "/cut-chunk" => Script::raw(head("transfer-encoding: chunked\r\n") + "64\r\nonly this"),
        "/many-headers" => {
            let many = "x-filler: filler\r\n".repeat(5000);
            Script::raw(head(&many))
        }
        "/gzip" => encoded("gzip", &gzip(PHOTO_JPEG)),
        "/gzip-cut" => encoded("gzip", half(&gzip(PHOTO_JPEG))),
        "/gzip-bomb" => encoded("gzip", &gzip(&vec![0; 64 << 20])),
        "/brotli" => encoded("br", b"not decoded by us"),
        _ => return None,
    })
}

fn picture(path: &str) -> Option<Script> {
    match path.rsplit('/').next()? {
        "photo.jpg" => Some(Script::ok("image/jpeg", PHOTO_JPEG)),
        "graphic.png" => Some(Script::ok("image/png", GRAPHIC_PNG)),
        "photo.webp" => Some(Script::ok("image/webp", PHOTO_WEBP)),
        _ => None,
    }
}

fn status_page(status: u16) -> Script {
    let page = format!("<h1>{status} {}</h1>", phrase(status));
    let body = if status == 204 || status == 304 {
        ""
    } else {
        &page
    };
    let headers = [("content-type", "text/html"), ("server", "zoo")];
    Script::response(status, &headers, body.as_bytes())
}

fn redirect(to: &str) -> Script {
    Script::response(302, &[("location", to)], b"over there")
}

fn encoded(encoding: &str, body: &[u8]) -> Script {
    let headers = [
        ("content-type", "image/jpeg"),
        ("content-encoding", encoding),
    ];
    Script::response(200, &headers, body)
}

fn with_body(head: String, body: &[u8]) -> Script {
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    Script::raw(bytes)
}

/// A byte every 50 ms.
fn drip(bytes: &[u8]) -> Script {
    let steps = bytes.iter().flat_map(|byte| {
        [
            Step::Send(vec![*byte].into()),
            Step::Pause(Duration::from_millis(50)),
        ]
    });
    Script {
        steps: steps.collect(),
        keep_alive: false,
    }
}

/// Some 640 MB in chunks of 64 KB, unless somebody stops reading.
fn endless(head: String) -> Script {
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend(std::iter::repeat_n(b'x', 0x10000));
    chunk.extend_from_slice(b"\r\n");
    let chunk = Bytes::from(chunk);
    let mut script = Script::raw(head);
    script
        .steps
        .extend(std::iter::repeat_n(Step::Send(chunk), 10_000));
    script
}

fn half(bytes: &[u8]) -> &[u8] {
    bytes.get(..bytes.len() / 2).unwrap_or_default()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("writing to memory does not fail")
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Something",
    }
}
