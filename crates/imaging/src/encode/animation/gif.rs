//! Animated GIF: each frame has a palette of its own and holds only what changed, the rest being clear.
//!
//! A clear pixel shows what is below, so a frame that makes pixels clear needs the one before it disposed of; that is known
//! one frame late, which is why one frame waits.

use std::time::Instant;

use gif::{DisposalMethod, Encoder, Repeat};

use super::{AnimationHeader, Area};
use crate::{
    encode::gif::frame_of,
    picture::{Channels, Picture},
};

pub(super) struct Writer {
    encoder: Encoder<Vec<u8>>,
    /// What is on the screen before the waiting frame: clear, or what the frame before it left.
    below: Picture,
    waiting: Option<(Picture, u32)>,
    deadline: Option<Instant>,
}

impl Writer {
    pub(super) fn begin(header: AnimationHeader) -> Result<Self, String> {
        let side = |side| u16::try_from(side).map_err(|_| "a side is too long".to_owned());
        let (width, height) = (side(header.size.width)?, side(header.size.height)?);
        let mut encoder =
            Encoder::new(Vec::new(), width, height, &[]).map_err(|error| error.to_string())?;
        // the extension counts repetitions; played once is said by leaving it out
        let repeat = match header.plays {
            0 => Some(Repeat::Infinite),
            1 => None,
            plays => Some(Repeat::Finite(u16::try_from(plays - 1).unwrap_or(u16::MAX))),
        };
        if let Some(repeat) = repeat {
            encoder
                .set_repeat(repeat)
                .map_err(|error| error.to_string())?;
        }
        Ok(Self {
            encoder,
            below: Picture::zeroed(header.size, Channels::Rgba),
            waiting: None,
            deadline: header.deadline,
        })
    }

    pub(super) fn add(&mut self, mut picture: Picture, duration_ms: u32) -> Result<(), String> {
        for pixel in picture.pixels.as_chunks_mut::<4>().0 {
            let [red, green, blue, alpha] = *pixel;
            // nearly clear is clear: a pixel of a GIF is seen or it isn't
            *pixel = if alpha < 128 {
                [0; 4]
            } else {
                [red, green, blue, u8::MAX]
            };
        }
        let is_clearing = self.waiting.as_ref().is_some_and(|(before, _)| {
            let pixels = before.pixels.as_chunks::<4>().0.iter();
            pixels
                .zip(picture.pixels.as_chunks::<4>().0)
                .any(|(before, after)| before.last() > after.last())
        });
        self.write_waiting(is_clearing)?;
        self.waiting = Some((picture, duration_ms));
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, String> {
        self.write_waiting(false)?;
        self.encoder.into_inner().map_err(|error| error.to_string())
    }

    /// Writes the frame that waits; `is_cleared` if nothing of it may be left below the next one.
    fn write_waiting(&mut self, is_cleared: bool) -> Result<(), String> {
        let Some((picture, duration_ms)) = self.waiting.take() else {
            return Ok(());
        };
        let area = if is_cleared {
            // disposal clears the frame's own area, and all of the screen has to become clear
            Area::whole(picture.size)
        } else {
            Area::changed(&self.below, &picture)
        };
        let below = area.cut(&self.below);
        let mut visible = Picture {
            size: area.size,
            channels: Channels::Rgba,
            pixels: area.cut(&picture),
        };
        let pixels = visible.pixels.as_chunks_mut::<4>().0.iter_mut();
        for (pixel, below) in pixels.zip(below.as_chunks::<4>().0) {
            if pixel == below {
                *pixel = [0; 4];
            }
        }
        let short = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
        let size = (short(area.size.width), short(area.size.height));
        let mut frame =
            frame_of(&visible, size, self.deadline).map_err(|error| error.to_string())?;
        frame.left = short(area.left);
        frame.top = short(area.top);
        frame.delay = short((duration_ms + 5) / 10);
        frame.dispose = if is_cleared {
            DisposalMethod::Background
        } else {
            DisposalMethod::Keep
        };
        self.encoder
            .write_frame(&frame)
            .map_err(|error| error.to_string())?;
        self.below = if is_cleared {
            Picture::zeroed(picture.size, Channels::Rgba)
        } else {
            picture
        };
        Ok(())
    }
}
