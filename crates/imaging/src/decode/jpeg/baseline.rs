//! Baseline files in one scan to planes of N/8 of their size, N chosen for each component. Libjpeg-turbo spends most of a
//! shrunk decode on Huffman codes of frequencies that won't be seen; here those are passed over two at a time.
//!
//! Gives `None` for everything unusual and everything wrong: libjpeg-turbo then decodes it, or says what is wrong with it.

#![expect(
    clippy::inline_always,
    reason = "these make up one loop, compiled twice: for any processor and for those with wide vectors"
)]
#![expect(
    unsafe_code,
    reason = "calls a safe function compiled for processors that have been asked for their features"
)]

use super::{
    bits::{BitReader, Bits, Window},
    block::{AcTables, BlockReader, last_needed},
    dct::{self, Coefficients},
    frame::{Headers, Scan},
    huffman::{SymbolTable, low_half},
    means,
    points::Points,
};
use crate::{geometry::Size, planes::Plane};

/// A component on its way to a plane.
struct Target {
    points: Points,
    across: usize,
    down: usize,
    mean: i32,
    steps: [i32; 64],
    plane: Plane,
}

/// Decodes the scan that `headers` has just read.
pub(super) fn decode(
    bytes: &[u8],
    headers: &Headers<'_>,
    scan: &Scan,
    points: &[Points],
    windows: &mut [Window; 2],
) -> Option<Vec<Plane>> {
    let is_whole = scan.components.len() == headers.components.len()
        && (scan.first, scan.last, scan.high, scan.low) == (0, 63, 0, 0);
    if headers.is_progressive || !is_whole || points.len() != headers.components.len() {
        return None;
    }
    if means::fits(headers, points) {
        return means::decode(bytes, headers, scan, windows);
    }
    let [window, _] = windows;
    let mut targets = targets(headers, points)?;
    let dc_tables: Vec<Option<SymbolTable>> = headers
        .dc_codes
        .iter()
        .map(|code| code.as_ref().and_then(SymbolTable::of_dc))
        .collect();
    let is_used = |table: usize| {
        scan.components
            .iter()
            .any(|component| component.ac == table)
    };
    let ac_tables: Vec<Option<AcTables>> = headers
        .ac_codes
        .iter()
        .enumerate()
        .map(|(index, code)| code.as_ref().filter(|_| is_used(index)).map(AcTables::of))
        .collect();
    let mut steps = Vec::with_capacity(targets.len());
    steps.extend(targets.iter().map(|target| target.steps));
    let mut readers = Vec::with_capacity(targets.len());
    for ((component, points), steps) in scan.components.iter().zip(points).zip(&steps) {
        readers.push(BlockReader {
            dc: dc_tables.get(component.dc)?.as_ref()?,
            ac: ac_tables.get(component.ac)?.as_ref()?,
            steps,
            last: last_needed(points.count()),
        });
    }
    let units = Units {
        across: units_across(headers),
        down: units_down(headers),
        restart_interval: headers.restart_interval,
    };
    let mut reader = BitReader::new(bytes, scan.data, window);
    units.decode(&mut reader, &readers, &mut targets)?;
    let end = reader.end()?;
    // anything but the end of the image is for the other decoder to judge
    (bytes.get(end + 1) == Some(&0xd9))
        .then(|| targets.into_iter().map(|target| target.plane).collect())
}

/// Minimum coded units in a row.
pub(super) fn units_across(headers: &Headers<'_>) -> usize {
    (headers.size.width as usize).div_ceil(8 * headers.unit().0)
}

/// Rows of minimum coded units.
pub(super) fn units_down(headers: &Headers<'_>) -> usize {
    (headers.size.height as usize).div_ceil(8 * headers.unit().1)
}

fn targets(headers: &Headers<'_>, points: &[Points]) -> Option<Vec<Target>> {
    let mut targets = Vec::with_capacity(points.len());
    for (index, (component, points)) in headers.components.iter().zip(points).enumerate() {
        targets.push(Target {
            points: *points,
            across: component.across,
            down: component.down,
            mean: 0,
            steps: headers.quantisation(index)?.map(i32::from),
            plane: plane_of(headers, index, *points)?,
        });
    }
    Some(targets)
}

/// An empty plane for a component: whole blocks in memory, and the part of them that is picture as its size.
pub(super) fn plane_of(headers: &Headers<'_>, index: usize, points: Points) -> Option<Plane> {
    let component = headers.components.get(index)?;
    let (across, down) = headers.unit();
    let share = |side: u32, blocks: usize, all: usize| {
        let length = (side as usize * blocks * points.count()).div_ceil(8 * all);
        u32::try_from(length).ok()
    };
    let size = Size {
        width: share(headers.size.width, component.across, across)?,
        height: share(headers.size.height, component.down, down)?,
    };
    Some(Plane::blank(
        size,
        units_across(headers) * component.across * points.count(),
        units_down(headers) * component.down * points.count(),
    ))
}

