//! The frames of a GIF.
//!
//! Source: `GIF89a`, sections 20 and 23; the application extension `NETSCAPE2.0`.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Decoder, DisposalMethod, MemoryLimit, Repeat};

use super::{
    Frame,
    canvas::{Blend, Canvas, Disposal},
};
use crate::{
    decode::gif::to_error,
    error::ImagingError,
    geometry::Size,
    limits::Limits,
    picture::{Channels, Picture},
    probe,
};

const MILLISECONDS_PER_UNIT: u32 = 10;

pub(super) struct Source<'a> {
    decoder: Decoder<&'a [u8]>,
    canvas: Canvas,
    limits: &'a Limits,
}

impl<'a> Source<'a> {
    pub(super) fn open(
        source: &'a [u8],
        screen: Size,
        limits: &'a Limits,
    ) -> Result<Self, ImagingError> {
        if probe::gif::is_cut(source) {
            return Err(ImagingError::Truncated);
        }
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::RGBA);
        let memory =
            NonZeroU64::new(limits.max_pixels.saturating_mul(4)).unwrap_or(NonZeroU64::MIN);
        options.set_memory_limit(MemoryLimit::Bytes(memory));
        let decoder = options
            .read_info(source)
            .map_err(|error| to_error(&error))?;
        Ok(Self {
            decoder,
            canvas: Canvas::new(screen),
            limits,
        })
    }

    /// The extension counts repetitions, so `n` of them are `n` + 1 plays; without it there is one.
    pub(super) fn plays(&self) -> u32 {
        match self.decoder.repeat() {
            Repeat::Infinite => 0,
            Repeat::Finite(repetitions) => u32::from(repetitions) + 1,
        }
    }

    pub(super) fn next_frame(&mut self) -> Result<Frame, ImagingError> {
        let info = self
            .decoder
            .next_frame_info()
            .map_err(|error| to_error(&error))?
            .ok_or(ImagingError::Truncated)?;
        let size = Size {
            width: info.width.into(),
            height: info.height.into(),
        };
        let place = (usize::from(info.left), usize::from(info.top));
        let duration_ms = u32::from(info.delay) * MILLISECONDS_PER_UNIT;
        let disposal = match info.dispose {
            DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
            // the background is clear in every viewer, whatever colour the header names
            DisposalMethod::Background => Disposal::Clear,
            DisposalMethod::Previous => Disposal::Restore,
        };
        // a frame may be larger than the screen it is shown on, and is unpacked before it is cut
        self.limits.check_source(size, 1)?;
        let mut frame = Picture::zeroed(size, Channels::Rgba);
        self.decoder
            .read_into_buffer(&mut frame.pixels)
            .map_err(|error| to_error(&error))?;
        Ok(Frame {
            picture: self.canvas.show(&frame, place, Blend::Over, disposal),
            duration_ms,
        })
    }
}
