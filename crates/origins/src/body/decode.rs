//! Content encodings. We ask for `identity`; some origins send gzip all the same.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use http::{HeaderMap, header};
use limpid_domain::failure::{AttemptFailure, Reason};

use crate::attempt::{AttemptResult, failure};
use crate::classify::text::printable;

/// Encoded bytes decoded in one go; some 100 µs of work, then other tasks get their turn.
const PIECE_BYTES: usize = 8 * 1024;

/// Encodings of one body. A server that compresses a file which is stored compressed makes two.
const MAX_ENCODINGS: usize = 3;

/// Decoded bytes handed on at a time.
const OUTPUT_BYTES: usize = 32 * 1024;

/// Undoes the content encodings of a body, never holding more than the limit of each.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// Under way: the encoding that was applied last.
    outermost: Encoding,
    /// To be undone after it, in this order.
    inner: Vec<Name>,
    max_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Gzip,
    Deflate,
}

#[derive(Debug)]
enum Encoding {
    Gzip(MultiGzDecoder<Bounded>),
    /// Zlib by the standard, but the first two bytes decide, as soon as both are there: some servers send the bare stream.
    DeflateUnseen(Bounded, Vec<u8>),
    Deflate(Inflater),
}

/// Undoes one stream of zlib or bare deflate, and knows whether it has ended.
#[derive(Debug)]
struct Inflater {
    stream: Decompress,
    has_ended: bool,
    sink: Bounded,
}

/// A buffer that refuses to grow past its limit.
#[derive(Debug)]
struct Bounded {
    bytes: Vec<u8>,
    max_bytes: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("decoded body exceeds its limit")]
struct LimitReached;

impl Decoder {
    /// The decoder an answer needs; `None` for plain bodies.
    ///
    /// Errors: `content_encoding_invalid` for encodings we can't undo and did not ask for.
    pub(crate) fn for_answer(headers: &HeaderMap, max_bytes: u64) -> AttemptResult<Option<Self>> {
        refuse_transfer_codings(headers)?;
        let mut inner = named(headers)?;
        inner.reverse();
        let Some(outermost) = inner.first().copied() else {
            return Ok(None);
        };
        if inner.len() > MAX_ENCODINGS {
            let note =
                format!("encoded more than {MAX_ENCODINGS} times, although asked for identity");
            return Err(failure(Reason::ContentEncodingInvalid, note));
        }
        inner.remove(0);
        Ok(Some(Self {
            outermost: Encoding::new(outermost, max_bytes),
            inner,
            max_bytes,
        }))
    }

    /// Decodes some more bytes, yielding now and then.
    pub(crate) async fn feed(&mut self, encoded: &[u8]) -> AttemptResult<()> {
        self.outermost.feed(encoded, self.max_bytes).await
    }

    /// The decoded body, if its encodings ended properly.
    pub(crate) async fn finish(self) -> AttemptResult<Bytes> {
        let mut decoded = self.outermost.finish(self.max_bytes)?;
        for name in self.inner {
            let mut encoding = Encoding::new(name, self.max_bytes);
            encoding.feed(&decoded, self.max_bytes).await?;
            decoded = encoding.finish(self.max_bytes)?;
        }
        Ok(Bytes::from(decoded))
    }
}

/// `chunked` was undone with the framing; whatever else is named there is still on the bytes, or what they are is anybody's guess.
/// Source: RFC 9112 section 6.1.
fn refuse_transfer_codings(headers: &HeaderMap) -> AttemptResult<()> {
    for field in headers.get_all(header::TRANSFER_ENCODING) {
        let field = String::from_utf8_lossy(field.as_bytes()).to_ascii_lowercase();
        let mut names = field.split(',').map(str::trim);
        let other = names.find(|name| !matches!(*name, "" | "chunked" | "identity"));
        if let Some(other) = other {
            let other = printable(other);
            let note = format!("transferred as {other}, although nothing was asked for");
            return Err(failure(Reason::ContentEncodingInvalid, note));
        }
    }
    Ok(())
}

/// The encodings in the order in which they were applied, of all fields together. Source: RFC 9110 section 8.4.
fn named(headers: &HeaderMap) -> AttemptResult<Vec<Name>> {
    let mut names = Vec::new();
    for field in headers.get_all(header::CONTENT_ENCODING) {
        let field = String::from_utf8_lossy(field.as_bytes()).to_ascii_lowercase();
        for name in field.split(',').map(str::trim) {
            match name {
                // `aws-chunked` is how uploads were framed; some tools store it as if it were an encoding of the object.
                "" | "identity" | "aws-chunked" => {}
                "gzip" | "x-gzip" => names.push(Name::Gzip),
                "deflate" => names.push(Name::Deflate),
                other => {
                    let other = printable(other);
                    let note = format!("encoded as {other}, although asked for identity");
                    return Err(failure(Reason::ContentEncodingInvalid, note));
                }
            }
        }
    }
    Ok(names)
}

impl Encoding {
    fn new(name: Name, max_bytes: u64) -> Self {
        let sink = Bounded {
            bytes: Vec::new(),
            max_bytes,
        };
        match name {
            Name::Gzip => Self::Gzip(MultiGzDecoder::new(sink)),
            Name::Deflate => Self::DeflateUnseen(sink, Vec::new()),
        }
    }

