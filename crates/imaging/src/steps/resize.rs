//! Crop and resize in one pass over the pixels, or while they arrive.

use std::{ops::Range, time::Instant};

use limpid_resample::{
    Filter, Layout, Part, Request, ResampleError, RowResampler, Source, resample,
};

use super::check_deadline;
use crate::{
    deadline::Watch,
    error::ImagingError,
    geometry::{Region, Size, whole_pixels},
    picture::{Channels, Picture, pixel_count},
    rows::{Cut, RowSource, picture_of},
};

/// Below this a region is on whole pixels; far smaller than anything that could be seen.
const TOLERANCE_PX: f64 = 1e-6;

/// A result of more pixels is made in bands of so many, and the deadline looked at before each.
const BAND_PIXELS: u64 = 1 << 20;
/// How far the filter reaches beyond the pixels a result is made of. Units: px of the source where that is enlarged, else of
/// the result.
const FILTER_REACH: f64 = 3.0;

/// Makes the region of the picture `to` large. Where nothing is scaled, pixels are copied as they are.
///
/// Errors: `Timeout`, `Encode`.
pub(crate) fn resize(
    picture: Picture,
    region: Region,
    to: Size,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let region = clamped(region, picture.size);
    if let Some((left, top)) = whole_offset(&region, to) {
        if picture.size == to {
            return Ok(picture);
        }
        return Ok(cut(&picture, left, top, to));
    }
    scale(&picture, (region, to), Filter::Lanczos3, deadline)
}

/// The same of a picture that arrives row by row, to the same bytes. Rows above what counts are read and dropped, those below
/// are not read.
///
/// Errors: those of the source; `Timeout`, asked for at every row; `Encode`.
pub(crate) fn resize_rows(
    source: &mut dyn RowSource,
    cut: Cut,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let (size, layout) = (source.size(), source.layout());
    let region = clamped(cut.region, size);
    let mut row = vec![0; size.width as usize * layout.channels()];
    let mut read = |row: &mut [u8]| {
        check_deadline(deadline)?;
        source.read(row)
    };
    if let Some((left, top)) = whole_offset(&region, cut.to) {
        let bytes = cut.to.width as usize * layout.channels();
        let left = left * layout.channels();
        let mut pixels = Vec::with_capacity(pixel_count(cut.to) * layout.channels());
        for number in 0..top + cut.to.height as usize {
            read(&mut row)?;
            if number >= top {
                let kept = row.get(left..left + bytes);
                pixels.extend_from_slice(kept.unwrap_or_default());
            }
        }
        return Ok(picture_of(cut.to, layout, pixels));
    }
    let request = Request {
        part: region.into(),
        width: cut.to.width,
        height: cut.to.height,
        filter: Filter::Lanczos3,
        weigh_by_alpha: layout == Layout::Rgba,
    };
    let size = (size.width, size.height);
    let mut resampler = RowResampler::new(layout, size, request).map_err(|error| failed(&error))?;
    let rows = resampler.rows();
    for number in 0..rows.end {
        read(&mut row)?;
        if number >= rows.start {
            resampler.push(&row).map_err(|error| failed(&error))?;
        }
    }
    let pixels = resampler.finish().map_err(|error| failed(&error))?;
    Ok(picture_of(cut.to, layout, pixels))
}

/// The whole picture with sides of at most `side`, quick rather than sharp: for looking at, not for showing.
pub(super) fn sketch(picture: &Picture, side: u32) -> Result<Picture, ImagingError> {
    let frame = Size {
        width: side,
        height: side,
    };
    if picture.size.fits_inside(frame) {
        return Ok(picture.clone());
    }
    fitted(picture, side)
}

/// The same with the longer side exactly `side`, smaller pictures enlarged.
pub(super) fn fitted(picture: &Picture, side: u32) -> Result<Picture, ImagingError> {
    let frame = Size {
        width: side,
        height: side,
    };
    let to = picture.size.scaled_inside(frame);
    let filter = if to.fits_inside(picture.size) {
        Filter::Box
    } else {
        Filter::Bilinear
    };
    scale(picture, (picture.size.region(), to), filter, None)
}

