//! WebP by libwebp: scaled while decoding where the result is smaller anyway, only as much as a cut needs, and the first frame of
//! animations.
//!
//! Source: `webp/decode.h` 1.6.

#![expect(unsafe_code, reason = "calls libwebp")]

use std::ffi::c_int;

use libwebp_sys as webp;

use super::{DecodeRequest, Decoded, animation::webp::Source as Frames};
use crate::{
    error::ImagingError,
    geometry::{Region, Size},
    picture::{Channels, Picture},
    probe::{corrupt, webp as header},
    rows::Cut,
    steps::resize,
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
    let cut = request.cut;
    let window = match &cut {
        Some(cut) => Window::around(cut, stored, shrink),
        None => Window::whole(stored),
    };
    let size = Size {
        width: window.size.width.div_ceil(shrink),
        height: window.size.height.div_ceil(shrink),
    };
    let channels = if request.info.has_alpha {
        Channels::Rgba
    } else {
        Channels::Rgb
    };
    let mut picture = Picture::zeroed(size, channels);
    still(request.source, window, &mut picture)?;
    // libwebp maps the whole window onto the whole result
    let scale = (
        f64::from(size.width) / f64::from(window.size.width),
        f64::from(size.height) / f64::from(window.size.height),
    );
    let decoded = Decoded {
        picture,
        scale,
        profile,
        is_cut: cut.is_some(),
    };
    let Some(cut) = cut else {
        return Ok(decoded);
    };
    let inside = Region {
        left: cut.region.left - f64::from(window.left),
        top: cut.region.top - f64::from(window.top),
        ..cut.region
    };
    Ok(Decoded {
        picture: resize(
            decoded.picture,
            inside.scaled_by(scale),
            cut.to,
            request.deadline,
        )?,
        ..decoded
    })
}

/// The part of a picture that is decoded. Units: px.
#[derive(Debug, Clone, Copy)]
struct Window {
    left: u32,
    top: u32,
    size: Size,
}

impl Window {
    fn whole(size: Size) -> Self {
        Self {
            left: 0,
            top: 0,
            size,
        }
    }

    /// What a cut is made of and what its filter sees around it.
    fn around(cut: &Cut, stored: Size, shrink: u32) -> Self {
        let Cut { region, to } = cut;
        let (left, width) = span((region.left, region.width), to.width, stored.width, shrink);
        let (top, height) = span(
            (region.top, region.height),
            to.height,
            stored.height,
            shrink,
        );
        Self {
            left,
            top,
            size: Size { width, height },
        }
    }
}

/// Where a side of a window begins, and how long it is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the picture first"
)]
fn span((from, length): (f64, f64), to: u32, stored: u32, shrink: u32) -> (u32, u32) {
    // three lobes; decoded pixels at the edge of a window are made without what lies beyond
    let scale = (length / f64::from(to.max(1))).max(1.0);
    let margin = 3.0 * scale + 2.0 * f64::from(shrink) + 2.0;
    let most = f64::from(stored);
    let begin = (from - margin).floor().clamp(0.0, most - 1.0) as u32;
    // libwebp begins at even pixels, and shrinks in whole groups
    let begin = begin - begin % (2 * shrink);
    let end = (from + length + margin).ceil().clamp(0.0, most) as u32;
    let whole = end.saturating_sub(begin).next_multiple_of(shrink).max(1);
    (begin, whole.min(stored - begin))
}

fn still(source: &[u8], window: Window, into: &mut Picture) -> Result<(), ImagingError> {
    let mut config =
        webp::WebPDecoderConfig::new().map_err(|()| corrupt("cannot set up the WebP decoder"))?;
    config.options.use_cropping = 1;
    config.options.crop_left = as_int(window.left)?;
    config.options.crop_top = as_int(window.top)?;
    config.options.crop_width = as_int(window.size.width)?;
    config.options.crop_height = as_int(window.size.height)?;
    if into.size != window.size {
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
