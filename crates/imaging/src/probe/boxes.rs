//! The box structure of ISO base media files.

use super::fields::{be32, required};
use crate::error::ImagingError;

/// One box: its type and what is inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IsoBox<'a> {
    pub(crate) kind: [u8; 4],
    pub(crate) body: &'a [u8],
}

impl<'a> IsoBox<'a> {
    /// Version, flags and the rest of a box that has them.
    pub(crate) fn versioned(&self) -> Result<(u8, u32, &'a [u8]), ImagingError> {
        let word = required(be32(self.body, 0))?;
        let [version, ..] = word.to_be_bytes();
        Ok((
            version,
            word & 0x00ff_ffff,
            self.body.get(4..).unwrap_or_default(),
        ))
    }
}

/// The boxes of a sequence; ends at the first one that isn't complete, after an error for it.
pub(crate) fn boxes(bytes: &[u8]) -> impl Iterator<Item = Result<IsoBox<'_>, ImagingError>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((found, after)) = split(rest) else {
            rest = &[];
            return Some(Err(ImagingError::Truncated));
        };
        rest = after;
        Some(Ok(found))
    })
}

fn split(bytes: &[u8]) -> Option<(IsoBox<'_>, &[u8])> {
    let kind: [u8; 4] = *bytes.get(4..)?.first_chunk()?;
    let (header, length) = match be32(bytes, 0)? {
        0 => (8, bytes.len()),
        1 => (
            16,
            usize::try_from(u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?)).ok()?,
        ),
        length => (8, usize::try_from(length).ok()?),
    };
    let body = bytes.get(header..length)?;
    Some((IsoBox { kind, body }, bytes.get(length..)?))
}

/// Reads integers one after the other.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// A big-endian integer of 0 to 8 bytes.
    pub(crate) fn uint(&mut self, length: usize) -> Result<u64, ImagingError> {
        let (field, rest) = required(self.rest.split_at_checked(length))?;
        self.rest = rest;
        Ok(field
            .iter()
            .fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ImagingError> {
        u32::try_from(self.uint(4)?).map_err(|_| ImagingError::Truncated)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, ImagingError> {
        u16::try_from(self.uint(2)?).map_err(|_| ImagingError::Truncated)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ImagingError> {
        u8::try_from(self.uint(1)?).map_err(|_| ImagingError::Truncated)
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// An item id: 16 bits in old versions of a box, 32 in new ones.
    pub(crate) fn item_id(&mut self, is_wide: bool) -> Result<u32, ImagingError> {
        if is_wide {
            self.u32()
        } else {
            self.u16().map(u32::from)
        }
    }
}
