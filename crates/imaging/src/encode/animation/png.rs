//! Animated PNG: each frame is the part that changed, and replaces it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use png::{BitDepth, BlendOp, ColorType, Compression, DisposeOp, Encoder};

use super::{AnimationHeader, Area};
use crate::picture::Picture;

pub(super) struct Writer {
    encoder: png::Writer<Output>,
    output: Output,
    previous: Option<Picture>,
}

/// The encoder owns where it writes; this is a second handle on it.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Writer {
    pub(super) fn begin(header: AnimationHeader) -> Result<Self, String> {
        let output = Output::default();
        let size = header.size;
        let mut encoder = Encoder::new(output.clone(), size.width, size.height);
        encoder.set_color(ColorType::Rgba);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(Compression::Fast);
        encoder
            .set_animated(header.frames, header.plays)
            .and_then(|()| encoder.set_dispose_op(DisposeOp::None))
            .and_then(|()| encoder.set_blend_op(BlendOp::Source))
            .map_err(text)?;
        Ok(Self {
            encoder: encoder.write_header().map_err(text)?,
            output,
            previous: None,
        })
    }

    pub(super) fn add(&mut self, picture: Picture, duration_ms: u32) -> Result<(), String> {
        // 65 s is the most the field holds in milliseconds; what is longer is told in seconds
        let (delay, a_second) = match u16::try_from(duration_ms) {
            Ok(milliseconds) => (milliseconds, 1000),
            Err(_) => (u16::try_from(duration_ms / 1000).unwrap_or(u16::MAX), 1),
        };
        self.encoder
            .set_frame_delay(delay, a_second)
            .map_err(text)?;
        let area = match &self.previous {
            Some(previous) => Area::changed(previous, &picture),
            None => Area::whole(picture.size),
        };
        // place first goes back to 0, so that no step in between lies outside the canvas
        self.encoder.reset_frame_position().map_err(text)?;
        self.encoder
            .set_frame_dimension(area.size.width, area.size.height)
            .and_then(|()| self.encoder.set_frame_position(area.left, area.top))
            .map_err(text)?;
        self.encoder
            .write_image_data(&area.cut(&picture))
            .map_err(text)?;
        self.previous = Some(picture);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, String> {
        self.encoder.finish().map_err(text)?;
        let mut output = self.output.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *output))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
fn text(error: png::EncodingError) -> String {
    error.to_string()
}
