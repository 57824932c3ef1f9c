//! Makes a picture smaller while it arrives row by row, so that of the source only what still counts is held: the sums of the
//! few rows of the result that are begun.
//!
//! The bytes are those that [`resample`] makes of the whole: the same weights, columns first added up, then scaled across.

use std::ops::Range;

use fast_image_resize::{
    MulDiv,
    images::{TypedImage, TypedImageRef},
    pixels::U8x4,
};

use crate::{
    Layout, Part, Request, ResampleError, Source, resample,
    sums::{BLOCK, Block, Share, Sums},
    weights::Weights,
};

/// Rows are scaled across many at a time, since each time the weights are computed again.
const STRIP_BYTES: usize = 1 << 21;
const FEWEST_STRIP_ROWS: usize = 64;

/// A result in the making.
#[derive(Debug)]
pub struct RowResampler {
    layout: Layout,
    /// Samples of a row of the source.
    row_samples: usize,
    /// Which of them count.
    used: Range<usize>,
    /// What is asked of the used columns.
    request: Request,
    weights: Weights,
    sums: Sums,
    /// Rows of the result there are sums for at a time.
    places: usize,
    shares: Vec<Share>,
    /// Rows of the source come two by two.
    pair: [Vec<Block>; 2],
    /// How many of the two are there.
    held: u32,
    /// The row of the source that comes next.
    next: u32,
    /// The first row of the result that isn't finished.
    open: usize,
    /// Rows that are added up, not yet scaled across.
    strip: Vec<u8>,
    strip_rows: usize,
    finished: Vec<Block>,
    result: Vec<u8>,
}

impl RowResampler {
    /// `size` is width and height of the source; the part has to lie inside it. Made for results that have no more rows than
    /// the part: others are right, and hold many sums.
    ///
    /// Errors: [`ResampleError`] where source and request don't fit together.
    pub fn new(layout: Layout, size: (u32, u32), request: Request) -> Result<Self, ResampleError> {
        let (width, height) = size;
        let Part { left, top, .. } = request.part;
        let (right, bottom) = (left + request.part.width, top + request.part.height);
        let is_inside = left >= 0.0
            && top >= 0.0
            && left < right
            && top < bottom
            && right <= f64::from(width)
            && bottom <= f64::from(height);
        if !is_inside || request.width == 0 || request.height == 0 {
            return Err(ResampleError(
                "the part is not inside the picture".to_owned(),
            ));
        }
        // where nothing is scaled nothing is weighed
        let is_copy = request.part
            == Part {
                left: left.round(),
                top: top.round(),
                width: f64::from(request.width),
                height: f64::from(request.height),
            };
        let weigh_by_alpha = request.weigh_by_alpha && layout == Layout::Rgba && !is_copy;
        let weights = Weights::new(height, top..bottom, request.height, request.filter);
        let columns = columns(width, &request);
        let channels = layout.channels();
        let used = columns.start as usize * channels..columns.end as usize * channels;
        let blocks = used.len().div_ceil(BLOCK);
        let places = weights.most_open().max(1);
        let strip_rows = (STRIP_BYTES / used.len().max(1))
            .max(FEWEST_STRIP_ROWS)
            .min(request.height as usize);
        let row = || vec![[0; BLOCK]; blocks];
        Ok(Self {
            layout,
            row_samples: width as usize * channels,
            request: Request {
                part: Part {
                    left: left - f64::from(columns.start),
                    ..request.part
                },
                weigh_by_alpha,
                ..request
            },
            sums: Sums::new(blocks, places, weights.precision),
            places,
            shares: Vec::new(),
            pair: [row(), row()],
            held: 0,
            next: weights.span().start,
            open: 0,
            strip: Vec::with_capacity(strip_rows * used.len()),
            strip_rows,
            finished: row(),
            result: Vec::with_capacity(request.width as usize * request.height as usize * channels),
            used,
            weights,
        })
    }

    /// The rows that have to be pushed, in order; all others count for nothing.
    pub fn rows(&self) -> Range<u32> {
        self.weights.span()
    }