    async fn feed(&mut self, encoded: &[u8], max_bytes: u64) -> AttemptResult<()> {
        for piece in encoded.chunks(PIECE_BYTES) {
            self.write(piece)
                .map_err(|error| classify(&error, max_bytes))?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.write_all(piece),
            Self::Deflate(inflater) => inflater.write(piece),
            Self::DeflateUnseen(sink, beginning) => {
                beginning.extend_from_slice(piece);
                let Some(is_zlib) = looks_like_zlib(beginning) else {
                    return Ok(());
                };
                let beginning = std::mem::take(beginning);
                let mut inflater = Inflater {
                    stream: Decompress::new(is_zlib),
                    has_ended: false,
                    sink: Bounded {
                        bytes: std::mem::take(&mut sink.bytes),
                        max_bytes: sink.max_bytes,
                    },
                };
                let written = inflater.write(&beginning);
                *self = Self::Deflate(inflater);
                written
            }
        }
    }

    fn finish(self, max_bytes: u64) -> AttemptResult<Vec<u8>> {
        let sink = match self {
            Self::Gzip(decoder) => decoder.finish(),
            Self::Deflate(inflater) if !inflater.has_ended => {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Self::Deflate(inflater) => Ok(inflater.sink),
            Self::DeflateUnseen(_, beginning) if !beginning.is_empty() => {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Self::DeflateUnseen(sink, _) => Ok(sink),
        };
        sink.map(|sink| sink.bytes)
            .map_err(|error| classify(&error, max_bytes))
    }
}

impl Inflater {
    fn write(&mut self, mut piece: &[u8]) -> io::Result<()> {
        let mut output = Vec::with_capacity(OUTPUT_BYTES);
        while !self.has_ended {
            let (read, written) = (self.stream.total_in(), self.stream.total_out());
            let status = self
                .stream
                .decompress_vec(piece, &mut output, FlushDecompress::None)
                .map_err(io::Error::other)?;
            let read = usize::try_from(self.stream.total_in() - read).unwrap_or(usize::MAX);
            piece = piece.get(read..).unwrap_or_default();
            self.sink.write_all(&output)?;
            output.clear();
            self.has_ended = status == Status::StreamEnd;
            let is_stuck = read == 0 && self.stream.total_out() == written;
            if is_stuck && !self.has_ended {
                return Ok(());
            }
        }
        // Bytes after the end belong to nothing.
        if piece.is_empty() {
            Ok(())
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}

impl Write for Bounded {
    fn write(&mut self, decoded: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() as u64).saturating_add(decoded.len() as u64) > self.max_bytes {
            return Err(io::Error::other(LimitReached));
        }
        self.bytes.extend_from_slice(decoded);
        Ok(decoded.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Source: RFC 1950 section 2.2: method 8, and the first two bytes are a multiple of 31. `None` until both are there.
fn looks_like_zlib(beginning: &[u8]) -> Option<bool> {
    let [method, flags, ..] = beginning else {
        return None;
    };
    Some(method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31))
}

fn classify(error: &io::Error, max_bytes: u64) -> Box<AttemptFailure> {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<LimitReached>());
    if inner.is_some() {
        return super::too_large(&format!("more than {max_bytes} bytes, decoded"), max_bytes);
    }
    failure(
        Reason::ContentEncodingInvalid,
        "the body is not what its Content-Encoding says, or ends too early",
    )
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    async fn decode(encoding: &'static str, body: &[u8], max_bytes: u64) -> AttemptResult<Bytes> {
        let mut headers = HeaderMap::new();
        for field in encoding.split(';') {
            headers.append(header::CONTENT_ENCODING, field.parse().unwrap());
        }
        let mut decoder = Decoder::for_answer(&headers, max_bytes)?.unwrap();
        decoder.feed(body).await?;
        decoder.finish().await
    }

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn gzip_and_both_kinds_of_deflate_are_undone() {
        let body = b"picture".repeat(1000);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&body).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::fast());
        bare.write_all(&body).unwrap();
        for (name, encoded) in [
            ("gzip", gzip(&body)),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", bare.finish().unwrap()),
        ] {
            assert_eq!(decode(name, &encoded, 1 << 20).await.unwrap(), body);
        }
    }

    #[tokio::test]
    async fn encodings_upon_encodings_are_undone_last_first() {
        let body = b"picture".repeat(1000);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&gzip(&body)).unwrap();
        let both = zlib.finish().unwrap();
        for names in ["gzip, deflate", "gzip;deflate", "identity, GZIP,, Deflate"] {
            assert_eq!(
                decode(names, &both, 1 << 20).await.unwrap(),
                body,
                "{names}"
            );
        }
        for names in [
            "deflate, gzip",
            "gzip, deflate, br",
            "gzip, gzip, gzip, deflate",
        ] {
            let failed = decode(names, &both, 1 << 20).await.unwrap_err();
            assert_eq!(failed.reason, Reason::ContentEncodingInvalid, "{names}");
        }
    }

    #[tokio::test]
    async fn a_stream_cut_short_or_with_a_tail_is_invalid() {
        let body = b"picture".repeat(1000);
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::fast());
        bare.write_all(&body).unwrap();
        let bare = bare.finish().unwrap();
        let longer = [&bare[..], b"tail"].concat();
        for encoded in [&bare[..bare.len() - 1], &bare[..1], &longer] {
            let failed = decode("deflate", encoded, 1 << 20).await.unwrap_err();
            assert_eq!(failed.reason, Reason::ContentEncodingInvalid);
        }
    }

    #[tokio::test]
    async fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![0; 4 << 20]);
        let failed = decode("gzip", &bomb, 1 << 16).await.unwrap_err();
        assert_eq!(failed.reason, Reason::SourceTooLarge);
    }

    #[tokio::test]
    async fn broken_and_unknown_encodings_are_named() {
        let whole = gzip(b"picture");
        for (name, body) in [
            ("gzip", &whole[..whole.len() - 6]),
            ("gzip", b"not gzip at all"),
            ("br", b"whatever"),
        ] {
            let failed = decode(name, body, 1 << 20).await.unwrap_err();
            assert_eq!(failed.reason, Reason::ContentEncodingInvalid, "{name}");
        }
    }
}
