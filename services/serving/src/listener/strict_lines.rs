//! A stream whose request heads end their lines the way everybody in front of us reads them.
//!
//! The parser of HTTP also takes a bare line feed for the end of a line. A proxy that does not would see one header field where we see
//! two, or one request where we see two, so a bare line feed is handed on as a byte that no head may hold: the parser answers 400 and
//! closes the connection. Source: RFC 9112 section 2.2, `reliability.md` T58.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Fields that announce a body, in which line feeds are bytes like any other.
const BODY_FIELDS: [&[u8]; 2] = [b"content-length:", b"transfer-encoding:"];
/// The lines that announce a body of nothing: some clients send one with every request.
const NO_BODY: [&[u8]; 2] = [b"content-length: 0\r", b"content-length:0\r"];
/// Of a line as much is kept as tells whether it is one of these. Units: bytes.
const KEPT_BYTES: usize = 18;

/// Hands bytes on, and looks at the lines of request heads.
#[derive(Debug)]
pub(super) struct StrictLines<S> {
    stream: S,
    head: Head,
}

impl<S> StrictLines<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            head: Head::default(),
        }
    }
}

/// Where in the heads of one connection we are.
#[derive(Debug, Default)]
struct Head {
    /// The beginning of the present line.
    line: Vec<u8>,
    /// Whether the last byte was a carriage return.
    is_after_return: bool,
    /// Whether the present head announces a body. What follows is not looked at: requests with bodies are refused, those of our own
    /// dashboard excepted, and nothing follows them on their connection that anybody in front could have sent.
    has_body: bool,
    is_over: bool,
}

impl Head {
    /// Looks at what came, and spoils what may not stand there.
    fn look(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.is_over {
                return;
            }
            if *byte == b'\n' {
                if !self.is_after_return {
                    *byte = 0;
                    self.is_over = true;
                    return;
                }
                self.end_line();
            } else if self.line.len() < KEPT_BYTES {
                self.line.push(byte.to_ascii_lowercase());
            }
            self.is_after_return = *byte == b'\r';
        }
    }

    fn end_line(&mut self) {
        let is_blank = self.line == b"\r";
        self.has_body |= BODY_FIELDS.iter().any(|name| self.line.starts_with(name))
            && !NO_BODY.contains(&self.line.as_slice());
        self.is_over = is_blank && self.has_body;
        self.line.clear();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StrictLines<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Some(came) = buffer.filled_mut().get_mut(before..) {
            self.head.look(came);
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StrictLines<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is handed on of bytes that come in pieces of `size`.
    fn handed_on(sent: &[u8], size: usize) -> Vec<u8> {
        let mut head = Head::default();
        let mut came = sent.to_vec();
        for piece in came.chunks_mut(size) {
            head.look(piece);
        }
        came
    }

    #[test]
    fn heads_are_handed_on_as_they_come_and_bodies_too() {
        for sent in [
            &b"GET / HTTP/1.1\r\nhost: h\r\n\r\nGET /b HTTP/1.1\r\nhost: h\r\n\r\n"[..],
            b"\r\nGET / HTTP/1.1\r\nhost: h\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 3\r\nhost: h\r\n\r\n\n\n\n",
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\n\n0\n\n",
        ] {
            for size in [1, 2, 3, 7, 1000] {
                assert_eq!(handed_on(sent, size), sent);
            }
        }
    }

    #[test]
    fn a_bare_line_feed_in_a_head_is_spoilt_wherever_it_stands() {
        for sent in [
            &b"GET / HTTP/1.1\nhost: h\n\n"[..],
            b"\nGET / HTTP/1.1\r\nhost: h\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: h\nx: y\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: h\r\n\n",
            b"GET / HTTP/1.1\r\nhost: h\r\n\r\nGET /b HTTP/1.1\nhost: h\n\n",
            b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\nGET /b HTTP/1.1\nhost: h\n\n",
        ] {
            let bare = (0..sent.len())
                .find(|at| sent[*at] == b'\n' && (*at == 0 || sent[at - 1] != b'\r'))
                .unwrap();
            for size in [1, 2, 3, 7, 1000] {
                let mut expected = sent.to_vec();
                expected[bare] = 0;
                assert_eq!(handed_on(sent, size), expected);
            }
        }
    }
}