    /// Takes the next row.
    ///
    /// Errors: [`ResampleError`] where it is too short, or one too many.
    pub fn push(&mut self, row: &[u8]) -> Result<(), ResampleError> {
        let end = self.weights.span().end;
        let used = row
            .get(..self.row_samples)
            .and_then(|row| row.get(self.used.clone()))
            .filter(|_| self.next < end)
            .ok_or_else(|| ResampleError("a row is too short, or one too many".to_owned()))?;
        let [first, second] = &mut self.pair;
        let into = if self.held == 0 { first } else { second };
        let into = into.as_flattened_mut().get_mut(..used.len());
        let into = into.unwrap_or_default();
        if self.request.weigh_by_alpha {
            multiply(used, into)?;
        } else {
            into.copy_from_slice(used);
        }
        self.held += 1;
        self.next += 1;
        if self.held == 2 || self.next == end {
            self.add()?;
        }
        Ok(())
    }

    /// The result: rows of `request.width` pixels without gaps, in the layout of the source.
    ///
    /// Errors: [`ResampleError`] where rows are missing.
    pub fn finish(mut self) -> Result<Vec<u8>, ResampleError> {
        self.scale_across()?;
        let pixels = self.request.width as usize * self.request.height as usize;
        let samples = pixels * self.layout.channels();
        if self.result.len() != samples {
            return Err(ResampleError("rows are missing".to_owned()));
        }
        if self.request.weigh_by_alpha {
            divide(&mut self.result, self.request.width, self.request.height)?;
        }
        Ok(self.result)
    }

    /// Adds the rows that are held to all they count for, and finishes those they are the last for.
    fn add(&mut self) -> Result<(), ResampleError> {
        let above = self.next - self.held;
        let places = self.places;
        self.shares.clear();
        let begun = (self.open..)
            .map_while(|row| Some((row, self.weights.of(row)?)))
            .take_while(|(_, weights)| weights.has_begun(above + 1));
        let shares = begun.map(|(row, weights)| {
            let pair = [weights.at(above), weights.at(above + 1)];
            (row % places, pair)
        });
        self.shares.extend(shares);
        let [first, second] = &self.pair;
        self.sums.add([first, second], &self.shares);
        self.held = 0;
        while let Some(weights) = self.weights.of(self.open)
            && weights.end() <= self.next
        {
            self.sums.take(self.open % places, &mut self.finished);
            let samples = self.finished.as_flattened();
            let samples = samples.get(..self.used.len()).unwrap_or_default();
            self.strip.extend_from_slice(samples);
            self.open += 1;
            if self.strip.len() >= self.strip_rows * self.used.len() {
                self.scale_across()?;
            }
        }
        Ok(())
    }

    fn scale_across(&mut self) -> Result<(), ResampleError> {
        let rows = self.strip.len() / self.used.len().max(1);
        if rows == 0 {
            return Ok(());
        }
        let height = u32::try_from(rows).map_err(ResampleError::from_display)?;
        let width = self.used.len() / self.layout.channels();
        let width = u32::try_from(width).map_err(ResampleError::from_display)?;
        let source = Source {
            samples: &self.strip,
            layout: self.layout,
            stride: width,
            width,
            height,
        };
        let request = Request {
            part: Part {
                top: 0.0,
                height: f64::from(height),
                ..self.request.part
            },
            height,
            weigh_by_alpha: false,
            ..self.request
        };
        let scaled = resample(&source, &request)?;
        self.result.extend_from_slice(&scaled);
        self.strip.clear();
        Ok(())
    }
}

/// Columns of the source that count for the part.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the columns of the source first"
)]
fn columns(width: u32, request: &Request) -> Range<u32> {
    let part = request.part;
    let scale = part.width / f64::from(request.width);
    let radius = request.filter.support() * scale.max(1.0);
    let first = (part.left - radius).floor().max(0.0);
    let end = (part.left + part.width + radius).ceil();
    first as u32..end.min(f64::from(width)) as u32
}

/// Multiplies the colours of one row by their alpha.
fn multiply(row: &[u8], into: &mut [u8]) -> Result<(), ResampleError> {
    let width = u32::try_from(row.len() / 4).map_err(ResampleError::from_display)?;
    let row = TypedImageRef::<U8x4>::from_buffer(width, 1, row);
    let row = row.map_err(ResampleError::from_display)?;
    let into = TypedImage::<U8x4>::from_buffer(width, 1, into);
    let mut into = into.map_err(ResampleError::from_display)?;
    MulDiv::new()
        .multiply_alpha_typed(&row, &mut into)
        .map_err(ResampleError::from_display)
}

