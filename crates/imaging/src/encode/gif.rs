//! GIF, for sources that were GIF: at most 256 colours, and transparency by the pixel.

use gif::{Encoder, Frame};

use crate::picture::Picture;

/// Of 1 (best) to 30 (fastest). Source: the `gif` crate calls 10 a good compromise.
const QUANTISER_SPEED: i32 = 10;

pub(super) fn encode(picture: Picture) -> Result<Vec<u8>, String> {
    let too_large = |_| "a side is too long".to_owned();
    let width = u16::try_from(picture.size.width).map_err(too_large)?;
    let height = u16::try_from(picture.size.height).map_err(too_large)?;
    let mut picture = picture.into_rgba();
    // nearly clear pixels are clear; the quantiser would make them opaque
    for [_, _, _, alpha] in picture.pixels.as_chunks_mut::<4>().0 {
        *alpha = if *alpha < 128 { 0 } else { u8::MAX };
    }
    let frame = Frame::from_rgba_speed(width, height, &mut picture.pixels, QUANTISER_SPEED);
    let mut bytes = Vec::new();
    let mut encoder =
        Encoder::new(&mut bytes, width, height, &[]).map_err(|error| error.to_string())?;
    encoder
        .write_frame(&frame)
        .map_err(|error| error.to_string())?;
    drop(encoder);
    Ok(bytes)
}
