//! PNG headers: a walk over all chunks by their lengths, no decompression.

use super::{ImageInfo, Orientation, corrupt, exif, fields::be32, fields::required};
use crate::{error::ImagingError, format::ImageFormat, geometry::Size};

const SIGNATURE_BYTES: usize = 8;

/// What the chunks say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    size: Size,
    color_type: u8,
    has_transparency_chunk: bool,
    has_profile: bool,
    frames: u32,
    orientation: Orientation,
    /// Whether the last chunk is there; decoders that stop after the pixels don't notice.
    pub(crate) has_end: bool,
}

impl Header {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ImagingError> {
        let mut chunks = Chunks {
            rest: bytes.get(SIGNATURE_BYTES..).unwrap_or_default(),
        };
        let (name, header) = required(chunks.next())?;
        if name != *b"IHDR" {
            return Err(corrupt("the first chunk is not IHDR"));
        }
        let size = Size {
            width: required(be32(header, 0))?,
            height: required(be32(header, 4))?,
        };
        let color_type = *required(header.get(9))?;
        let mut parsed = Self {
            size,
            color_type,
            has_transparency_chunk: false,
            has_profile: false,
            frames: 1,
            orientation: Orientation::Upright,
            has_end: false,
        };
        let (mut declared, mut frames) = (None, 0u32);
        for (name, data) in chunks {
            match &name {
                b"tRNS" => parsed.has_transparency_chunk = true,
                b"iCCP" => parsed.has_profile = true,
                b"eXIf" => parsed.orientation = exif::orientation(data),
                b"acTL" => declared = be32(data, 0),
                b"fcTL" => frames = frames.saturating_add(1),
                b"IEND" => parsed.has_end = true,
                _ => {}
            }
        }
        if let Some(declared) = declared {
            if frames < declared && !parsed.has_end {
                return Err(ImagingError::Truncated);
            }
            parsed.frames = frames.max(1);
        }
        Ok(parsed)
    }

    pub(crate) fn info(&self) -> ImageInfo {
        ImageInfo {
            format: ImageFormat::Png,
            stored_size: self.size,
            orientation: self.orientation,
            has_alpha: self.has_transparency_chunk || matches!(self.color_type, 4 | 6),
            frames: self.frames,
            has_profile: self.has_profile,
            quality: None,
        }
    }
}

/// Whether the check sums of all parts of the picture are right, which needs no decompression.
pub(crate) fn has_intact_data(bytes: &[u8]) -> bool {
    let mut chunks = Chunks {
        rest: bytes.get(SIGNATURE_BYTES..).unwrap_or_default(),
    };
    loop {
        let chunk = chunks.rest;
        let Some((name, data)) = chunks.next() else {
            return true;
        };
        // of the name and the data
        let covered = chunk.get(4..8 + data.len()).unwrap_or_default();
        if name == *b"IDAT" && be32(chunk, 8 + data.len()) != Some(crc32fast::hash(covered)) {
            return false;
        }
    }
}

/// The chunks that are complete.
pub(crate) struct Chunks<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::try_from(be32(self.rest, 0)?).ok()?;
        let name: [u8; 4] = *self.rest.get(4..)?.first_chunk()?;
        let data = self.rest.get(8..)?.get(..length)?;
        // the check sum behind the data has to be there too
        self.rest = self.rest.get(8 + length..)?.get(4..)?;
        Some((name, data))
    }
}
