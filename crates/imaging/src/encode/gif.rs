//! GIF, for sources that were GIF: at most 256 colours, and transparency by the pixel.

use std::{borrow::Cow, time::Instant};

use gif::{Encoder, Frame};

use crate::{
    error::ImagingError,
    picture::{Channels, Picture},
    quantize::{self, Dithering, MAX_COLORS},
};

pub(super) fn encode(mut picture: Picture, deadline: Option<Instant>) -> Result<Vec<u8>, String> {
    let too_large = |_| "a side is too long".to_owned();
    let width = u16::try_from(picture.size.width).map_err(too_large)?;
    let height = u16::try_from(picture.size.height).map_err(too_large)?;
    if picture.channels == Channels::Rgba {
        for [_, _, _, alpha] in picture.pixels.as_chunks_mut::<4>().0 {
            *alpha = if *alpha < 128 { 0 } else { u8::MAX };
        }
    }
    let frame = frame_of(&picture, (width, height), deadline).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let mut encoder =
        Encoder::new(&mut bytes, width, height, &[]).map_err(|error| error.to_string())?;
    encoder
        .write_frame(&frame)
        .map_err(|error| error.to_string())?;
    drop(encoder);
    Ok(bytes)
}

/// A frame with a palette of its own, from a picture whose pixels are opaque or clear.
///
/// Errors: `Timeout`.
pub(super) fn frame_of(
    picture: &Picture,
    (width, height): (u16, u16),
    deadline: Option<Instant>,
) -> Result<Frame<'static>, ImagingError> {
    let indexed = match quantize::exact(picture, deadline)? {
        Some(indexed) => indexed,
        None => quantize::reduce(picture, MAX_COLORS, Dithering::ErrorDiffusion, deadline)?,
    };
    let colors = indexed.colors.iter();
    Ok(Frame {
        width,
        height,
        transparent: indexed.clear_index(),
        palette: Some(
            colors
                .flat_map(|[red, green, blue, _]| [*red, *green, *blue])
                .collect(),
        ),
        buffer: Cow::Owned(indexed.indices),
        ..Frame::default()
    })
}
