//! Pictures that a decoder gives row by row. What a request cuts out of one, and makes smaller, is made while the rows arrive:
//! memory holds some rows of the source and the result, never the source.

use std::time::Instant;

use limpid_resample::Layout;

use crate::{
    error::ImagingError,
    geometry::{Region, Size},
    picture::{Channels, Picture, pixel_count},
    steps::check_deadline,
};

/// Rows from the top, as they are stored: not yet turned upright, not yet in sRGB.
pub(crate) trait RowSource {
    /// Size of the picture.
    fn size(&self) -> Size;

    /// What a pixel consists of; colours are not multiplied by alpha.
    fn layout(&self) -> Layout;

    /// Puts the next row, of which there are as many as the picture is high, into a slice of exactly its length.
    ///
    /// Errors: those of the decoder.
    fn read(&mut self, row: &mut [u8]) -> Result<(), ImagingError>;
}

/// Which part of a stored picture is wanted, and how large.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    /// Units: px of the stored picture.
    pub(crate) region: Region,
    /// Before it is turned upright. Units: px.
    pub(crate) to: Size,
}

impl Cut {
    /// Whether no side becomes longer. Of a picture that is made larger there is less to hold than of the result.
    pub(crate) fn makes_smaller(&self) -> bool {
        let fits = |length: f64, pixels: u32| length >= f64::from(pixels) - 1e-6;
        fits(self.region.width, self.to.width) && fits(self.region.height, self.to.height)
    }
}

/// All rows.
///
/// Errors: those of the decoder; `Timeout`, asked for at every row.
pub(crate) fn whole(
    source: &mut dyn RowSource,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let (size, layout) = (source.size(), source.layout());
    let mut pixels = vec![0; pixel_count(size) * layout.channels()];
    let row_bytes = size.width as usize * layout.channels();
    for row in pixels.chunks_exact_mut(row_bytes.max(1)) {
        check_deadline(deadline)?;
        source.read(row)?;
    }
    Ok(picture_of(size, layout, pixels))
}

/// A picture of rows in any layout; grey ones become colours.
pub(crate) fn picture_of(size: Size, layout: Layout, pixels: Vec<u8>) -> Picture {
    let (channels, pixels) = match layout {
        Layout::Grey => {
            let colors = pixels.iter().flat_map(|gray| [*gray; 3]);
            (Channels::Rgb, colors.collect())
        }
        Layout::Rgb => (Channels::Rgb, pixels),
        Layout::Rgba => (Channels::Rgba, pixels),
    };
    Picture {
        size,
        channels,
        pixels,
    }
}

/// Grey and alpha as colours and alpha.
pub(crate) fn widen_gray_alpha(samples: &[u8], row: &mut [u8]) {
    let pixels = row.as_chunks_mut::<4>().0.iter_mut();
    for (pixel, [gray, alpha]) in pixels.zip(samples.as_chunks::<2>().0) {
        *pixel = [*gray, *gray, *gray, *alpha];
    }
}
