//! Compressed bodies for kinds of text and SVG: brotli where accepted, else gzip. Made once with the variant, on the transform
//! pool's threads. Raster images are compressed already and never get here.
//!
//! Source: `imagekit.md` 5.11, 6.1, R162; RFC 9110 section 12.5.3.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

/// Shorter bodies don't get shorter, or not by a packet.
const MIN_BYTES: usize = 256;
/// Longer ones would hold a thread for seconds; what sends them can compress them itself.
const MAX_BYTES: usize = 8 << 20;
/// Of 0 to 11. 5 gives most of the saving in a tenth of the time of 9.
const BROTLI_QUALITY: i32 = 5;
/// Bits of the window: 4 MB.
const BROTLI_WINDOW: i32 = 22;

/// Codings a client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct AcceptedCodings {
    pub(crate) brotli: bool,
    pub(crate) gzip: bool,
}

impl AcceptedCodings {
    /// Reads the value of an `Accept-Encoding` field: named, and not with weight 0. A wildcard names gzip.
    pub(crate) fn from_accept_encoding(value: &str) -> Self {
        let (mut accepted, mut refused) = (Self::default(), Self::default());
        for coding in value.split(',') {
            let mut parts = coding.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let is_refused = parts
                .filter_map(|part| part.split_once('='))
                .filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
                .any(|(_, weight)| {
                    weight
                        .trim()
                        .parse::<f32>()
                        .is_ok_and(|weight| weight <= 0.0)
                });
            let list = if is_refused {
                &mut refused
            } else {
                &mut accepted
            };
            list.brotli |= name.eq_ignore_ascii_case("br");
            list.gzip |= ["gzip", "x-gzip", "*"]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known));
        }
        Self {
            brotli: accepted.brotli && !refused.brotli,
            gzip: accepted.gzip && !refused.gzip,
        }
    }
}

/// One body in one coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Representation<'a> {
    pub(crate) body: &'a Bytes,
    /// Value of `Content-Encoding`; none for the body as it is.
    pub(crate) coding: Option<&'static str>,
}

/// The compressed bodies of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CodedBodies {
    /// Whether this kind of body is compressed for those who ask, so that the answer depends on `Accept-Encoding`.
    pub(crate) varies: bool,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
}

impl CodedBodies {
    /// Compresses a body of `content_type`, where that is worth it.
    pub(crate) fn of(body: &Bytes, content_type: &str) -> Self {
        if !is_compressible(content_type) || !(MIN_BYTES..=MAX_BYTES).contains(&body.len()) {
            return Self::default();
        }
        let shorter = |coded: Option<Vec<u8>>| {
            let coded = coded.filter(|coded| coded.len() < body.len());
            coded.map(Bytes::from)
        };
        let (brotli, gzip) = (shorter(brotli(body)), shorter(gzip(body)));
        Self {
            varies: brotli.is_some() || gzip.is_some(),
            brotli,
            gzip,
        }
    }

    /// The best body for a client.
    pub(crate) fn choose<'a>(
        &'a self,
        plain: &'a Bytes,
        accepted: AcceptedCodings,
    ) -> Representation<'a> {
        let brotli = self.brotli.as_ref().filter(|_| accepted.brotli);
        let gzip = self.gzip.as_ref().filter(|_| accepted.gzip);
        let coded = brotli
            .map(|body| (body, "br"))
            .or(gzip.map(|body| (body, "gzip")));
        coded.map_or(
            Representation {
                body: plain,
                coding: None,
            },
            |(body, coding)| Representation {
                body,
                coding: Some(coding),
            },
        )
    }

    /// Bytes held.
    pub(crate) fn len(&self) -> usize {
        let bodies = [&self.brotli, &self.gzip];
        bodies.into_iter().flatten().map(Bytes::len).sum()
    }
}

/// Kinds of text. Not by the bytes: what a browser makes of them depends on the type alone.
fn is_compressible(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_ascii_lowercase();
    media_type.starts_with("text/")
        || media_type.ends_with("+xml")
        || media_type.ends_with("+json")
        || matches!(
            media_type.as_str(),
            "application/json"
                | "application/javascript"
                | "application/xml"
                | "application/x-javascript"
                | "application/vnd.apple.mpegurl"
                | "application/x-mpegurl"
        )
}

fn brotli(body: &[u8]) -> Option<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW,
        size_hint: body.len(),
        ..Default::default()
    };
    let mut coded = Vec::with_capacity(body.len() / 3);
    brotli::BrotliCompress(&mut &*body, &mut coded, &parameters).ok()?;
    Some(coded)
}

fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 3), Compression::default());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_is_accepted_when_named_and_not_refused() {
        let accepted = |value| {
            let AcceptedCodings { brotli, gzip } = AcceptedCodings::from_accept_encoding(value);
            (brotli, gzip)
        };
        assert_eq!(accepted("gzip, deflate, br;q=0.8"), (true, true));
        assert_eq!(accepted("br;q=0, GZIP"), (false, true));
        assert_eq!(accepted("*"), (false, true));
        assert_eq!(accepted("*, gzip;q=0"), (false, false));
        assert_eq!(accepted("identity"), (false, false));
        assert_eq!(accepted(""), (false, false));
    }

    #[test]
    fn only_texts_worth_it_are_compressed() {
        let text = Bytes::from("fill:red;".repeat(200));
        let both = CodedBodies::of(&text, "image/svg+xml");
        assert!(both.varies && both.len() < text.len());
        let all = AcceptedCodings {
            brotli: true,
            gzip: true,
        };
        assert_eq!(both.choose(&text, all).coding, Some("br"));
        let none = AcceptedCodings::default();
        assert_eq!(both.choose(&text, none).body, &text);
        for (body, content_type) in [
            (&text, "image/png"),
            (&text, "application/zip"),
            (&Bytes::from_static(b"short"), "text/css"),
        ] {
            assert_eq!(CodedBodies::of(body, content_type), CodedBodies::default());
        }
    }
}
