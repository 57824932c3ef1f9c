//! The frames of an animated PNG.
//!
//! Source: PNG specification, third edition, 11.3.6.

use std::io::Cursor;

use png::{BlendOp, Decoder, DisposeOp, FrameControl, Limits, Reader, Transformations};

use super::{
    Frame,
    canvas::{Blend, Canvas, Disposal},
};
use crate::{
    decode::png::{MAX_CHUNK_BYTES, to_error, to_picture},
    error::ImagingError,
    geometry::Size,
    picture::Picture,
    probe::{corrupt, png as header},
};

/// A delay with denominator 0 is in hundredths of a second.
const DEFAULT_DENOMINATOR: u16 = 100;

pub(super) struct Source<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
    canvas: Canvas,
    /// Room for a frame as large as the canvas, as the decoder demands for each.
    buffer: Vec<u8>,
    is_first: bool,
    is_whole: bool,
}

impl<'a> Source<'a> {
    pub(super) fn open(
        source: &'a [u8],
        size: Size,
    ) -> Result<(Self, Option<Vec<u8>>), ImagingError> {
        let is_whole = header::Header::parse(source)?.has_end;
        let mut decoder = Decoder::new_with_limits(
            Cursor::new(source),
            Limits {
                bytes: MAX_CHUNK_BYTES,
            },
        );
        decoder.set_transformations(Transformations::normalize_to_color8());
        decoder.set_ignore_text_chunk(true);
        let reader = decoder
            .read_info()
            .map_err(|error| to_error(error, is_whole))?;
        let info = reader.info();
        if (info.width, info.height) != (size.width, size.height) {
            return Err(corrupt("the header changed between two readings"));
        }
        let profile = info.icc_profile.as_ref().map(|profile| profile.to_vec());
        let bytes = reader
            .output_buffer_size()
            .ok_or_else(|| corrupt("a row is too long"))?;
        Ok((
            Self {
                reader,
                canvas: Canvas::new(size),
                buffer: vec![0; bytes],
                is_first: true,
                is_whole,
            },
            profile,
        ))
    }

    pub(super) fn declared_frames(&self) -> u32 {
        self.reader
            .info()
            .animation_control
            .map_or(1, |control| control.num_frames)
    }

    pub(super) fn plays(&self) -> u32 {
        self.reader
            .info()
            .animation_control
            .map_or(1, |control| control.num_plays)
    }

    pub(super) fn next_frame(&mut self) -> Result<Frame, ImagingError> {
        let is_whole = self.is_whole;
        // a picture for viewers that don't know animations may come first and is no frame
        if self.is_first && self.reader.info().frame_control.is_none() {
            self.reader
                .next_frame_info()
                .map_err(|error| to_error(error, is_whole))?;
        }
        let output = self
            .reader
            .next_frame(&mut self.buffer)
            .map_err(|error| to_error(error, is_whole))?;
        let control = *self
            .reader
            .info()
            .frame_control()
            .ok_or_else(|| corrupt("a frame without its control chunk"))?;
        let size = Size {
            width: output.width,
            height: output.height,
        };
        let picture = to_picture(
            size,
            output.color_type,
            self.packed_rows(output.line_size, size.height),
        )
        .into_rgba();
        Ok(self.show(&picture, control))
    }

    /// The decoder leaves rows of interlaced frames as far apart as rows of the canvas are.
    fn packed_rows(&self, row_bytes: usize, height: u32) -> Vec<u8> {
        let info = self.reader.info();
        let stride = if info.interlaced {
            self.reader
                .output_line_size(info.width)
                .unwrap_or(row_bytes)
        } else {
            row_bytes
        };
        let rows = self.buffer.chunks(stride.max(1)).take(height as usize);
        rows.flat_map(|row| row.get(..row_bytes).unwrap_or(row))
            .copied()
            .collect()
    }

    fn show(&mut self, picture: &Picture, control: FrameControl) -> Frame {
        let disposal = match control.dispose_op {
            DisposeOp::None => Disposal::Keep,
            // before the first frame there is nothing to go back to
            DisposeOp::Previous if self.is_first => Disposal::Clear,
            DisposeOp::Background => Disposal::Clear,
            DisposeOp::Previous => Disposal::Restore,
        };
        let blend = match control.blend_op {
            BlendOp::Source => Blend::Replace,
            BlendOp::Over => Blend::Over,
        };
        self.is_first = false;
        let place = (control.x_offset as usize, control.y_offset as usize);
        let denominator = match control.delay_den {
            0 => DEFAULT_DENOMINATOR,
            denominator => denominator,
        };
        Frame {
            picture: self.canvas.show(picture, place, blend, disposal),
            duration_ms: u32::from(control.delay_num) * 1000 / u32::from(denominator),
        }
    }
}