fn divide(samples: &mut [u8], width: u32, height: u32) -> Result<(), ResampleError> {
    let picture = TypedImage::<U8x4>::from_buffer(width, height, samples);
    let mut picture = picture.map_err(ResampleError::from_display)?;
    MulDiv::new()
        .divide_alpha_inplace_typed(&mut picture)
        .map_err(ResampleError::from_display)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Filter;

    /// Samples that look like noise, the same on every run.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 0x2545_f491_u32;
        let next = |_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 24) as u8
        };
        (0..count).map(next).collect()
    }

    fn by_rows(source: &Source<'_>, request: Request) -> Vec<u8> {
        let size = (source.width, source.height);
        let mut resampler = RowResampler::new(source.layout, size, request).unwrap();
        let row_bytes = source.width as usize * source.layout.channels();
        let rows = resampler.rows();
        let taken = source.samples.chunks_exact(row_bytes);
        for row in taken.skip(rows.start as usize).take(rows.len()) {
            resampler.push(row).unwrap();
        }
        resampler.finish().unwrap()
    }

    #[test]
    fn rows_make_the_same_bytes_as_the_whole() {
        let (width, height) = (211, 157);
        let parts = [
            (0.0, 0.0, 211.0, 157.0),
            (13.0, 7.0, 150.0, 120.0),
            (3.7, 11.2, 99.5, 101.25),
            (0.5, 0.25, 210.5, 156.75),
        ];
        let sizes = [(50, 40), (1, 1), (99, 101), (150, 120), (7, 100), (90, 3)];
        for layout in [Layout::Grey, Layout::Rgb, Layout::Rgba] {
            let samples = noise(width as usize * height as usize * layout.channels());
            let source = Source {
                samples: &samples,
                layout,
                stride: width,
                width,
                height,
            };
            for (left, top, part_width, part_height) in parts {
                for (to_width, to_height) in sizes {
                    for filter in [Filter::Lanczos3, Filter::Bilinear, Filter::Box] {
                        let request = Request {
                            part: Part {
                                left,
                                top,
                                width: part_width,
                                height: part_height,
                            },
                            width: to_width,
                            height: to_height,
                            filter,
                            weigh_by_alpha: layout == Layout::Rgba,
                        };
                        let whole = resample(&source, &request).unwrap();
                        assert!(by_rows(&source, request) == whole, "{layout:?} {request:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn enlarged_rows_are_the_same_too() {
        let samples = noise(20 * 10 * 3);
        let source = Source {
            samples: &samples,
            layout: Layout::Rgb,
            stride: 20,
            width: 20,
            height: 10,
        };
        let request = Request {
            part: Part {
                left: 1.0,
                top: 0.5,
                width: 18.0,
                height: 9.0,
            },
            width: 71,
            height: 53,
            filter: Filter::Lanczos3,
            weigh_by_alpha: false,
        };
        assert_eq!(Ok(by_rows(&source, request)), resample(&source, &request));
    }

    #[test]
    fn plain_sums_are_those_of_wide_vectors() {
        let rows = noise(2 * 3 * BLOCK);
        let (blocks, _) = rows.as_chunks::<BLOCK>();
        let (first, second) = blocks.split_at(3);
        let taken = |is_wide: bool| {
            let mut sums = Sums::new(3, 2, 14);
            sums.set_wide(is_wide);
            sums.add([first, second], &[(0, [-2000, 18_384]), (1, [30_000, 500])]);
            sums.add([second, first], &[(1, [-14_000, 0])]);
            [0, 1, 0].map(|place| {
                let mut row = vec![[0; BLOCK]; 3];
                sums.take(place, &mut row);
                row
            })
        };
        assert_eq!(taken(false), taken(true));
        assert_eq!(
            taken(true)[2],
            [[0; BLOCK]; 3],
            "a place that was taken is free"
        );
    }

    #[test]
    fn missing_rows_short_rows_and_parts_beyond_the_picture_are_refused() {
        let request = Request {
            part: Part {
                left: 0.0,
                top: 0.0,
                width: 8.0,
                height: 8.0,
            },
            width: 2,
            height: 2,
            filter: Filter::Lanczos3,
            weigh_by_alpha: false,
        };
        let new = || RowResampler::new(Layout::Grey, (8, 8), request).unwrap();
        assert!(new().finish().is_err());
        assert!(new().push(&[0; 7]).is_err());
        let mut full = new();
        (0..8).for_each(|_| full.push(&[9; 8]).unwrap());
        assert!(full.push(&[9; 8]).is_err());
        assert_eq!(full.finish(), Ok(vec![9; 4]));
        assert!(RowResampler::new(Layout::Grey, (8, 7), request).is_err());
    }
}