/// Rounding errors must not push a region out of its picture.
fn clamped(region: Region, size: Size) -> Region {
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let left = region.left.clamp(0.0, width);
    let top = region.top.clamp(0.0, height);
    Region {
        left,
        top,
        width: region.width.min(width - left),
        height: region.height.min(height - top),
    }
}

fn whole_offset(region: &Region, to: Size) -> Option<(usize, usize)> {
    let is_unscaled = (region.width - f64::from(to.width)).abs() < TOLERANCE_PX
        && (region.height - f64::from(to.height)).abs() < TOLERANCE_PX;
    let is_whole = |offset: f64| (offset - offset.round()).abs() < TOLERANCE_PX;
    // `whole_pixels` gives at least 1, so 0 is asked for first
    let pixels = |offset: f64| {
        if offset < 0.5 {
            0
        } else {
            whole_pixels(offset) as usize
        }
    };
    (is_unscaled && is_whole(region.left) && is_whole(region.top))
        .then(|| (pixels(region.left), pixels(region.top)))
}

/// Copies a part of the picture that lies inside it.
pub(super) fn cut(picture: &Picture, left: usize, top: usize, to: Size) -> Picture {
    let mut result = Picture::zeroed(to, picture.channels);
    let left_bytes = left * picture.channels.count();
    for (row, source) in result.rows_mut().zip(picture.rows().skip(top)) {
        let source = source.get(left_bytes..).unwrap_or_default();
        row.iter_mut()
            .zip(source)
            .for_each(|(to, from)| *to = *from);
    }
    result
}

fn scale(
    picture: &Picture,
    (region, to): (Region, Size),
    filter: Filter,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let request = Request {
        part: region.into(),
        width: to.width,
        height: to.height,
        filter,
        // opaque pictures needn't pay for it
        weigh_by_alpha: picture.is_transparent(),
    };
    let makes_smaller = Cut { region, to }.makes_smaller();
    let pixels = if request.weigh_by_alpha && makes_smaller {
        weighed_by_alpha(picture, request, deadline)?
    } else {
        in_bands(&source(picture), request, deadline)?
    };
    Ok(Picture {
        size: to,
        channels: picture.channels,
        pixels,
    })
}

/// Some rows of the result after the other, each from those rows of the source that count for them.
///
/// Errors: `Timeout`, `Encode`.
pub(crate) fn in_bands(
    source: &Source<'_>,
    request: Request,
    deadline: Option<Instant>,
) -> Result<Vec<u8>, ImagingError> {
    let rows_at_once = u64::from(request.height)
        .min((BAND_PIXELS / u64::from(request.width.max(1))).max(1))
        .try_into()
        .unwrap_or(request.height);
    if rows_at_once >= request.height {
        check_deadline(deadline)?;
        return resample(source, &request).map_err(|error| failed(&error));
    }
    let factor = request.part.height / f64::from(request.height);
    let reach = FILTER_REACH * factor.max(1.0) + 1.0;
    let pixels = request.width as usize * request.height as usize;
    let mut samples = Vec::with_capacity(pixels * source.layout.channels());
    for first in (0..request.height).step_by(rows_at_once as usize) {
        check_deadline(deadline)?;
        let height = rows_at_once.min(request.height - first);
        let top = request.part.top + f64::from(first) * factor;
        let bottom = top + f64::from(height) * factor;
        let from = (top - reach).max(0.0).floor();
        let rows = row(from)..row((bottom + reach).ceil()).min(source.height);
        // rounding must not push the last band out of the picture
        let below = f64::from(rows.end) - from;
        let part = Part {
            top: top - from,
            height: (bottom - top).min(below - (top - from)),
            ..request.part
        };
        let band = Request {
            part,
            height,
            ..request
        };
        let band = resample(&rows_of(source, rows), &band).map_err(|error| failed(&error))?;
        samples.extend(band);
    }
    Ok(samples)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a row of a picture, from 0 to its height and a filter's reach"
)]
fn row(place: f64) -> u32 {
    place as u32
}