struct Units {
    across: usize,
    down: usize,
    restart_interval: usize,
}

impl Units {
    fn decode(
        &self,
        reader: &mut BitReader<'_>,
        blocks: &[BlockReader<'_>],
        targets: &mut [Target],
    ) -> Option<()> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
        {
            // SAFETY: the processor has the features; the function is safe code otherwise.
            return unsafe { self.decode_wide(reader, blocks, targets) };
        }
        self.decode_units::<false>(reader, blocks, targets)
    }

    /// The same with wide vectors, and shifts by any register, which are a third of what decoding Huffman codes is.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    fn decode_wide(
        &self,
        reader: &mut BitReader<'_>,
        blocks: &[BlockReader<'_>],
        targets: &mut [Target],
    ) -> Option<()> {
        self.decode_units::<true>(reader, blocks, targets)
    }

    #[inline(always)]
    fn decode_units<const WIDE: bool>(
        &self,
        reader: &mut BitReader<'_>,
        blocks: &[BlockReader<'_>],
        targets: &mut [Target],
    ) -> Option<()> {
        let mut restarts = 0_u8;
        let mut until_restart = self.restart_interval;
        for y in 0..self.down {
            reader.in_time()?;
            for x in 0..self.across {
                if self.restart_interval > 0 {
                    if until_restart == 0 {
                        reader.restart(restarts)?;
                        restarts = restarts.wrapping_add(1);
                        for target in targets.iter_mut() {
                            target.mean = 0;
                        }
                        until_restart = self.restart_interval;
                    }
                    until_restart -= 1;
                }
                reader.top_up()?;
                for (block, target) in blocks.iter().zip(targets.iter_mut()) {
                    target.unit::<WIDE>(reader, block, x, y)?;
                }
            }
        }
        Some(())
    }
}

impl Target {
    #[inline(always)]
    fn unit<const WIDE: bool>(
        &mut self,
        reader: &mut BitReader<'_>,
        block: &BlockReader<'_>,
        x: usize,
        y: usize,
    ) -> Option<()> {
        for down in 0..self.down {
            for across in 0..self.across {
                let at = (x * self.across + across, y * self.down + down);
                match self.points {
                    Points::One => self.mean_only(reader, block, at)?,
                    Points::Two => self.block::<WIDE, 2>(reader, block, at)?,
                    Points::Three => self.block::<WIDE, 3>(reader, block, at)?,
                    Points::Four => self.block::<WIDE, 4>(reader, block, at)?,
                    Points::Five => self.block::<WIDE, 5>(reader, block, at)?,
                    Points::Six => self.block::<WIDE, 6>(reader, block, at)?,
                    Points::Eight => self.block::<WIDE, 8>(reader, block, at)?,
                }
            }
        }
        Some(())
    }

    #[inline(always)]
    fn dc(&mut self, bits: &mut Bits<'_>, block: &BlockReader<'_>) -> Option<i32> {
        self.mean = self.mean.wrapping_add(block.difference(bits)?);
        Some(self.mean.wrapping_mul(block.steps[0]))
    }

    #[inline(always)]
    fn mean_only(
        &mut self,
        reader: &mut BitReader<'_>,
        block: &BlockReader<'_>,
        (x, y): (usize, usize),
    ) -> Option<()> {
        let mut bits = reader.bits();
        let dc = self.dc(&mut bits, block)?;
        block.ac.skips.skip(&block.ac.symbols, &mut bits, 1)?;
        let place = bits.place;
        reader.go_to(place);
        *self.plane.samples.get_mut(y * self.plane.stride + x)? = dct::mean(dc);
        Some(())
    }

    #[inline(always)]
    fn block<const WIDE: bool, const N: usize>(
        &mut self,
        reader: &mut BitReader<'_>,
        block: &BlockReader<'_>,
        (x, y): (usize, usize),
    ) -> Option<()> {
        let mut bits = reader.bits();
        let dc = self.dc(&mut bits, block)?;
        let mut coefficients: Coefficients = [0; 64];
        let has_detail = block.frequencies(&mut bits, &mut coefficients)?;
        let place = bits.place;
        reader.go_to(place);
        coefficients[0] = low_half(dc);
        let stride = self.plane.stride;
        let rows = self.plane.samples.get_mut((y * stride + x) * N..)?;
        if has_detail {
            if WIDE {
                // SAFETY: `WIDE` says that the processor has been asked for the features.
                unsafe { dct::wide::inverse::<N>(&coefficients, rows, stride) };
            } else {
                dct::inverse::<N>(&coefficients, rows, stride);
            }
        } else {
            for row in rows.chunks_mut(stride).take(N) {
                row.get_mut(..N)?.fill(dct::mean(dc));
            }
        }
        Some(())
    }
}
