//! Frames to an animated file, one at a time.

use std::time::Instant;

use crate::{
    deadline::check_deadline,
    error::ImagingError,
    format::ImageFormat,
    geometry::Size,
    picture::{Picture, pixel_count},
};

mod gif;
mod png;
mod webp;

/// What has to be known before the first frame is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnimationHeader {
    pub(crate) size: Size,
    /// Frames that will follow, exactly.
    pub(crate) frames: u32,
    /// How often it is played; 0 means for ever.
    pub(crate) plays: u32,
    /// 1 to 100, where the format has it.
    pub(crate) quality: u8,
    /// Whether WebP frames keep every pixel.
    pub(crate) is_lossless: bool,
    /// When nobody waits for it any more.
    pub(crate) deadline: Option<Instant>,
}

/// Writes an animation.
pub(crate) struct FrameWriter {
    format: ImageFormat,
    deadline: Option<Instant>,
    writer: Writer,
}

enum Writer {
    Gif(Box<gif::Writer>),
    Png(Box<png::Writer>),
    WebP(webp::Writer),
}

impl FrameWriter {
    /// Begins a file of `format`, which is one that moves.
    pub(crate) fn begin(
        format: ImageFormat,
        header: AnimationHeader,
    ) -> Result<Self, ImagingError> {
        let writer = match format {
            ImageFormat::Gif => {
                gif::Writer::begin(header).map(|writer| Writer::Gif(Box::new(writer)))
            }
            ImageFormat::Png => {
                png::Writer::begin(header).map(|writer| Writer::Png(Box::new(writer)))
            }
            ImageFormat::WebP => webp::Writer::begin(header).map(Writer::WebP),
            _ => Err("no format for animations".to_owned()),
        };
        writer
            .map(|writer| Self {
                format,
                deadline: header.deadline,
                writer,
            })
            .map_err(|detail| failed(format, detail))
    }

    /// Adds a frame: RGBA, of the announced size.
    pub(crate) fn add(&mut self, picture: Picture, duration_ms: u32) -> Result<(), ImagingError> {
        match &mut self.writer {
            Writer::Gif(writer) => writer.add(picture, duration_ms),
            Writer::Png(writer) => writer.add(picture, duration_ms),
            Writer::WebP(writer) => writer.add(&picture, duration_ms),
        }
        .or_else(|detail| {
            check_deadline(self.deadline)?;
            Err(failed(self.format, detail))
        })
    }

    /// Completes the file.
    pub(crate) fn finish(self) -> Result<Vec<u8>, ImagingError> {
        match self.writer {
            Writer::Gif(writer) => writer.finish(),
            Writer::Png(writer) => writer.finish(),
            Writer::WebP(writer) => writer.finish(),
        }
        .or_else(|detail| {
            check_deadline(self.deadline)?;
            Err(failed(self.format, detail))
        })
    }
}

fn failed(format: ImageFormat, detail: String) -> ImagingError {
    ImagingError::Encode {
        format: format.name(),
        detail,
    }
}

/// A part of a canvas. Units: px.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Area {
    left: u32,
    top: u32,
    size: Size,
}

impl Area {
    fn whole(size: Size) -> Self {
        Self {
            left: 0,
            top: 0,
            size,
        }
    }

    /// The smallest area outside which two pictures are the same; one pixel where they are the same altogether, because
    /// formats have no empty frames.
    fn changed(before: &Picture, after: &Picture) -> Self {
        let mut rows = before.rows().zip(after.rows());
        let one = Self {
            left: 0,
            top: 0,
            size: Size {
                width: 1,
                height: 1,
            },
        };
        let differs = |(before, after): (&[u8], &[u8])| before != after;
        let Some(top) = rows.position(differs) else {
            return one;
        };
        let mut rows = before.rows().zip(after.rows());
        let bottom = rows.rposition(differs).unwrap_or(top);
        let (mut left, mut right) = (usize::MAX, 0);
        for (before, after) in before.rows().zip(after.rows()).take(bottom + 1).skip(top) {
            let mut pixels = before
                .as_chunks::<4>()
                .0
                .iter()
                .zip(after.as_chunks::<4>().0);
            let Some(first) = pixels.position(|(before, after)| before != after) else {
                continue;
            };
            let mut pixels = before
                .as_chunks::<4>()
                .0
                .iter()
                .zip(after.as_chunks::<4>().0);
            let last = pixels
                .rposition(|(before, after)| before != after)
                .unwrap_or(first);
            left = left.min(first);
            right = right.max(last);
        }
        let side = |begin: usize, end: usize| u32::try_from(end - begin.min(end) + 1).unwrap_or(1);
        Self {
            left: u32::try_from(left).unwrap_or(0),
            top: u32::try_from(top).unwrap_or(0),
            size: Size {
                width: side(left, right),
                height: side(top, bottom),
            },
        }
    }

    /// The pixels of this area.
    fn cut(self, picture: &Picture) -> Vec<u8> {
        let (begin, length) = (self.left as usize * 4, self.size.width as usize * 4);
        let mut pixels = Vec::with_capacity(pixel_count(self.size) * 4);
        let rows = picture.rows().skip(self.top as usize);
        for row in rows.take(self.size.height as usize) {
            pixels.extend_from_slice(row.get(begin..begin + length).unwrap_or_default());
        }
        pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Channels;

    #[test]
    fn only_what_changed_is_in_the_area() {
        let size = Size {
            width: 6,
            height: 5,
        };
        let before = Picture::zeroed(size, Channels::Rgba);
        let mut after = before.clone();
        assert_eq!(Area::changed(&before, &after).size.area(), 1);
        for (x, y) in [(4, 1), (2, 3)] {
            after.pixels[(y * 6 + x) * 4 + 1] = 9;
        }
        let area = Area::changed(&before, &after);
        assert_eq!((area.left, area.top), (2, 1));
        assert_eq!((area.size.width, area.size.height), (3, 3));
        let cut = area.cut(&after);
        assert_eq!(cut.len(), 3 * 3 * 4);
        assert_eq!((cut[2 * 4 + 1], cut[6 * 4 + 1]), (9, 9));
    }
}
