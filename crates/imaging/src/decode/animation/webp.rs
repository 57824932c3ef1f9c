//! The frames of an animated WebP, composed by libwebp.
//!
//! Source: `webp/demux.h` 1.6.

#![expect(unsafe_code, reason = "calls libwebp")]

use std::marker::PhantomData;

use libwebp_sys as webp;

use super::Frame;
use crate::{
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
    probe::{corrupt, webp as header},
};

/// An animation decoder, deleted with this value. It keeps a pointer to the file, hence the lifetime.
pub(crate) struct Source<'a> {
    decoder: *mut webp::WebPAnimDecoder,
    file: PhantomData<&'a [u8]>,
    size: Size,
    plays: u32,
    /// When the last frame ended. Units: ms.
    ended_at: i32,
}

impl<'a> Source<'a> {
    pub(crate) fn open(
        source: &'a [u8],
        size: Size,
    ) -> Result<(Self, Option<Vec<u8>>), ImagingError> {
        let profile = header::Header::parse(source)?.profile.map(<[u8]>::to_vec);
        // SAFETY: the options are plain data for which zeroes are valid; the call below fills them in.
        let mut options: webp::WebPAnimDecoderOptions = unsafe { std::mem::zeroed() };
        // SAFETY: `options` is live.
        if unsafe { webp::WebPAnimDecoderOptionsInit(&raw mut options) } == 0 {
            return Err(corrupt("cannot set up the WebP decoder"));
        }
        options.color_mode = webp::WEBP_CSP_MODE::MODE_RGBA;
        options.use_threads = 0;
        let data = webp::WebPData {
            bytes: source.as_ptr(),
            size: source.len(),
        };
        // SAFETY: both structures are live; the decoder keeps a pointer to the file, which outlives it by its lifetime.
        let decoder = unsafe { webp::WebPAnimDecoderNew(&raw const data, &raw const options) };
        if decoder.is_null() {
            return Err(ImagingError::Truncated);
        }
        let mut opened = Self {
            decoder,
            file: PhantomData,
            size,
            plays: 0,
            ended_at: 0,
        };
        // SAFETY: plain numbers, filled in by the call below.
        let mut info: webp::WebPAnimInfo = unsafe { std::mem::zeroed() };
        // SAFETY: decoder and `info` are live.
        let has_info = unsafe { webp::WebPAnimDecoderGetInfo(decoder, &raw mut info) } != 0;
        if !has_info || info.canvas_width != size.width || info.canvas_height != size.height {
            return Err(corrupt("the canvas has two sizes"));
        }
        opened.plays = info.loop_count;
        Ok((opened, profile))
    }

    pub(super) fn plays(&self) -> u32 {
        self.plays
    }

    pub(crate) fn next_frame(&mut self) -> Result<Frame, ImagingError> {
        let (mut canvas, mut timestamp) = (std::ptr::null_mut(), 0);
        // SAFETY: decoder and both out-parameters are live.
        let has_frame = unsafe {
            webp::WebPAnimDecoderGetNext(self.decoder, &raw mut canvas, &raw mut timestamp)
        } != 0;
        if !has_frame || canvas.is_null() {
            return Err(corrupt("a frame cannot be decoded"));
        }
        let mut picture = Picture::zeroed(self.size, Channels::Rgba);
        // SAFETY: the canvas belongs to the decoder, which is still live, and has width × height × 4 bytes (`webp/demux.h`),
        // the very sizes checked when it was opened.
        let pixels = unsafe { std::slice::from_raw_parts(canvas, picture.pixels.len()) };
        picture.pixels.copy_from_slice(pixels);
        let duration = timestamp.saturating_sub(self.ended_at);
        self.ended_at = timestamp;
        Ok(Frame {
            picture,
            duration_ms: u32::try_from(duration).unwrap_or(0),
        })
    }
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `WebPAnimDecoderNew`, is not null, and is deleted once.
        unsafe { webp::WebPAnimDecoderDelete(self.decoder) };
    }
}
