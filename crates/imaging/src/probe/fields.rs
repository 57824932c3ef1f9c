//! Integer fields of headers. Every read says whether the bytes were there.

use crate::error::ImagingError;

/// Big-endian, as in JPEG, PNG and AVIF.
pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|field| u16::from_be_bytes(*field))
}

pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|field| u32::from_be_bytes(*field))
}

/// Little-endian, as in WebP and GIF.
pub(super) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|field| u16::from_le_bytes(*field))
}

pub(super) fn le24(bytes: &[u8], at: usize) -> Option<u32> {
    let field: &[u8; 3] = bytes.get(at..)?.first_chunk()?;
    let [low, middle, high] = *field;
    Some(u32::from_le_bytes([low, middle, high, 0]))
}

pub(super) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|field| u32::from_le_bytes(*field))
}

/// A header that ends before it says what it must is a cut file.
pub(super) fn required<T>(field: Option<T>) -> Result<T, ImagingError> {
    field.ok_or(ImagingError::Truncated)
}
