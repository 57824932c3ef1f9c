//! Where the rows of a BMP lie, so that some of them can be decoded as a file of their own.
//!
//! Source: `BITMAPCOREHEADER`, `BITMAPINFOHEADER` and its successors in Microsoft's documentation of GDI.

use super::{bands::Bands, spliced::Spliced};
use crate::{error::ImagingError, geometry::Size};

const CORE_HEADER_BYTES: u32 = 12;
/// The longest header, masks behind it, and a palette.
const MAX_HEAD_BYTES: usize = 14 + 124 + 12 + 256 * 4;
/// Pixels without compression, and the same with masks that say what their bits mean.
const PLAIN: [u32; 2] = [0, 3];
const DATA_OFFSET_AT: usize = 10;
const HEIGHT_AT: usize = 22;
const CORE_HEIGHT_AT: usize = 20;

/// A BMP without compression.
pub(super) struct Bitmap<'a> {
    /// Everything before the pixels.
    head: Vec<u8>,
    /// Rows of `stride` bytes, as many as the picture has.
    data: &'a [u8],
    stride: usize,
    height: u32,
    is_core: bool,
    is_top_down: bool,
}

impl<'a> Bitmap<'a> {
    /// `None` for compressed ones.
    ///
    /// Errors: `Truncated`.
    pub(super) fn of(source: &'a [u8], size: Size) -> Result<Option<Self>, ImagingError> {
        let is_core = u32_at(source, 14) == Some(CORE_HEADER_BYTES);
        let (bits_at, height) = if is_core {
            (24, u16_at(source, CORE_HEIGHT_AT).map(i32::from))
        } else {
            (28, u32_at(source, HEIGHT_AT).map(u32::cast_signed))
        };
        let compression = if is_core { Some(0) } else { u32_at(source, 30) };
        let fields = (
            u16_at(source, bits_at),
            height,
            u32_at(source, DATA_OFFSET_AT),
        );
        let (Some(bits), Some(height), Some(offset)) = fields else {
            return Err(ImagingError::Truncated);
        };
        if height.unsigned_abs() != size.height
            || !compression.is_some_and(|kind| PLAIN.contains(&kind))
        {
            return Ok(None);
        }
        let row_bits = u64::from(bits) * u64::from(size.width);
        // a row that memory cannot address is longer than any file
        let stride = usize::try_from(row_bits.div_ceil(32) * 4).unwrap_or(usize::MAX);
        let bytes = stride.saturating_mul(size.height as usize);
        let pixels = source.get(offset as usize..);
        let data = pixels.and_then(|pixels| pixels.get(..bytes));
        let data = data.ok_or(ImagingError::Truncated)?;
        let head = source.get(..MAX_HEAD_BYTES).unwrap_or(source).to_vec();
        Ok(Some(Self {
            head,
            data,
            stride,
            height: size.height,
            is_core,
            is_top_down: height < 0,
        }))
    }
}

impl<'a> Bands<'a> for Bitmap<'a> {
    fn band(&self, first: u32, wanted: u32) -> Option<(u32, Spliced<'a>)> {
        let rows = wanted.min(self.height.checked_sub(first)?).max(1);
        let from = if self.is_top_down {
            first
        } else {
            self.height.checked_sub(first + rows)?
        };
        let start = from as usize * self.stride;
        let body = self.data.get(start..start + rows as usize * self.stride)?;
        let mut head = self.head.clone();
        let offset = u32::try_from(head.len()).ok()?;
        put(&mut head, DATA_OFFSET_AT, &offset.to_le_bytes())?;
        if self.is_core {
            put(
                &mut head,
                CORE_HEIGHT_AT,
                &u16::try_from(rows).ok()?.to_le_bytes(),
            )?;
        } else {
            let height = i32::try_from(rows).ok()?;
            let height = if self.is_top_down { -height } else { height };
            put(&mut head, HEIGHT_AT, &height.to_le_bytes())?;
        }
        Some((rows, Spliced::new(head, body, Vec::new())))
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) -> Option<()> {
    bytes.get_mut(at..at + value.len())?.copy_from_slice(value);
    Some(())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*field))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*field))
}
