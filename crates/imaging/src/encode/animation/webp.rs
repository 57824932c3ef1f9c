//! Animated WebP by libwebp, which finds out itself what changed between frames. Frames that show nothing new prolong the
//! one before them.
//!
//! Source: `webp/mux.h` 1.6.

#![expect(unsafe_code, reason = "calls libwebp")]

use std::{
    ffi::{CStr, c_int},
    sync::Arc,
    time::Instant,
};

use libwebp_sys as webp;

use super::AnimationHeader;
use crate::{
    encode::webp::{EncoderPicture, goes_on, settings},
    picture::Picture,
};

/// The longest a frame can be shown; longer ones are refused by the encoder. Units: ms. Source: WebP container specification, `ANMF`,
/// 24 bits.
const LONGEST_FRAME_MS: u32 = (1 << 24) - 1;

pub(super) struct Writer {
    encoder: AnimationEncoder,
    config: webp::WebPConfig,
    /// When the next frame begins. Units: ms.
    begins_at: c_int,
    /// The encoder keeps a pointer to it, so it is dropped later. Not a box, to which nothing may point while it is moved.
    deadline: Arc<Option<Instant>>,
}

impl Writer {
    pub(super) fn begin(header: AnimationHeader) -> Result<Self, String> {
        let mut config = settings(header.quality)?;
        if header.is_lossless {
            config.lossless = 1;
        }
        Ok(Self {
            encoder: AnimationEncoder::new(header)?,
            config,
            begins_at: 0,
            deadline: Arc::new(header.deadline),
        })
    }

    pub(super) fn add(&mut self, picture: &Picture, duration_ms: u32) -> Result<(), String> {
        let mut source = EncoderPicture::of_rgb(picture)?;
        source.0.progress_hook = Some(goes_on);
        source.0.user_data = Arc::as_ptr(&self.deadline).cast_mut().cast();
        // SAFETY: encoder and picture are live, the configuration initialised; the encoder copies what it keeps, the hook and
        // its `user_data` included, which points to a deadline that lives as long as the encoder.
        let is_added = unsafe {
            webp::WebPAnimEncoderAdd(
                self.encoder.0,
                &raw mut *source.0,
                self.begins_at,
                &raw const self.config,
            )
        } != 0;
        if !is_added {
            return Err(self.encoder.message());
        }
        let duration = c_int::try_from(duration_ms.min(LONGEST_FRAME_MS)).unwrap_or(c_int::MAX);
        self.begins_at = self.begins_at.saturating_add(duration);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, String> {
        // SAFETY: the encoder is live; a null frame marks the end of the last one.
        let is_ended = unsafe {
            webp::WebPAnimEncoderAdd(
                self.encoder.0,
                std::ptr::null_mut(),
                self.begins_at,
                std::ptr::null(),
            )
        } != 0;
        if !is_ended {
            return Err(self.encoder.message());
        }
        let mut output = Output(webp::WebPData::default());
        // SAFETY: encoder and output are live.
        let is_done =
            unsafe { webp::WebPAnimEncoderAssemble(self.encoder.0, &raw mut output.0) } != 0;
        if !is_done || output.0.bytes.is_null() {
            return Err(self.encoder.message());
        }
        // SAFETY: after success the library's buffer holds `size` bytes; they are copied before `output` frees them.
        Ok(unsafe { std::slice::from_raw_parts(output.0.bytes, output.0.size) }.to_vec())
    }
}

/// The encoder, deleted with this value.
struct AnimationEncoder(*mut webp::WebPAnimEncoder);

impl AnimationEncoder {
    fn new(header: AnimationHeader) -> Result<Self, String> {
        // SAFETY: the options are plain numbers for which zeroes are valid; the call below fills them in.
        let mut options: webp::WebPAnimEncoderOptions = unsafe { std::mem::zeroed() };
        let version = webp::WebPGetMuxABIVersion();
        // SAFETY: `options` is live.
        let is_set = unsafe { webp::WebPAnimEncoderOptionsInitInternal(&raw mut options, version) };
        if is_set == 0 {
            return Err("cannot set up the encoder".to_owned());
        }
        options.anim_params.loop_count = c_int::try_from(header.plays.min(0xffff)).unwrap_or(0);
        let side = |side| c_int::try_from(side).map_err(|_| "a side is too long".to_owned());
        // SAFETY: `options` is live and copied.
        let encoder = unsafe {
            webp::WebPAnimEncoderNewInternal(
                side(header.size.width)?,
                side(header.size.height)?,
                &raw const options,
                version,
            )
        };
        if encoder.is_null() {
            return Err("cannot set up the encoder".to_owned());
        }
        Ok(Self(encoder))
    }

    fn message(&self) -> String {
        // SAFETY: the encoder is live; it gives null or a C string that it owns, copied before anything else is called.
        let text = unsafe { webp::WebPAnimEncoderGetError(self.0) };
        if text.is_null() {
            return "the encoder gave no reason".to_owned();
        }
        // SAFETY: not null, see above.
        unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned()
    }
}

impl Drop for AnimationEncoder {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `WebPAnimEncoderNew`, is not null, and is deleted once.
        unsafe { webp::WebPAnimEncoderDelete(self.0) };
    }
}

/// The finished file, freed with this value.
struct Output(webp::WebPData);

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: empty or filled by the library, and cleared once.
        unsafe { webp::WebPDataClear(&mut self.0) };
    }
}
