//! WebP from planes, without a detour through red, green and blue.
//!
//! Source: `webp/encode.h` 1.6; RFC 6386 section 9.2 for the range of its samples.

#![expect(unsafe_code, reason = "calls libwebp")]

use std::{ffi::c_int, time::Instant};

use libwebp_sys as webp;

use super::{EncoderPicture, PARTITION_LIMITS, settings, written};
use crate::{
    deadline::check_deadline,
    planes::{Plane, Planes, halved},
};

/// Luma of WebP goes from 16 to 235 and its differences from 16 to 240.
const LUMA_LEVELS: u32 = 219;
const DIFFERENCE_LEVELS: u32 = 224;
const FIRST_LEVEL: u32 = 16;

/// Encodes planes whose differences are halved.
pub(in crate::encode) fn encode(
    planes: &Planes,
    quality: u8,
    deadline: Option<Instant>,
) -> Result<Vec<u8>, String> {
    let mut outcome = Err(String::new());
    for partition_limit in PARTITION_LIMITS {
        let mut config = settings(quality)?;
        config.partition_limit = partition_limit;
        outcome = written(imported(planes)?, &config, deadline);
        if outcome.is_ok() || check_deadline(deadline).is_err() {
            break;
        }
    }
    outcome
}

fn imported(planes: &Planes) -> Result<EncoderPicture, String> {
    let too_large = |_| "the picture is too large".to_owned();
    let size = planes.size();
    let mut picture = webp::WebPPicture::new()
        .map(|picture| EncoderPicture(Box::new(picture)))
        .map_err(|()| "cannot set up the encoder".to_owned())?;
    picture.0.use_argb = 0;
    picture.0.colorspace = webp::WebPEncCSP::WEBP_YUV420;
    picture.0.width = c_int::try_from(size.width).map_err(too_large)?;
    picture.0.height = c_int::try_from(size.height).map_err(too_large)?;
    // SAFETY: the structure is initialised and has size and colour space set.
    if unsafe { webp::WebPPictureAlloc(&raw mut *picture.0) } == 0 {
        return Err("cannot allocate the picture".to_owned());
    }
    let gray = Plane::filled(halved(size), 128);
    let [blue, red] = planes
        .chroma
        .as_ref()
        .map_or([&gray, &gray], |[blue, red]| [blue, red]);
    let webp::WebPPicture {
        y,
        u,
        v,
        y_stride,
        uv_stride,
        ..
    } = *picture.0;
    let luma_levels = levels(LUMA_LEVELS);
    let difference_levels = levels(DIFFERENCE_LEVELS);
    for (plane, pointer, stride, levels, expected) in [
        (&planes.luma, y, y_stride, &luma_levels, size),
        (blue, u, uv_stride, &difference_levels, halved(size)),
        (red, v, uv_stride, &difference_levels, halved(size)),
    ] {
        let stride = usize::try_from(stride).map_err(too_large)?;
        let width = expected.width as usize;
        if plane.size != expected || stride < width {
            return Err("differences that aren't halved".to_owned());
        }
        for (row, samples) in plane.rows().enumerate() {
            // SAFETY: the library allocated `expected.height` rows of `stride` bytes, of which `width` are written; the
            // memory belongs to `picture` and nothing else points into it.
            let target =
                unsafe { std::slice::from_raw_parts_mut(pointer.add(row * stride), width) };
            for (to, from) in target.iter_mut().zip(samples) {
                *to = levels.get(usize::from(*from)).copied().unwrap_or_default();
            }
        }
    }
    Ok(picture)
}

/// From 0 to 255 to the narrower range, to the nearest; 128 stays 128 among differences.
fn levels(count: u32) -> Vec<u8> {
    let level = |value: u32| {
        let scaled = if count == DIFFERENCE_LEVELS {
            // around the middle, so that grey stays grey
            (value * count + 128 * (255 - count) + 127) / 255
        } else {
            FIRST_LEVEL + (value * count + 127) / 255
        };
        u8::try_from(scaled).unwrap_or(u8::MAX)
    };
    (0..=255).map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_white_and_grey_are_where_the_format_has_them() {
        let luma = levels(LUMA_LEVELS);
        assert_eq!([luma[0], luma[255]], [16, 235]);
        let differences = levels(DIFFERENCE_LEVELS);
        assert_eq!(
            [differences[0], differences[128], differences[255]],
            [16, 128, 240]
        );
    }
}
