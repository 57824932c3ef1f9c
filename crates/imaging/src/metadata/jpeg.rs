//! Metadata in JPEG: application segments behind the start of the image.
//!
//! Source: JFIF 1.02; EXIF 2.32, 4.7; XMP part 3, 1.1.3; ICC.1:2010 annex B.4.

use super::Metadata;
use crate::probe::jpeg::Segments;

const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const IPTC: &[u8] = b"Photoshop 3.0\0";
const PROFILE: &[u8] = b"ICC_PROFILE\0";
/// Bytes behind a segment's length field, which counts itself.
const MAX_PAYLOAD: usize = 65_533;
/// Density in dots per inch, as JFIF counts units.
const PER_INCH: u8 = 1;

pub(super) fn read(source: &[u8]) -> Metadata {
    let mut found = Metadata::default();
    for segment in Segments::of(source).map_while(Result::ok) {
        match segment {
            (0xe1, payload) => {
                if let Some(exif) = payload.strip_prefix(EXIF) {
                    found.exif.get_or_insert_with(|| exif.to_vec());
                } else if let Some(xmp) = payload.strip_prefix(XMP) {
                    found.xmp.get_or_insert_with(|| xmp.to_vec());
                }
            }
            (0xed, payload) => {
                if let Some(iptc) = payload.strip_prefix(IPTC) {
                    found.iptc.get_or_insert_with(|| iptc.to_vec());
                }
            }
            _ => {}
        }
    }
    found
}

pub(super) fn embed(metadata: &Metadata, encoded: &[u8]) -> Option<Vec<u8>> {
    let rest = encoded.strip_prefix(b"\xff\xd8")?;
    let (jfif, rest) = split_jfif(rest);
    let mut output = b"\xff\xd8".to_vec();
    let mut jfif = jfif.to_vec();
    if let (Some(density), Some(field)) = (metadata.density, jfif.get_mut(11..16)) {
        let [high, low] = density.to_be_bytes();
        field.copy_from_slice(&[PER_INCH, high, low, high, low]);
    }
    output.extend(jfif);
    for (marker, name, data) in [
        (0xe1, EXIF, &metadata.exif),
        (0xe1, XMP, &metadata.xmp),
        (0xed, IPTC, &metadata.iptc),
    ] {
        if let Some(data) = data {
            push_segment(&mut output, marker, &[name, data]);
        }
    }
    if let Some(profile) = &metadata.profile {
        let parts = profile.chunks(MAX_PAYLOAD - PROFILE.len() - 2);
        let count = u8::try_from(parts.len()).ok()?;
        for (number, part) in (1..=count).zip(parts) {
            push_segment(&mut output, 0xe2, &[PROFILE, &[number, count], part]);
        }
    }
    output.extend_from_slice(rest);
    Some(output)
}

/// The JFIF segment, which has to come first, and what follows it.
fn split_jfif(rest: &[u8]) -> (&[u8], &[u8]) {
    if !rest.starts_with(b"\xff\xe0") || rest.get(4..9) != Some(b"JFIF\0") {
        return (&[], rest);
    }
    let length = rest
        .get(2..4)
        .and_then(|field| field.first_chunk())
        .map_or(0, |field| usize::from(u16::from_be_bytes(*field)));
    rest.split_at_checked(2 + length).unwrap_or((&[], rest))
}

/// What is too long for a segment is left out.
fn push_segment(output: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length > MAX_PAYLOAD {
        return;
    }
    let Ok(field) = u16::try_from(length + 2) else {
        return;
    };
    output.extend([0xff, marker]);
    output.extend(field.to_be_bytes());
    for part in parts {
        output.extend_from_slice(part);
    }
}
