//! How often colours occur, those that differ by a few levels counted together.

use std::time::Instant;

use super::{colors_of, point::Point};
use crate::{deadline::Watch, error::ImagingError, picture::Picture};

/// Levels that fall together: 8 of a colour, 16 of alpha.
const COLOR_SHIFT: u32 = 3;
const ALPHA_SHIFT: u32 = 4;
/// Bits of a cell's number.
const KEY_BITS: u32 = 3 * (8 - COLOR_SHIFT) + (8 - ALPHA_SHIFT);
/// More pixels than this in a cell count no more, so that sums of their channels stay exact in 32 bits.
const MAX_COUNT: u32 = u32::MAX / 255;

/// Colours that are nearly the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    /// Mean of the pixels.
    pub(super) mean: [f32; 4],
    /// How many pixels.
    pub(super) weight: f32,
}

/// The visible colours of pictures.
#[derive(Debug)]
pub(super) struct Histogram {
    pub(super) cells: Vec<Cell>,
    /// Whether any pixel is clear; those are counted in no cell.
    pub(super) has_clear: bool,
}

#[derive(Clone, Copy)]
struct Sums {
    channels: [u32; 4],
    count: u32,
}

impl Histogram {
    pub(super) fn of<'a>(
        pictures: impl IntoIterator<Item = &'a Picture>,
        deadline: Option<Instant>,
    ) -> Result<Self, ImagingError> {
        let mut watch = Watch::new(deadline);
        // numbers into `sums`, from 1; 0 is none
        let mut numbers = vec![0_u32; 1 << KEY_BITS];
        let mut sums: Vec<Sums> = Vec::new();
        let mut has_clear = false;
        for picture in pictures {
            for color in colors_of(picture) {
                watch.count(1)?;
                if color[3] == 0 {
                    has_clear = true;
                    continue;
                }
                let Point(channels) = Point::of(color);
                let Some(number) = numbers.get_mut(key(channels)) else {
                    continue;
                };
                if *number == 0 {
                    sums.push(Sums {
                        channels: [0; 4],
                        count: 0,
                    });
                    *number = u32::try_from(sums.len()).unwrap_or(u32::MAX);
                }
                if let Some(sums) = sums.get_mut(*number as usize - 1)
                    && sums.count < MAX_COUNT
                {
                    sums.count += 1;
                    for (sum, channel) in sums.channels.iter_mut().zip(channels) {
                        *sum += channel.unsigned_abs();
                    }
                }
            }
        }
        Ok(Self {
            cells: sums.into_iter().map(Sums::to_cell).collect(),
            has_clear,
        })
    }
}

fn key(channels: [i32; 4]) -> usize {
    let [red, green, blue, alpha] = channels.map(|channel| channel.unsigned_abs() as usize);
    let bits = 8 - COLOR_SHIFT;
    let color =
        (red >> COLOR_SHIFT) << (2 * bits) | (green >> COLOR_SHIFT) << bits | blue >> COLOR_SHIFT;
    (alpha >> ALPHA_SHIFT) << (3 * bits) | color
}

impl Sums {
    #[expect(clippy::cast_precision_loss, reason = "a mean of bytes needs no more")]
    fn to_cell(self) -> Cell {
        let weight = self.count as f32;
        Cell {
            mean: self.channels.map(|sum| sum as f32 / weight),
            weight,
        }
    }
}
