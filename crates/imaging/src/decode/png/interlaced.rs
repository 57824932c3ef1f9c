//! The rows of an interlaced PNG from the top. A picture is stored as seven smaller ones, one after the other, of which a row
//! needs up to four; so seven decoders are open, each within one of them. To reach its own, a decoder reads what lies before:
//! in all about as much again as the file has.
//!
//! Source: PNG third edition section 8.1.

use png::{ColorType, DecodingError};

use super::{Reader, open};
use crate::{decode::DecodeRequest, error::ImagingError, geometry::Size, steps::check_deadline};

/// Where the pixels of one of the seven are.
#[derive(Debug, Clone, Copy)]
struct Grid {
    left: u32,
    top: u32,
    column_step: u32,
    row_step: u32,
}

const fn grid(left: u32, top: u32, column_step: u32, row_step: u32) -> Grid {
    Grid {
        left,
        top,
        column_step,
        row_step,
    }
}

const GRIDS: [Grid; 7] = [
    grid(0, 0, 8, 8),
    grid(4, 0, 8, 8),
    grid(0, 4, 4, 8),
    grid(2, 0, 4, 4),
    grid(0, 2, 2, 4),
    grid(1, 0, 2, 2),
    grid(0, 1, 1, 2),
];

impl Grid {
    fn rows(self, size: Size) -> u32 {
        let has_columns = size.width > self.left;
        let below = size.height.saturating_sub(self.top);
        if has_columns {
            below.div_ceil(self.row_step)
        } else {
            0
        }
    }

    const fn is_in_row(self, row: u32) -> bool {
        row >= self.top && (row - self.top).is_multiple_of(self.row_step)
    }
}

struct Pass<'a> {
    grid: Grid,
    reader: Reader<'a>,
}

pub(super) struct Passes<'a> {
    /// Only those with pixels; the last one is the last in the file.
    open: Vec<Pass<'a>>,
    bytes_per_pixel: usize,
    /// Room for a row of the widest pass.
    line: Vec<u8>,
    next: u32,
}

impl<'a> Passes<'a> {
    /// Errors: the first that there is in the file; `Timeout`.
    pub(super) fn open(
        request: &DecodeRequest<'a>,
        size: Size,
        color_type: ColorType,
        to_error: impl Fn(DecodingError) -> ImagingError,
    ) -> Result<Self, ImagingError> {
        let bytes_per_pixel = color_type.samples();
        let mut line = vec![0; size.width as usize * bytes_per_pixel];
        let mut passes = Vec::with_capacity(GRIDS.len());
        // the last one first: it meets whatever is wrong before its own rows in the order of the file
        for (index, grid) in GRIDS.iter().enumerate().rev() {
            if grid.rows(size) == 0 {
                continue;
            }
            let mut reader = open(request).map_err(&to_error)?;
            let before = GRIDS.iter().take(index).map(|grid| grid.rows(size));
            for _ in 0..before.sum() {
                check_deadline(request.deadline)?;
                reader.read_row(&mut line).map_err(&to_error)?;
            }
            let grid = *grid;
            passes.push(Pass { grid, reader });
        }
        passes.reverse();
        Ok(Self {
            open: passes,
            bytes_per_pixel,
            line,
            next: 0,
        })
    }

    /// Every pixel of the next row, from as many bytes as the decoder makes of one.
    pub(super) fn read_row(&mut self, row: &mut [u8]) -> Result<(), DecodingError> {
        for Pass { grid, reader } in &mut self.open {
            if !grid.is_in_row(self.next) {
                continue;
            }
            reader.read_row(&mut self.line)?;
            let pixels = row.chunks_exact_mut(self.bytes_per_pixel);
            let places = pixels
                .skip(grid.left as usize)
                .step_by(grid.column_step as usize);
            for (place, pixel) in places.zip(self.line.chunks_exact(self.bytes_per_pixel)) {
                place.copy_from_slice(pixel);
            }
        }
        self.next += 1;
        Ok(())
    }

    /// Reads what follows the last row.
    pub(super) fn finish(&mut self) -> Result<(), DecodingError> {
        let last = self.open.last_mut();
        last.map_or(Ok(()), |pass| pass.reader.read_row(&mut []).map(drop))
    }
}
