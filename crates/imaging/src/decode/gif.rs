//! The first frame of a GIF, on its screen.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};

use super::{DecodeRequest, Decoded};
use crate::{
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
    probe::corrupt,
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
    // a frame may be larger than the screen it is shown on, and is unpacked before it is cut
    request.limits.check_source(size, 1)?;
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

pub(super) fn to_error(error: &DecodingError) -> ImagingError {
    match error {
        DecodingError::UnexpectedEof => ImagingError::Truncated,
        DecodingError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImagingError::Truncated
        }
        error => corrupt(error.to_string()),
    }
}
