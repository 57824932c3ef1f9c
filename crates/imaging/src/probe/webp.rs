//! WebP headers: the RIFF container and the first bytes of its picture.
//!
//! Source: the WebP container specification, RFC 9649.

use super::{
    ImageInfo, Orientation, corrupt, exif,
    fields::{le16, le24, le32, required},
    jpeg::MAX_PROFILE_BYTES,
};
use crate::{error::ImagingError, format::ImageFormat, geometry::Size};

const CONTAINER_HEADER_BYTES: usize = 12;

/// What the container says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    size: Size,
    has_alpha: bool,
    pub(crate) is_animated: bool,
    frames: u32,
    orientation: Orientation,
    pub(crate) profile: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ImagingError> {
        let declared = required(le32(bytes, 4))? as usize;
        let mut chunks = Chunks {
            rest: bytes.get(CONTAINER_HEADER_BYTES..).unwrap_or_default(),
        };
        let (name, data) = required(chunks.next())?;
        let mut header = match &name {
            b"VP8 " => Self::of(lossy_size(data)?, false),
            b"VP8L" => lossless(data)?,
            b"VP8X" => extended(data)?,
            _ => return Err(corrupt("the first chunk is no picture")),
        };
        if &name == b"VP8X" {
            header.read_chunks(chunks)?;
        }
        // the picture is refused for its size before it is refused for its end: both are true of a bomb
        if declared.saturating_add(8) > bytes.len() && header.size.area() < u64::from(u32::MAX >> 4)
        {
            return Err(ImagingError::Truncated);
        }
        Ok(header)
    }

    pub(crate) fn info(&self) -> ImageInfo {
        ImageInfo {
            format: ImageFormat::WebP,
            stored_size: self.size,
            orientation: self.orientation,
            has_alpha: self.has_alpha,
            frames: self.frames.max(1),
            has_profile: self.profile.is_some(),
            quality: None,
        }
    }

    fn of(size: Size, has_alpha: bool) -> Self {
        Self {
            size,
            has_alpha,
            is_animated: false,
            frames: 1,
            orientation: Orientation::Upright,
            profile: None,
        }
    }

    fn read_chunks(&mut self, chunks: Chunks<'a>) -> Result<(), ImagingError> {
        let mut frames = 0u32;
        for (name, data) in chunks {
            match &name {
                b"EXIF" => self.orientation = exif::orientation(data),
                b"ICCP" if data.len() <= MAX_PROFILE_BYTES => self.profile = Some(data),
                b"ANMF" => frames = frames.saturating_add(1),
                b"VP8 " | b"VP8L" if !self.is_animated => self.check_picture(name, data)?,
                _ => {}
            }
        }
        self.frames = if self.is_animated { frames } else { 1 };
        Ok(())
    }

    /// The canvas and the picture on it each declare a size, and a decoder may believe either.
    fn check_picture(&self, name: [u8; 4], data: &[u8]) -> Result<(), ImagingError> {
        let size = if &name == b"VP8L" {
            lossless(data)?.size
        } else {
            lossy_size(data)?
        };
        if size == self.size {
            Ok(())
        } else {
            Err(corrupt("canvas and picture differ in size"))
        }
    }
}

fn lossy_size(data: &[u8]) -> Result<Size, ImagingError> {
    if required(data.get(3..6))? != b"\x9d\x01\x2a" {
        return Err(corrupt("no VP8 key frame"));
    }
    let side = |at| Ok::<_, ImagingError>(u32::from(required(le16(data, at))? & 0x3fff));
    Ok(Size {
        width: side(6)?,
        height: side(8)?,
    })
}

fn lossless<'a>(data: &[u8]) -> Result<Header<'a>, ImagingError> {
    if *required(data.first())? != 0x2f {
        return Err(corrupt("no VP8L signature"));
    }
    let bits = required(le32(data, 1))?;
    let size = Size {
        width: (bits & 0x3fff) + 1,
        height: ((bits >> 14) & 0x3fff) + 1,
    };
    Ok(Header::of(size, bits & (1 << 28) != 0))
}

fn extended<'a>(data: &[u8]) -> Result<Header<'a>, ImagingError> {
    let flags = *required(data.first())?;
    let size = Size {
        width: required(le24(data, 4))? + 1,
        height: required(le24(data, 7))? + 1,
    };
    let mut header = Header::of(size, flags & 0x10 != 0);
    header.is_animated = flags & 0x02 != 0;
    Ok(header)
}

/// The chunks of the container; the last one may be cut, which its reader or the decoder notices.
pub(crate) struct Chunks<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let name: [u8; 4] = *self.rest.first_chunk()?;
        let length = usize::try_from(le32(self.rest, 4)?).ok()?;
        let data = self.rest.get(8..)?;
        let data = data.get(..length).unwrap_or(data);
        let padded = length.checked_add(8 + length % 2)?;
        self.rest = self.rest.get(padded..).unwrap_or_default();
        Some((name, data))
    }
}
