//! PNG by the `png` crate, always as 8 bits per channel.

use std::io::{Cursor, ErrorKind};

use png::{ColorType, Decoder, DecodingError, Limits, Transformations};

use super::{DecodeRequest, Decoded};
use crate::{
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
    probe::{corrupt, jpeg::MAX_PROFILE_BYTES, png as header},
};

/// What chunks other than the picture may unpack to; a profile beyond it is dropped and the picture kept.
pub(super) const MAX_CHUNK_BYTES: usize = 4 * MAX_PROFILE_BYTES;

pub(super) fn decode(request: &DecodeRequest<'_>) -> Result<Decoded, ImagingError> {
    let is_whole = header::Header::parse(request.source)?.has_end;
    read(request).map_err(|error| to_error(error, is_whole))
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

fn read(request: &DecodeRequest<'_>) -> Result<Decoded, DecodingError> {
    let mut decoder = Decoder::new_with_limits(
        Cursor::new(request.source),
        Limits {
            bytes: MAX_CHUNK_BYTES,
        },
    );
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info()?;
    let (color_type, _) = reader.output_color_type();
    let mut pixels = vec![
        0;
        reader
            .output_buffer_size()
            .ok_or(DecodingError::LimitsExceeded)?
    ];
    let frame = reader.next_frame(&mut pixels)?;
    let size = Size {
        width: frame.width,
        height: frame.height,
    };
    let profile = reader
        .info()
        .icc_profile
        .as_ref()
        .map(|profile| profile.to_vec());
    Ok(Decoded::unscaled(
        to_picture(size, color_type, pixels),
        profile,
    ))
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
