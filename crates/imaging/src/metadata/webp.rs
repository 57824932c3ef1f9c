//! Metadata in WebP: chunks of the extended container, which is made where the encoder wrote the simple one.
//!
//! Source: RFC 9649, section 2.7.

use super::Metadata;
use crate::probe::{
    exif,
    webp::{Chunks, Header},
};

const CONTAINER_HEADER_BYTES: usize = 12;
const HAS_PROFILE: u8 = 0x20;
const HAS_ALPHA: u8 = 0x10;
const HAS_EXIF: u8 = 0x08;
const HAS_XMP: u8 = 0x04;

pub(super) fn read(source: &[u8]) -> Metadata {
    let mut found = Metadata::default();
    for (name, data) in chunks(source) {
        match &name {
            b"EXIF" => {
                let exif = data.strip_prefix(b"Exif\0\0").unwrap_or(data);
                found.exif.get_or_insert_with(|| exif.to_vec());
            }
            b"XMP " => {
                found.xmp.get_or_insert_with(|| data.to_vec());
            }
            _ => {}
        }
    }
    found
}

pub(super) fn embed(metadata: &Metadata, encoded: &[u8]) -> Option<Vec<u8>> {
    let density = metadata.density.map(exif::of_density);
    let exif = metadata.exif.as_ref().or(density.as_ref());
    let mut body = Vec::with_capacity(encoded.len());
    body.extend(extended_header(metadata, exif.is_some(), encoded)?);
    if let Some(profile) = &metadata.profile {
        push_chunk(&mut body, *b"ICCP", profile)?;
    }
    for (name, data) in chunks(encoded) {
        if !matches!(&name, b"VP8X" | b"ICCP" | b"EXIF" | b"XMP ") {
            push_chunk(&mut body, name, data)?;
        }
    }
    if let Some(exif) = exif {
        push_chunk(&mut body, *b"EXIF", exif)?;
    }
    if let Some(xmp) = &metadata.xmp {
        push_chunk(&mut body, *b"XMP ", xmp)?;
    }
    let mut output = b"RIFF".to_vec();
    output.extend(u32::try_from(body.len() + 4).ok()?.to_le_bytes());
    output.extend(b"WEBP");
    output.extend(body);
    Some(output)
}

fn chunks(container: &[u8]) -> Chunks<'_> {
    Chunks {
        rest: container.get(CONTAINER_HEADER_BYTES..).unwrap_or_default(),
    }
}

fn extended_header(metadata: &Metadata, has_exif: bool, encoded: &[u8]) -> Option<Vec<u8>> {
    let info = Header::parse(encoded).ok()?.info();
    let (name, data) = chunks(encoded).next()?;
    let mut flags = match &name {
        b"VP8X" => *data.first()?,
        _ if info.has_alpha => HAS_ALPHA,
        _ => 0,
    };
    for (is_there, flag) in [
        (metadata.profile.is_some(), HAS_PROFILE),
        (has_exif, HAS_EXIF),
        (metadata.xmp.is_some(), HAS_XMP),
    ] {
        if is_there {
            flags |= flag;
        }
    }
    let mut payload = vec![flags, 0, 0, 0];
    for side in [info.stored_size.width, info.stored_size.height] {
        let [low, middle, high, _] = side.checked_sub(1)?.to_le_bytes();
        payload.extend([low, middle, high]);
    }
    let mut header = Vec::new();
    push_chunk(&mut header, *b"VP8X", &payload)?;
    Some(header)
}

fn push_chunk(output: &mut Vec<u8>, name: [u8; 4], data: &[u8]) -> Option<()> {
    output.extend(name);
    output.extend(u32::try_from(data.len()).ok()?.to_le_bytes());
    output.extend_from_slice(data);
    if data.len() % 2 == 1 {
        output.push(0);
    }
    Some(())
}
