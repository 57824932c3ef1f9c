//! Pixels in memory.

use crate::geometry::Size;

/// A picture of 8 bits per channel, rows without padding, colour not multiplied by alpha.
///
/// Shape: RGB8 or RGBA8, row by row from the top left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) size: Size,
    pub(crate) channels: Channels,
    pub(crate) pixels: Vec<u8>,
}

/// What a pixel consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channels {
    Rgb,
    Rgba,
}

impl Channels {
    /// Bytes of one pixel.
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

impl Picture {
    /// A picture of one colour.
    pub(crate) fn filled(size: Size, channels: Channels, color: [u8; 4]) -> Self {
        let pixel = color.get(..channels.count()).unwrap_or_default();
        Self {
            size,
            channels,
            pixels: pixel.repeat(pixel_count(size)),
        }
    }

    /// A picture of zeroes, so that a decoder that stops early never shows another picture's memory.
    pub(crate) fn zeroed(size: Size, channels: Channels) -> Self {
        Self {
            size,
            channels,
            pixels: vec![0; pixel_count(size) * channels.count()],
        }
    }

    /// Bytes of one row.
    pub(crate) fn row_bytes(&self) -> usize {
        self.size.width as usize * self.channels.count()
    }

    /// The rows from the top.
    pub(crate) fn rows(&self) -> std::slice::ChunksExact<'_, u8> {
        self.pixels.chunks_exact(self.row_bytes().max(1))
    }

    /// The rows from the top.
    pub(crate) fn rows_mut(&mut self) -> std::slice::ChunksExactMut<'_, u8> {
        let row_bytes = self.row_bytes().max(1);
        self.pixels.chunks_exact_mut(row_bytes)
    }

    /// Copies another picture of the same channels onto this one; what lies outside is cut.
    pub(crate) fn paste(&mut self, other: &Self, left: usize, top: usize) {
        let left_bytes = left * self.channels.count();
        for (row, source) in self.rows_mut().skip(top).zip(other.rows()) {
            let visible = row.len().saturating_sub(left_bytes).min(source.len());
            if let (Some(row), Some(source)) = (
                row.get_mut(left_bytes..left_bytes + visible),
                source.get(..visible),
            ) {
                row.copy_from_slice(source);
            }
        }
    }

    /// Whether anything shows through.
    pub(crate) fn is_transparent(&self) -> bool {
        self.channels == Channels::Rgba
            && self
                .pixels
                .chunks_exact(4)
                .any(|pixel| pixel.last() != Some(&u8::MAX))
    }

    /// Takes the alpha out of colours that a file stores multiplied with it.
    pub(crate) fn unmultiply(&mut self) {
        if self.channels == Channels::Rgba {
            unmultiply(&mut self.pixels);
        }
    }

    /// The same picture with an alpha channel.
    pub(crate) fn into_rgba(self) -> Self {
        if self.channels == Channels::Rgba {
            return self;
        }
        let mut pixels = Vec::with_capacity(pixel_count(self.size) * 4);
        for pixel in self.pixels.chunks_exact(3) {
            pixels.extend_from_slice(pixel);
            pixels.push(u8::MAX);
        }
        Self {
            size: self.size,
            channels: Channels::Rgba,
            pixels,
        }
    }

    /// The same colours without alpha; for pictures nothing shows through.
    pub(crate) fn into_rgb(self) -> Self {
        if self.channels == Channels::Rgb {
            return self;
        }
        let mut pixels = Vec::with_capacity(pixel_count(self.size) * 3);
        for pixel in self.pixels.chunks_exact(4) {
            pixels.extend_from_slice(pixel.get(..3).unwrap_or_default());
        }
        Self {
            size: self.size,
            channels: Channels::Rgb,
            pixels,
        }
    }
}

/// [`Picture::unmultiply`] for some pixels with alpha.
pub(crate) fn unmultiply(pixels: &mut [u8]) {
    for [red, green, blue, alpha] in pixels.as_chunks_mut::<4>().0 {
        let alpha = u32::from(*alpha);
        for channel in [red, green, blue] {
            let straight = (u32::from(*channel) * 255 + alpha / 2).checked_div(alpha);
            *channel = u8::try_from(straight.unwrap_or(0)).unwrap_or(u8::MAX);
        }
    }
}

/// Pixels of a size that has passed its limit.
pub(crate) fn pixel_count(size: Size) -> usize {
    usize::try_from(size.area()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplied_colours_become_what_they_were_and_never_more_than_full() {
        let mut picture = Picture {
            size: Size {
                width: 4,
                height: 1,
            },
            channels: Channels::Rgba,
            pixels: vec![16, 8, 0, 16, 9, 9, 9, 0, 200, 100, 50, 255, 255, 1, 2, 4],
        };
        picture.unmultiply();
        assert_eq!(
            picture.pixels,
            [
                255, 128, 0, 16, 0, 0, 0, 0, 200, 100, 50, 255, 255, 64, 128, 4
            ]
        );
    }
}
