//! Metadata in PNG: chunks behind the header.
//!
//! Source: PNG specification, third edition, 11.3; XMP part 3, 1.1.5.

use std::io::{Read, Write};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

use super::Metadata;
use crate::probe::png::Chunks;

const SIGNATURE_BYTES: usize = 8;
/// Signature and header chunk: 8 + 4 + 4 + 13 + 4.
const HEADER_END: usize = 33;
const XMP_KEYWORD: &[u8] = b"XML:com.adobe.xmp\0";
const PROFILE_NAME: &[u8] = b"icc\0";
const DEFLATE: u8 = 0;
/// What a compressed text may unpack to. Units: bytes.
const MAX_TEXT_BYTES: u64 = 1 << 20;
const INCHES_PER_METRE: f64 = 1.0 / 0.0254;

pub(super) fn read(source: &[u8]) -> Metadata {
    let mut found = Metadata::default();
    let chunks = Chunks {
        rest: source.get(SIGNATURE_BYTES..).unwrap_or_default(),
    };
    for (name, data) in chunks {
        match &name {
            b"eXIf" => {
                let exif = data.strip_prefix(b"Exif\0\0").unwrap_or(data);
                found.exif.get_or_insert_with(|| exif.to_vec());
            }
            b"iTXt" => {
                if let Some(text) = data.strip_prefix(XMP_KEYWORD).and_then(text_of) {
                    found.xmp.get_or_insert(text);
                }
            }
            _ => {}
        }
    }
    found
}

/// The text behind the keyword: a flag and a method of compression, a language, a translated keyword, the text.
fn text_of(rest: &[u8]) -> Option<Vec<u8>> {
    let (is_compressed, rest) = rest.split_first()?;
    let mut fields = rest.get(1..)?.splitn(3, |byte| *byte == 0);
    let text = fields.nth(2)?;
    if *is_compressed == 0 {
        return Some(text.to_vec());
    }
    let mut unpacked = Vec::new();
    let mut decoder = ZlibDecoder::new(text).take(MAX_TEXT_BYTES);
    decoder.read_to_end(&mut unpacked).ok()?;
    Some(unpacked)
}

pub(super) fn embed(metadata: &Metadata, encoded: &[u8]) -> Option<Vec<u8>> {
    let (header, rest) = encoded.split_at_checked(HEADER_END)?;
    let mut output = header.to_vec();
    if let Some(profile) = &metadata.profile {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(profile).ok()?;
        let packed = zlib.finish().ok()?;
        push_chunk(&mut output, *b"iCCP", &[PROFILE_NAME, &[DEFLATE], &packed]);
    }
    if let Some(density) = metadata.density {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "1200 dots per inch are 47 244 per metre"
        )]
        let per_metre = (f64::from(density) * INCHES_PER_METRE).round() as u32;
        let field = per_metre.to_be_bytes();
        push_chunk(&mut output, *b"pHYs", &[&field, &field, &[1]]);
    }
    if let Some(exif) = &metadata.exif {
        push_chunk(&mut output, *b"eXIf", &[exif]);
    }
    if let Some(xmp) = &metadata.xmp {
        // not compressed, no language, no translated keyword
        push_chunk(&mut output, *b"iTXt", &[XMP_KEYWORD, &[0, 0, 0, 0], xmp]);
    }
    output.extend_from_slice(rest);
    Some(output)
}

fn push_chunk(output: &mut Vec<u8>, name: [u8; 4], parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let Ok(field) = u32::try_from(length) else {
        return;
    };
    let mut sum = crc32fast::Hasher::new();
    output.extend(field.to_be_bytes());
    for part in std::iter::once(&name.as_slice()).chain(parts) {
        sum.update(part);
        output.extend_from_slice(part);
    }
    output.extend(sum.finalize().to_be_bytes());
}
