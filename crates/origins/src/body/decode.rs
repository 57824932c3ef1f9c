//! Content encodings. We ask for `identity`; some origins send gzip all the same.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderValue;
use limpid_domain::failure::{AttemptFailure, Reason};

use crate::attempt::{AttemptResult, failure};
use crate::classify::text::printable;

/// Encoded bytes decoded in one go; some 100 µs of work, then other tasks get their turn.
const PIECE_BYTES: usize = 8 * 1024;

/// Undoes one content encoding, never holding more than the limit.
#[derive(Debug)]
pub(super) struct Decoder {
    encoding: Encoding,
    max_bytes: u64,
}

#[derive(Debug)]
enum Encoding {
    Gzip(MultiGzDecoder<Bounded>),
    /// Zlib by the standard, but the first two bytes decide: some servers send the bare stream.
    DeflateUnseen(Bounded),
    Zlib(ZlibDecoder<Bounded>),
    BareDeflate(DeflateDecoder<Bounded>),
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
    pub(super) fn for_encoding(
        header: Option<&HeaderValue>,
        max_bytes: u64,
    ) -> AttemptResult<Option<Self>> {
        let Some(header) = header else {
            return Ok(None);
        };
        let name = String::from_utf8_lossy(header.as_bytes())
            .trim()
            .to_ascii_lowercase();
        let sink = Bounded {
            bytes: Vec::new(),
            max_bytes,
        };
        let encoding = match name.as_str() {
            // `aws-chunked` is how uploads were framed; some tools store it as if it were an encoding of the object.
            "" | "identity" | "aws-chunked" => return Ok(None),
            "gzip" | "x-gzip" => Encoding::Gzip(MultiGzDecoder::new(sink)),
            "deflate" => Encoding::DeflateUnseen(sink),
            other => {
                let note = format!(
                    "encoded as {}, although asked for identity",
                    printable(other)
                );
                return Err(failure(Reason::ContentEncodingInvalid, note));
            }
        };
        Ok(Some(Self {
            encoding,
            max_bytes,
        }))
    }

    /// Decodes some more bytes, yielding now and then.
    pub(super) async fn feed(&mut self, encoded: &[u8]) -> AttemptResult<()> {
        for piece in encoded.chunks(PIECE_BYTES) {
            self.encoding
                .write(piece)
                .map_err(|error| classify(&error, self.max_bytes))?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The decoded body, if the encoding ended properly.
    pub(super) fn finish(self) -> AttemptResult<Bytes> {
        self.encoding
            .finish()
            .map(|sink| Bytes::from(sink.bytes))
            .map_err(|error| classify(&error, self.max_bytes))
    }
}

impl Encoding {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        if let Self::DeflateUnseen(sink) = self {
            let sink = Bounded {
                bytes: std::mem::take(&mut sink.bytes),
                max_bytes: sink.max_bytes,
            };
            *self = if looks_like_zlib(piece) {
                Self::Zlib(ZlibDecoder::new(sink))
            } else {
                Self::BareDeflate(DeflateDecoder::new(sink))
            };
        }
        match self {
            Self::Gzip(decoder) => decoder.write_all(piece),
            Self::Zlib(decoder) => decoder.write_all(piece),
            Self::BareDeflate(decoder) => decoder.write_all(piece),
            Self::DeflateUnseen(_) => Ok(()),
        }
    }

    fn finish(self) -> io::Result<Bounded> {
        match self {
            Self::Gzip(decoder) => decoder.finish(),
            Self::Zlib(decoder) => decoder.finish(),
            Self::BareDeflate(decoder) => decoder.finish(),
            Self::DeflateUnseen(sink) => Ok(sink),
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

/// Source: RFC 1950 section 2.2: method 8, and the first two bytes are a multiple of 31.
fn looks_like_zlib(beginning: &[u8]) -> bool {
    match beginning {
        [method, flags, ..] => {
            method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        _ => true,
    }
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
        let header = HeaderValue::from_static(encoding);
        let mut decoder = Decoder::for_encoding(Some(&header), max_bytes)?.unwrap();
        decoder.feed(body).await?;
        decoder.finish()
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
