//! Makes pictures of 8-bit samples smaller or larger by convolution.
//!
//! A crate of its own for one reason: the convolution is generic code of a library, written out again wherever it is used, and
//! compiling it took more time than everything else in `limpid-imaging`, once for the product and once for its tests. Here it
//! is compiled once, for the three layouts that pictures have, and nearly never again.
//!
//! A source that is in memory goes through [`resample`]; one that arrives row by row through [`RowResampler`], which makes the
//! same bytes and never holds it.

use std::cell::RefCell;

use fast_image_resize::{
    PixelTrait, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedCroppedImage, TypedImage, TypedImageRef},
    pixels::{U8, U8x3, U8x4},
};

mod rows;
mod sums;
mod weights;

pub use rows::RowResampler;

/// Samples of one pixel, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One sample.
    Grey,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha, not multiplied.
    Rgba,
}

impl Layout {
    /// Samples of one pixel.
    pub fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// How a sample of the result is weighed from those of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// The mean of what it covers: quick, for looking at.
    Box,
    /// Triangles: soft enlargements.
    Bilinear,
    /// Lanczos of three lobes: for showing.
    Lanczos3,
}

/// A picture to read from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Rows of `stride` pixels, `layout` samples each.
    pub samples: &'a [u8],
    /// Samples of one pixel.
    pub layout: Layout,
    /// Pixels from one row to the next.
    pub stride: u32,
    /// Pixels of a row that hold picture.
    pub width: u32,
    /// Rows that hold picture.
    pub height: u32,
}

/// The part of the source that becomes the result; fractions of a pixel count.
///
/// Units: px.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Part {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

/// What to make of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// Which part of the source.
    pub part: Part,
    /// Columns of the result.
    pub width: u32,
    /// Rows of the result.
    pub height: u32,
    /// How samples are weighed.
    pub filter: Filter,
    /// Whether colours count by their alpha, so that those of transparent pixels don't bleed; costs a copy of the source.
    pub weigh_by_alpha: bool,
}

/// The samples don't make the picture they are said to, or the part isn't inside it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ResampleError(String);

thread_local! {
    /// Its memory is worth keeping from picture to picture.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// Rows of `request.width` pixels, without gaps, in the layout of the source.
///
/// Errors: [`ResampleError`] where source and request don't fit together.
pub fn resample(source: &Source<'_>, request: &Request) -> Result<Vec<u8>, ResampleError> {
    match source.layout {
        Layout::Grey => convolve::<U8>(source, request),
        Layout::Rgb => convolve::<U8x3>(source, request),
        Layout::Rgba => convolve::<U8x4>(source, request),
    }
}

fn convolve<P: PixelTrait>(
    source: &Source<'_>,
    request: &Request,
) -> Result<Vec<u8>, ResampleError> {
    let row_bytes = source.stride as usize * P::size();
    let rows = source.samples.len() / row_bytes.max(1);
    let whole_rows = source.samples.get(..rows * row_bytes).unwrap_or_default();
    let rows = u32::try_from(rows).map_err(ResampleError::from_display)?;
    let whole = TypedImageRef::<P>::from_buffer(source.stride, rows, whole_rows)
        .map_err(ResampleError::from_display)?;
    let picture = TypedCroppedImage::from_ref(&whole, 0, 0, source.width, source.height)
        .map_err(ResampleError::from_display)?;
    let mut samples = vec![0; request.width as usize * request.height as usize * P::size()];
    let mut target =
        TypedImage::<P>::from_buffer(request.width, request.height, samples.as_mut_slice())
            .map_err(ResampleError::from_display)?;
    let part = request.part;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(request.filter.into()))
        .crop(part.left, part.top, part.width, part.height)
        .use_alpha(request.weigh_by_alpha);
    RESIZER
        .with_borrow_mut(|resizer| resizer.resize_typed(&picture, &mut target, &options))
        .map_err(ResampleError::from_display)?;
    Ok(samples)
}

impl ResampleError {
    fn from_display(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl From<Filter> for fast_image_resize::FilterType {
    fn from(filter: Filter) -> Self {
        match filter {
            Filter::Box => Self::Box,
            Filter::Bilinear => Self::Bilinear,
            Filter::Lanczos3 => Self::Lanczos3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Filter, Layout, Part, Request, Source, resample};

    /// Two by two pixels with a column beyond the picture.
    fn grey(samples: &[u8]) -> Source<'_> {
        Source {
            samples,
            layout: Layout::Grey,
            stride: 3,
            width: 2,
            height: 2,
        }
    }

    fn halved() -> Request {
        Request {
            part: Part {
                left: 0.0,
                top: 0.0,
                width: 2.0,
                height: 2.0,
            },
            width: 1,
            height: 1,
            filter: Filter::Box,
            weigh_by_alpha: false,
        }
    }

    #[test]
    fn a_box_is_the_mean_of_what_it_covers_and_of_nothing_beyond() {
        let mean = resample(&grey(&[10, 20, 255, 30, 40, 255]), &halved());
        assert_eq!(mean, Ok(vec![25]));
    }

    #[test]
    fn colours_of_transparent_pixels_do_not_bleed() {
        let samples = [200, 0, 0, 255, 0, 255, 0, 0];
        let source = Source {
            samples: &samples,
            layout: Layout::Rgba,
            stride: 2,
            width: 2,
            height: 1,
        };
        let mut request = halved();
        request.part.height = 1.0;
        request.weigh_by_alpha = true;
        let weighed = resample(&source, &request).unwrap_or_default();
        let [red, green, _, _] = weighed.try_into().unwrap_or_default();
        // multiplied and divided again, each rounded
        assert!((199..=201).contains(&red), "{red}");
        assert_eq!(green, 0);
    }

    #[test]
    fn too_few_samples_and_a_part_beyond_the_picture_are_refused() {
        assert!(resample(&grey(&[1, 2, 3]), &halved()).is_err());
        let mut request = halved();
        request.part.left = 1.0;
        assert!(resample(&grey(&[10, 20, 255, 30, 40, 255]), &request).is_err());
    }
}
