//! Crop and resize in one pass over the pixels, or while they arrive.

use std::time::Instant;

use limpid_resample::{Filter, Layout, Request, ResampleError, RowResampler, Source, resample};

use super::check_deadline;
use crate::{
    error::ImagingError,
    geometry::{Region, Size, whole_pixels},
    picture::{Channels, Picture, pixel_count},
    rows::{Cut, RowSource, picture_of},
};

/// Below this a region is on whole pixels; far smaller than anything that could be seen.
const TOLERANCE_PX: f64 = 1e-6;

/// Makes the region of the picture `to` large. Where nothing is scaled, pixels are copied as they are.
pub(crate) fn resize(picture: Picture, region: Region, to: Size) -> Result<Picture, ImagingError> {
    let region = clamped(region, picture.size);
    if let Some((left, top)) = whole_offset(&region, to) {
        if picture.size == to {
            return Ok(picture);
        }
        return Ok(cut(&picture, left, top, to));
    }
    scale(&picture, region, to, Filter::Lanczos3)
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
    scale(picture, picture.size.region(), to, filter)
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
    region: Region,
    to: Size,
    filter: Filter,
) -> Result<Picture, ImagingError> {
    let layout = match picture.channels {
        Channels::Rgb => Layout::Rgb,
        Channels::Rgba => Layout::Rgba,
    };
    let source = Source {
        samples: &picture.pixels,
        layout,
        stride: picture.size.width,
        width: picture.size.width,
        height: picture.size.height,
    };
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
        weighed_by_alpha(picture, request)
    } else {
        resample(&source, &request)
    };
    let pixels = pixels.map_err(|error| failed(&error))?;
    Ok(Picture {
        size: to,
        channels: picture.channels,
        pixels,
    })
}

/// To the same bytes as of the whole, without a second picture as large as the source for colours multiplied by alpha.
fn weighed_by_alpha(picture: &Picture, request: Request) -> Result<Vec<u8>, ResampleError> {
    let size = (picture.size.width, picture.size.height);
    let mut resampler = RowResampler::new(Layout::Rgba, size, request)?;
    let rows = resampler.rows();
    for row in picture.rows().skip(rows.start as usize).take(rows.len()) {
        resampler.push(row)?;
    }
    resampler.finish()
}

fn failed(error: &ResampleError) -> ImagingError {
    ImagingError::Encode {
        format: "resized picture",
        detail: error.to_string(),
    }
}
