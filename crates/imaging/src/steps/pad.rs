//! A picture on a larger canvas.

use limpid_delivery_url::transformation::Color;

use super::background::{channels_for, pixel_of};
use crate::{
    geometry::Size,
    picture::{Channels, Picture},
};

/// Puts the picture on a canvas of one colour, `offset` from its top left corner.
pub(super) fn pad(picture: &Picture, canvas: Size, offset: (u32, u32), color: Color) -> Picture {
    let channels = channels_for(picture.channels, color);
    let mut padded = Picture::filled(canvas, channels, pixel_of(color));
    let (left, top) = (offset.0 as usize, offset.1 as usize);
    if channels == Channels::Rgba && picture.channels == Channels::Rgb {
        padded.paste(&picture.clone().into_rgba(), left, top);
    } else {
        padded.paste(picture, left, top);
    }
    padded
}
