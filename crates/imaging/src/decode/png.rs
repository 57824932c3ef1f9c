//! PNG by the `png` crate, always as 8 bits per channel.

use std::io::{Cursor, ErrorKind};

use png::{ColorType, Decoder, DecodingError, Limits, Reader, Transformations};

use super::{DecodeRequest, Decoded};
use crate::{
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
    probe::{corrupt, jpeg::MAX_PROFILE_BYTES, png as header},
    steps::check_deadline,
};

/// What chunks other than the picture may unpack to; a profile beyond it is dropped and the picture kept.
pub(super) const MAX_CHUNK_BYTES: usize = 4 * MAX_PROFILE_BYTES;

pub(super) fn decode(request: &DecodeRequest<'_>) -> Result<Decoded, ImagingError> {
    let is_whole = header::Header::parse(request.source)?.has_end;
    let failed = |error| to_error(error, is_whole);
    let mut reader = open(request).map_err(failed)?;
    let (color_type, _) = reader.output_color_type();
    let bytes = reader
        .output_buffer_size()
        .ok_or_else(|| failed(DecodingError::LimitsExceeded))?;
    let mut pixels = vec![0; bytes];
    let info = reader.info();
    let size = if info.interlaced || info.frame_control.is_some() {
        let frame = reader.next_frame(&mut pixels).map_err(failed)?;
        Size {
            width: frame.width,
            height: frame.height,
        }
    } else {
        let size = Size {
            width: info.width,
            height: info.height,
        };
        let row_bytes = size.width as usize * color_type.samples();
        for row in pixels.chunks_exact_mut(row_bytes.max(1)) {
            check_deadline(request.deadline)?;
            reader.read_row(row).map_err(failed)?;
        }
        // what follows the last row
        reader.read_row(&mut []).map_err(failed)?;
        size
    };
    let profile = reader
        .info()
        .icc_profile
        .as_ref()
        .map(|profile| profile.to_vec());
    let picture = to_picture(size, color_type, pixels);
    Ok(Decoded::unscaled(picture, profile))
}

/// A cut inside the compressed stream surfaces as a complaint about that stream, so a file without its end counts as cut.
pub(super) fn to_error(error: DecodingError, is_whole: bool) -> ImagingError {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImagingError::Truncated
        }
        _ if !is_whole => ImagingError::Truncated,
        error => corrupt(error.to_string()),
    }
}

fn open<'a>(request: &DecodeRequest<'a>) -> Result<Reader<Cursor<&'a [u8]>>, DecodingError> {
    let mut decoder = Decoder::new_with_limits(
        Cursor::new(request.source),
        Limits {
            bytes: MAX_CHUNK_BYTES,
        },
    );
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.read_info()
}

pub(super) fn to_picture(size: Size, color_type: ColorType, pixels: Vec<u8>) -> Picture {
    match color_type {
        ColorType::Rgb => Picture {
            size,
            channels: Channels::Rgb,
            pixels,
        },
        ColorType::Rgba => Picture {
            size,
            channels: Channels::Rgba,
            pixels,
        },
        ColorType::GrayscaleAlpha => {
            let widened = pixels
                .as_chunks::<2>()
                .0
                .iter()
                .flat_map(|[gray, alpha]| [*gray, *gray, *gray, *alpha]);
            Picture {
                size,
                channels: Channels::Rgba,
                pixels: widened.collect(),
            }
        }
        // the decoder expands palettes
        ColorType::Grayscale | ColorType::Indexed => {
            let widened = pixels.iter().flat_map(|gray| [*gray; 3]);
            Picture {
                size,
                channels: Channels::Rgb,
                pixels: widened.collect(),
            }
        }
    }
}
