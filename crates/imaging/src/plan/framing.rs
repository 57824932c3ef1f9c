//! How a picture is made to fit: crop modes, sizes and `dpr`. Source: `imagekit.md` 5.3 to 5.5.

use limpid_delivery_url::transformation::{
    Anchor, AspectRatio, Crop, DevicePixelRatio, Focus, Length, Step,
};

use super::extract;
use crate::{
    error::ImagingError,
    geometry::{Region, Size, anchored_offset, whole_pixels},
};

/// A `dpr` that leads beyond this is ignored. Source: `imagekit.md` section 2.
const MAX_DEVICE_SIDE_PX: f64 = 5_000.0;
/// What of a picture is kept, what that is scaled to, and the canvas it is put on.
pub(super) struct Framing {
    pub(super) crop: Region,
    pub(super) scaled: Size,
    /// Size of the canvas and place of the picture on it.
    pub(super) canvas: Option<(Size, (u32, u32))>,
    /// Whether the focus may move the crop.
    pub(super) is_movable: bool,
}

impl Framing {
    fn scaled(input: Size, to: Size) -> Self {
        Self {
            crop: input.region(),
            scaled: to,
            canvas: None,
            is_movable: false,
        }
    }
}

pub(super) fn frame(step: &Step, input: Size) -> Result<Framing, ImagingError> {
    let crop = step.crop.unwrap_or(Crop::MaintainRatio);
    let anchor = match step.focus {
        Some(Focus::Anchor(anchor)) => anchor,
        // the others begin in the middle
        Some(Focus::Auto | Focus::Custom | Focus::Face | Focus::Objects(_)) | None => {
            Anchor::Center
        }
    };
    let (width, height) = requested_sides(step, input);
    if let Crop::Extract | Crop::PadExtract | Crop::PadExtractNoShrink = crop {
        let frame = Size {
            width: width.unwrap_or(input.width),
            height: height.unwrap_or(input.height),
        };
        return extract::frame(step, crop, input, frame, anchor);
    }
    Ok(match (width, height) {
        (None, None) => shaped(step, crop, input).unwrap_or_else(|| Framing::scaled(input, input)),
        (Some(width), None) => {
            Framing::scaled(input, one_side(crop, input, input.with_width(width)))
        }
        (None, Some(height)) => {
            Framing::scaled(input, one_side(crop, input, input.with_height(height)))
        }
        (Some(width), Some(height)) => both_sides(crop, input, Size { width, height }, anchor),
    })
}

/// The largest part of the shape `ar` that may lie around faces or objects; elsewhere `ar` without a side says nothing.
fn shaped(step: &Step, crop: Crop, input: Size) -> Option<Framing> {
    let AspectRatio { width, height } = step.aspect_ratio?;
    let is_around = matches!(step.focus, Some(Focus::Face | Focus::Objects(_)));
    if !is_around || crop != Crop::MaintainRatio {
        return None;
    }
    let across = f64::from(input.width).min(f64::from(input.height) * width / height);
    let scaled = Size {
        width: whole_pixels(across),
        height: whole_pixels(across * height / width),
    };
    Some(Framing {
        crop: input.crop_to_shape(scaled, Anchor::Center),
        scaled,
        canvas: None,
        is_movable: true,
    })
}

/// `w` and `h` in pixels; the missing one from `ar`, if that is given.
pub(super) fn requested_sides(step: &Step, input: Size) -> (Option<u32>, Option<u32>) {
    let pixels = |length: Length, whole: u32| match length {
        Length::Pixels(pixels) => pixels.max(1),
        Length::Fraction(fraction) => whole_pixels(f64::from(whole) * fraction),
    };
    let width = step.width.map(|length| pixels(length, input.width));
    let height = step.height.map(|length| pixels(length, input.height));
    let (width, height) = match (width, height, step.aspect_ratio) {
        (Some(across), None, Some(AspectRatio { width, height })) => (
            Some(across),
            Some(whole_pixels(f64::from(across) * height / width)),
        ),
        (None, Some(down), Some(AspectRatio { width, height })) => (
            Some(whole_pixels(f64::from(down) * width / height)),
            Some(down),
        ),
        (width, height, _) => (width, height),
    };
    match step.device_pixel_ratio {
        Some(DevicePixelRatio::Times(ratio)) => times(ratio, width, height),
        // without a client hint, `auto` asks for nothing
        Some(DevicePixelRatio::Auto) | None => (width, height),
    }
}

/// Both sides times a ratio, unless that makes one too small or too large. Source: `imagekit.md` section 2.
fn times(ratio: f64, width: Option<u32>, height: Option<u32>) -> (Option<u32>, Option<u32>) {
    let scaled = [width, height].map(|side| side.map(|side| f64::from(side) * ratio));
    if scaled
        .iter()
        .flatten()
        .any(|side| !(1.0..=MAX_DEVICE_SIDE_PX).contains(side))
    {
        return (width, height);
    }
    let [width, height] = scaled.map(|side| side.map(whole_pixels));
    (width, height)
}

/// With one side given nothing is cut or padded; modes that never enlarge still don't.
fn one_side(crop: Crop, input: Size, scaled: Size) -> Size {
    let enlarges = !matches!(
        crop,
        Crop::AtMax | Crop::MaintainRatioNoEnlarge | Crop::PadResizeNoEnlarge
    );
    if enlarges || scaled.fits_inside(input) {
        scaled
    } else {
        input
    }
}

fn both_sides(crop: Crop, input: Size, frame: Size, anchor: Anchor) -> Framing {
    let inside = input.scaled_inside(frame);
    let no_larger = if inside.fits_inside(input) {
        inside
    } else {
        input
    };
    match crop {
        Crop::Force => Framing::scaled(input, frame),
        Crop::AtMax => Framing::scaled(input, no_larger),
        Crop::AtMaxEnlarge => Framing::scaled(input, inside),
        Crop::AtLeast => Framing::scaled(input, input.scaled_to_cover(frame)),
        Crop::PadResize => on_canvas(input, inside, frame, anchor),
        Crop::PadResizeNoEnlarge => on_canvas(input, no_larger, frame, anchor),
        Crop::MaintainRatioNoEnlarge if !frame.fits_inside(input) => {
            let kept = input.crop_to_shape(frame, anchor);
            let unscaled = Size {
                width: whole_pixels(kept.width),
                height: whole_pixels(kept.height),
            };
            // a shape that fits as it is needn't shrink; one that doesn't is cut to what there is
            let scaled = if unscaled.fits_inside(frame) {
                unscaled
            } else {
                frame
            };
            Framing {
                crop: kept,
                scaled,
                canvas: None,
                is_movable: true,
            }
        }
        Crop::MaintainRatio
        | Crop::MaintainRatioNoEnlarge
        | Crop::Extract
        | Crop::PadExtract
        | Crop::PadExtractNoShrink => Framing {
            crop: input.crop_to_shape(frame, anchor),
            scaled: frame,
            canvas: None,
            is_movable: true,
        },
    }
}

fn on_canvas(input: Size, scaled: Size, frame: Size, anchor: Anchor) -> Framing {
    let (free_width, free_height) = (
        frame.width.saturating_sub(scaled.width),
        frame.height.saturating_sub(scaled.height),
    );
    let place = anchored_offset(free_width, free_height, anchor);
    Framing {
        crop: input.region(),
        scaled,
        canvas: Some((frame, place)),
        is_movable: false,
    }
}
