//! GIF headers: the screen, and a walk over the blocks that counts frames without decompressing any.

use super::{
    ImageInfo, Orientation,
    fields::{le16, required},
};
use crate::{error::ImagingError, format::ImageFormat, geometry::Size};

const HEADER_BYTES: usize = 13;

pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImagingError> {
    let screen = Size {
        width: u32::from(required(le16(bytes, 6))?),
        height: u32::from(required(le16(bytes, 8))?),
    };
    let flags = *required(bytes.get(10))?;
    let mut walk = Walk::of(bytes, flags, screen);
    let mut frames = 0u32;
    while walk.next_frame().is_some() {
        frames = frames.saturating_add(1);
    }
    Ok(ImageInfo {
        format: ImageFormat::Gif,
        stored_size: walk.largest,
        orientation: Orientation::Upright,
        has_alpha: walk.has_alpha,
        frames: frames.max(1),
        has_profile: false,
        quality: None,
    })
}

/// Whether the bytes end inside a block. A file that merely lacks its trailer is whole.
pub(crate) fn is_cut(bytes: &[u8]) -> bool {
    let Some(flags) = bytes.get(10) else {
        return true;
    };
    let mut walk = Walk::of(
        bytes,
        *flags,
        Size {
            width: 0,
            height: 0,
        },
    );
    while walk.next_frame().is_some() {}
    walk.is_inside_block
}

/// Bytes of a colour table, from the flags that announce it.
fn color_table_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 {
        0
    } else {
        3 << ((flags & 7) + 1)
    }
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The screen, or what the first frame needs if that is more: some writers leave the screen empty.
    largest: Size,
    has_alpha: bool,
    is_inside_block: bool,
}

impl<'a> Walk<'a> {
    fn of(bytes: &'a [u8], flags: u8, screen: Size) -> Self {
        Self {
            bytes,
            at: HEADER_BYTES + color_table_bytes(flags),
            largest: screen,
            has_alpha: false,
            is_inside_block: false,
        }
    }

    /// Steps over the next picture; `None` at the trailer, at rubbish and at the end of the bytes.
    fn next_frame(&mut self) -> Option<()> {
        loop {
            self.is_inside_block = false;
            let introducer = self.byte()?;
            self.is_inside_block = matches!(introducer, 0x21 | 0x2c);
            match introducer {
                0x21 => {
                    let label = self.byte()?;
                    if label == 0xf9 {
                        self.has_alpha |= self.bytes.get(self.at + 1)? & 1 != 0;
                    }
                    self.skip_sub_blocks()?;
                }
                0x2c => return self.skip_picture(),
                _ => return None,
            }
        }
    }

    fn skip_picture(&mut self) -> Option<()> {
        let descriptor = self.bytes.get(self.at..)?.get(..9)?;
        if self.largest.area() == 0 {
            self.largest = Size {
                width: u32::from(le16(descriptor, 4)?),
                height: u32::from(le16(descriptor, 6)?),
            };
        }
        self.at += 9 + color_table_bytes(*descriptor.get(8)?) + 1;
        self.skip_sub_blocks()
    }

    fn skip_sub_blocks(&mut self) -> Option<()> {
        loop {
            let length = usize::from(self.byte()?);
            if length == 0 {
                return Some(());
            }
            self.at += length;
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }
}
