//! Animations as whole canvases, one at a time: whatever a file stores per frame (a part, a difference, a disposal), what
//! comes out is the picture a viewer would show. Never more than the canvas and one copy of it are held.

use crate::{
    decode::DecodeRequest, decode::Decoded, error::ImagingError, format::ImageFormat,
    picture::Picture, probe::corrupt, steps::check_deadline,
};

mod canvas;
mod gif;
mod png;
pub(super) mod webp;

/// One frame as it is to be seen.
#[derive(Debug)]
pub(crate) struct Frame {
    /// RGBA, of the canvas' size.
    pub(crate) picture: Picture,
    /// How long it is shown. Units: ms.
    pub(crate) duration_ms: u32,
}

/// The frames of an animation, in order.
pub(crate) struct Frames<'a> {
    source: Source<'a>,
    remaining: u32,
    profile: Option<Vec<u8>>,
}

enum Source<'a> {
    Gif(Box<gif::Source<'a>>),
    Png(Box<png::Source<'a>>),
    WebP(webp::Source<'a>),
}

impl<'a> Frames<'a> {
    /// Opens an animation whose header has passed the limits.
    ///
    /// Errors: `Truncated`, `Corrupt`; `FormatUnsupported` for formats that don't move here.
    pub(crate) fn open(request: &DecodeRequest<'a>) -> Result<Self, ImagingError> {
        let size = request.info.stored_size;
        let (source, profile) = match request.info.format {
            ImageFormat::Gif => {
                let source = gif::Source::open(request.source, size, request.limits)?;
                (Source::Gif(Box::new(source)), None)
            }
            ImageFormat::Png => {
                let (source, profile) = png::Source::open(request.source, size)?;
                (Source::Png(Box::new(source)), profile)
            }
            ImageFormat::WebP => {
                let (source, profile) = webp::Source::open(request.source, size)?;
                (Source::WebP(source), profile)
            }
            format => {
                return Err(ImagingError::FormatUnsupported {
                    found: format.name(),
                });
            }
        };
        let declared = match &source {
            Source::Png(source) => source.declared_frames(),
            Source::Gif(_) | Source::WebP(_) => u32::MAX,
        };
        Ok(Self {
            source,
            remaining: request.info.frames.min(declared),
            profile,
        })
    }

    /// Frames not yet read.
    pub(crate) fn remaining(&self) -> u32 {
        self.remaining
    }

    /// The embedded colour profile.
    pub(crate) fn profile(&self) -> Option<&Vec<u8>> {
        self.profile.as_ref()
    }

    /// How often the animation is played; 0 means for ever. Known once the first frame has been read.
    pub(crate) fn plays(&self) -> u32 {
        match &self.source {
            Source::Gif(source) => source.plays(),
            Source::Png(source) => source.plays(),
            Source::WebP(source) => source.plays(),
        }
    }

    /// The next frame; `None` after the last.
    ///
    /// Errors: `Truncated`, `Corrupt`, `SourceResolution` for a frame beyond its canvas.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, ImagingError> {
        if self.remaining == 0 {
            return Ok(None);
        }
        self.remaining -= 1;
        match &mut self.source {
            Source::Gif(source) => source.next_frame(),
            Source::Png(source) => source.next_frame(),
            Source::WebP(source) => source.next_frame(),
        }
        .map(Some)
    }
}

/// The frame with this index, counted from 0, as a still picture.
///
/// Errors: as [`Frames::next_frame`].
pub(crate) fn still(request: &DecodeRequest<'_>, index: u32) -> Result<Decoded, ImagingError> {
    let mut frames = Frames::open(request)?;
    let profile = frames.profile().cloned();
    let mut seen = 0;
    while let Some(frame) = frames.next_frame()? {
        check_deadline(request.deadline)?;
        if seen == index {
            return Ok(Decoded::unscaled(frame.picture, profile));
        }
        seen += 1;
    }
    Err(corrupt("fewer frames than the header announced"))
}