fn rows_of<'a>(source: &Source<'a>, rows: Range<u32>) -> Source<'a> {
    let row_bytes = source.stride as usize * source.layout.channels();
    let bytes = rows.start as usize * row_bytes..rows.end as usize * row_bytes;
    Source {
        samples: source.samples.get(bytes).unwrap_or_default(),
        height: rows.end - rows.start,
        ..*source
    }
}

fn source(picture: &Picture) -> Source<'_> {
    Source {
        samples: &picture.pixels,
        layout: match picture.channels {
            Channels::Rgb => Layout::Rgb,
            Channels::Rgba => Layout::Rgba,
        },
        stride: picture.size.width,
        width: picture.size.width,
        height: picture.size.height,
    }
}

/// To the same bytes as of the whole, without a second picture as large as the source for colours multiplied by alpha.
fn weighed_by_alpha(
    picture: &Picture,
    request: Request,
    deadline: Option<Instant>,
) -> Result<Vec<u8>, ImagingError> {
    let size = (picture.size.width, picture.size.height);
    let mut watch = Watch::new(deadline);
    let mut resampler =
        RowResampler::new(Layout::Rgba, size, request).map_err(|error| failed(&error))?;
    let rows = resampler.rows();
    for row in picture.rows().skip(rows.start as usize).take(rows.len()) {
        watch.count(picture.size.width as usize)?;
        resampler.push(row).map_err(|error| failed(&error))?;
    }
    resampler.finish().map_err(|error| failed(&error))
}

fn failed(error: &ResampleError) -> ImagingError {
    ImagingError::Encode {
        format: "resized picture",
        detail: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something different at every pixel.
    fn picture(size: Size, channels: Channels) -> Picture {
        let mut picture = Picture::zeroed(size, channels);
        for (place, channel) in picture.pixels.iter_mut().enumerate() {
            let [low, high, ..] = (place * 37 % 65_521).to_le_bytes();
            *channel = low ^ high.rotate_left(3);
        }
        if channels == Channels::Rgba {
            // where next to nothing shows, its colour is next to anything
            for [_, _, _, alpha] in picture.pixels.as_chunks_mut::<4>().0 {
                *alpha |= 128;
            }
        }
        picture
    }

    #[test]
    fn bands_make_what_one_pass_makes() {
        let source_size = Size {
            width: 300,
            height: 401,
        };
        for (channels, weigh_by_alpha) in [
            (Channels::Rgb, false),
            (Channels::Rgba, false),
            (Channels::Rgba, true),
        ] {
            let source_picture = picture(source_size, channels);
            for (height, width) in [(1900, 1100), (350, 9000), (401, 5000)] {
                let request = Request {
                    part: Part {
                        left: 10.25,
                        top: 20.5,
                        width: 280.0,
                        height: 380.5,
                    },
                    width,
                    height,
                    filter: Filter::Lanczos3,
                    weigh_by_alpha,
                };
                let whole = resample(&source(&source_picture), &request).expect("resamples");
                let banded = in_bands(&source(&source_picture), request, None).expect("resamples");
                assert_eq!(whole.len(), banded.len());
                // coefficients are rounded to as many bits as the largest of a band leaves, so the last bit may differ
                let differing = whole.iter().zip(&banded).filter(|(a, b)| a != b);
                let worst = differing.clone().map(|(a, b)| a.abs_diff(*b)).max();
                assert!(
                    worst.unwrap_or(0) <= 2 + u8::from(weigh_by_alpha),
                    "{worst:?}"
                );
                let (count, all) = (differing.count(), whole.len());
                assert!(count * 50 <= all, "{count} of {all}");
            }
        }
    }
}
