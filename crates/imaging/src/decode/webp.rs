//! WebP by libwebp: scaled while decoding where the result is smaller anyway, and the first frame of animations.
//!
//! Source: `webp/decode.h` 1.6.

#![expect(unsafe_code, reason = "calls libwebp")]

use std::ffi::c_int;

use libwebp_sys as webp;

use super::{DecodeRequest, Decoded, animation::webp::Source as Frames};
use crate::{
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
    probe::{corrupt, webp as header},
};

pub(super) fn decode(request: &DecodeRequest<'_>) -> Result<Decoded, ImagingError> {
    let header = header::Header::parse(request.source)?;
    let profile = header.profile.map(<[u8]>::to_vec);
    if header.is_animated {
        let (mut frames, _) = Frames::open(request.source, request.info.stored_size)?;
        return Ok(Decoded::unscaled(frames.next_frame()?.picture, profile));
    }
    let stored = request.info.stored_size;
    let shrink = request.shrink.max(1);
    let size = Size {
        width: stored.width.div_ceil(shrink),
        height: stored.height.div_ceil(shrink),
    };
    let channels = if request.info.has_alpha {
        Channels::Rgba
    } else {
        Channels::Rgb
    };
    let mut picture = Picture::zeroed(size, channels);
    still(request.source, stored, &mut picture)?;
    // libwebp maps the whole picture onto the whole result
    let scale = (
        f64::from(size.width) / f64::from(stored.width),
        f64::from(size.height) / f64::from(stored.height),
    );
    Ok(Decoded {
        picture,
        scale,
        profile,
    })
}

fn still(source: &[u8], stored: Size, into: &mut Picture) -> Result<(), ImagingError> {
    let mut config =
        webp::WebPDecoderConfig::new().map_err(|()| corrupt("cannot set up the WebP decoder"))?;
    if into.size != stored {
        config.options.use_scaling = 1;
        config.options.scaled_width = as_int(into.size.width)?;
        config.options.scaled_height = as_int(into.size.height)?;
    }
    config.output.colorspace = match into.channels {
        Channels::Rgb => webp::WEBP_CSP_MODE::MODE_RGB,
        Channels::Rgba => webp::WEBP_CSP_MODE::MODE_RGBA,
    };
    config.output.is_external_memory = 1;
    config.output.u.RGBA = webp::WebPRGBABuffer {
        rgba: into.pixels.as_mut_ptr(),
        stride: c_int::try_from(into.row_bytes()).map_err(|_| corrupt("a row is too long"))?,
        size: into.pixels.len(),
    };
    // SAFETY: the source is only read, within its length. The decoder writes `size` bytes at most, into a vector that lives
    // until the call returns; `config` is initialised and outlives the call.
    let status = unsafe { webp::WebPDecode(source.as_ptr(), source.len(), &raw mut config) };
    check(status)
}

fn check(status: webp::VP8StatusCode) -> Result<(), ImagingError> {
    match status {
        webp::VP8StatusCode::VP8_STATUS_OK => Ok(()),
        webp::VP8StatusCode::VP8_STATUS_NOT_ENOUGH_DATA
        | webp::VP8StatusCode::VP8_STATUS_SUSPENDED => Err(ImagingError::Truncated),
        other => Err(corrupt(format!("{other:?}"))),
    }
}

fn as_int(side: u32) -> Result<c_int, ImagingError> {
    c_int::try_from(side).map_err(|_| corrupt("a side is too long"))
}
