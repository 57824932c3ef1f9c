//! JPEG XL headers: the codestream, bare or in the boxes of a container, and what its first bits say.
//!
//! Source: ISO/IEC 18181-1 (codestream), 18181-2 (container).

use std::borrow::Cow;

use jxl_bitstream::Bitstream;
use jxl_oxide::ImageHeader;
use jxl_oxide_common::Bundle as _;

use super::{
    ImageInfo, Orientation,
    boxes::{Cursor, boxes},
    corrupt,
};
use crate::{error::ImagingError, format::ImageFormat, geometry::Size};

/// What a bare codestream begins with; a container begins with a box.
const CODESTREAM: &[u8] = b"\xff\x0a";
/// The bit in the number of a part that says that it is the last.
const IS_LAST: u32 = 1 << 31;

/// The coded picture and what it says of itself.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    /// Without its container, so that a decoder never sees what else is in there.
    pub(crate) codestream: Cow<'a, [u8]>,
    /// As it is to be seen: the decoder turns it upright.
    pub(crate) size: Size,
    pub(crate) has_alpha: bool,
    pub(crate) has_profile: bool,
}

impl<'a> Header<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ImagingError> {
        let codestream = codestream(bytes)?;
        let header = ImageHeader::parse(&mut Bitstream::new(&codestream), ()).map_err(|error| {
            if error.unexpected_eof() {
                ImagingError::Truncated
            } else {
                corrupt(error.to_string())
            }
        })?;
        let metadata = &header.metadata;
        Ok(Self {
            size: Size {
                width: header.width_with_orientation(),
                height: header.height_with_orientation(),
            },
            has_alpha: metadata.alpha().is_some(),
            has_profile: metadata.colour_encoding.want_icc(),
            codestream,
        })
    }

    pub(crate) fn info(&self) -> ImageInfo {
        ImageInfo {
            format: ImageFormat::Jxl,
            stored_size: self.size,
            orientation: Orientation::Upright,
            has_alpha: self.has_alpha,
            // of a moving picture only the first frame is shown
            frames: 1,
            has_profile: self.has_profile,
            quality: None,
        }
    }
}

/// The codestream: the whole file, one box, or several boxes that have to be joined.
fn codestream(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ImagingError> {
    if bytes.starts_with(CODESTREAM) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut joined = Vec::new();
    let mut next = 0;
    for found in boxes(bytes) {
        let found = found?;
        match &found.kind {
            b"jxlc" => return Ok(Cow::Borrowed(found.body)),
            b"jxlp" => {
                let mut part = Cursor::new(found.body);
                let number = part.u32()?;
                if number & !IS_LAST != next {
                    return Err(corrupt("the parts of the codestream are out of order"));
                }
                next += 1;
                joined.extend_from_slice(part.rest());
                if number & IS_LAST != 0 {
                    return Ok(Cow::Owned(joined));
                }
            }
            _ => {}
        }
    }
    Err(ImagingError::Truncated)
}
