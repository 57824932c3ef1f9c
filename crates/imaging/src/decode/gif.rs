//! The first frame of a GIF, on its screen: row by row where it covers that and isn't interlaced.

use std::{num::NonZeroU64, time::Instant};

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, MemoryLimit};
use limpid_resample::Layout;

use super::{DecodeRequest, Decoded};
use crate::{
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
    probe::corrupt,
    rows::RowSource,
    steps::check_deadline,
};

pub(super) fn decode(request: &DecodeRequest<'_>) -> Result<Decoded, ImagingError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    let memory =
        NonZeroU64::new(request.limits.max_pixels.saturating_mul(4)).unwrap_or(NonZeroU64::MIN);
    options.set_memory_limit(MemoryLimit::Bytes(memory));
    let mut decoder = options
        .read_info(request.source)
        .map_err(|error| to_error(&error))?;
    let frame = decoder
        .next_frame_info()
        .map_err(|error| to_error(&error))?
        .ok_or(ImagingError::Truncated)?;
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let size = Size {
        width: frame.width.into(),
        height: frame.height.into(),
    };
    let is_in_order = !frame.interlaced;
    // a frame may be larger than the screen it is shown on, and is unpacked before it is cut
    request.limits.check_source(size, 1)?;
    if request.cut.is_some()
        && is_in_order
        && size == request.info.stored_size
        && (left, top) == (0, 0)
    {
        let mut rows = Rows {
            decoder,
            size,
            remaining: size.height,
        };
        let cut = Decoded::of_rows(&mut rows, request, None)?;
        rows.finish(request.deadline)?;
        return Ok(cut);
    }
    let mut frame = Picture::zeroed(size, Channels::Rgba);
    decoder
        .read_into_buffer(&mut frame.pixels)
        .map_err(|error| to_error(&error))?;
    let screen = request.info.stored_size;
    if screen == size && (left, top) == (0, 0) {
        return Ok(Decoded::unscaled(frame, None));
    }
    let mut picture = Picture::zeroed(screen, Channels::Rgba);
    picture.paste(&frame, left, top);
    Ok(Decoded::unscaled(picture, None))
}

/// The rows of a frame that covers its screen.
struct Rows<'a> {
    decoder: Decoder<&'a [u8]>,
    size: Size,
    remaining: u32,
}

impl Rows<'_> {
    /// Reads what follows the last row that was wanted, where the file may turn out to be damaged.
    fn finish(&mut self, deadline: Option<Instant>) -> Result<(), ImagingError> {
        let mut row = vec![0; self.size.width as usize * 4];
        while self.remaining > 0 {
            check_deadline(deadline)?;
            self.read(&mut row)?;
        }
        Ok(())
    }
}

impl RowSource for Rows<'_> {
    fn size(&self) -> Size {
        self.size
    }

    fn layout(&self) -> Layout {
        Layout::Rgba
    }

    fn read(&mut self, row: &mut [u8]) -> Result<(), ImagingError> {
        // pixels of colours that the palette hasn't got are left as they are
        row.fill(0);
        let is_filled = self.decoder.fill_buffer(row);
        if !is_filled.map_err(|error| to_error(&error))? {
            return Err(corrupt("image truncated"));
        }
        self.remaining = self.remaining.saturating_sub(1);
        Ok(())
    }
}

pub(super) fn to_error(error: &DecodingError) -> ImagingError {
    match error {
        DecodingError::UnexpectedEof => ImagingError::Truncated,
        DecodingError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImagingError::Truncated
        }
        error => corrupt(error.to_string()),
    }
}
