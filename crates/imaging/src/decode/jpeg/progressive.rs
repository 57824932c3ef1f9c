//! Progressive files to planes of 1/8 or 1/4 of their size. Only scans that hold wanted frequencies are decoded: all of DC,
//! and first passes of the lowest AC coefficients. Refinements of AC and all higher frequencies are passed over from marker
//! to marker; the memory is that of the wanted coefficients.
//!
//! Damage inside a scan that isn't decoded stays unseen, as it does in the result. A file that is cut has no end marker and
//! is refused, as everything unusual is, with `None`.
//!
//! Source: ITU-T T.81 annex G.

use super::{
    baseline::{plane_of, units_across, units_down},
    bits::{BitReader, Bits, Window},
    block::last_needed,
    dct,
    frame::{Component, Headers, Next, Scan},
    huffman::{SymbolTable, low_half},
    points::Points,
    scans::entropy_end,
};
use crate::planes::Plane;

/// Coefficients stored per block: the lowest 2 × 2, row by row.
const STORED: usize = 4;
/// Where a coefficient of the zigzag order is stored.
const SLOTS: [Option<usize>; 5] = [Some(0), Some(1), Some(2), None, Some(3)];
/// Scans of real encoders are about 10; the header reader has refused more than this.
const MAX_SCANS: usize = 100;
/// Bits that first passes may leave to refinements. Source: ITU-T T.81 table B.3.
const MAX_LOW: u8 = 13;

/// What of a component is known so far.
struct Store {
    /// Blocks in a row and rows of blocks, both in whole minimum coded units.
    stride: usize,
    rows: usize,
    /// Blocks in a row and rows of blocks that hold picture.
    across: usize,
    down: usize,
    blocks: Vec<[i16; STORED]>,
    last: usize,
    /// The bit position every coefficient has been given up to.
    known: [Option<u8>; 64],
}

pub(super) fn decode(
    bytes: &[u8],
    headers: &mut Headers<'_>,
    first: Scan,
    points: &[Points],
    window: &mut Window,
) -> Option<Vec<Plane>> {
    if points.iter().any(|points| *points > Points::Two) {
        return None;
    }
    let mut stores = stores(headers, points);
    let mut scan = first;
    for _ in 0..MAX_SCANS {
        let at = if is_wanted(&scan, &mut stores)? {
            let mut reader = BitReader::new(bytes, scan.data, window);
            if scan.first == 0 {
                means(headers, &scan, &mut stores, &mut reader)?;
            } else {
                frequencies(headers, &scan, &mut stores, &mut reader)?;
            }
            reader.end()?
        } else {
            entropy_end(bytes, scan.data)?
        };
        headers.continue_at(at);
        match headers.next_scan()? {
            Next::Scan(next) => scan = next,
            Next::End => return finish(headers, &stores, points),
        }
    }
    None
}

fn stores(headers: &Headers<'_>, points: &[Points]) -> Vec<Store> {
    let (unit_across, unit_down) = headers.unit();
    let blocks = |side: u32, share: usize, all: usize| (side as usize * share).div_ceil(8 * all);
    let store = |component: &Component, points: &Points| {
        let stride = units_across(headers) * component.across;
        let rows = units_down(headers) * component.down;
        Store {
            stride,
            rows,
            across: blocks(headers.size.width, component.across, unit_across),
            down: blocks(headers.size.height, component.down, unit_down),
            blocks: vec![[0; STORED]; stride * rows],
            last: last_needed(points.count()),
            known: [None; 64],
        }
    };
    headers
        .components
        .iter()
        .zip(points)
        .map(|(component, points)| store(component, points))
        .collect()
}

/// Whether a scan adds anything that is wanted. `None` where it doesn't continue what is known.
fn is_wanted(scan: &Scan, stores: &mut [Store]) -> Option<bool> {
    let is_dc = scan.first == 0;
    let has_shape = if is_dc {
        scan.last == 0
    } else {
        scan.components.len() == 1
    };
    let is_step = scan.high == 0 || scan.high == scan.low + 1;
    if !has_shape || !is_step || scan.low > MAX_LOW {
        return None;
    }
    let mut is_wanted = false;
    for component in &scan.components {
        let store = stores.get_mut(component.index)?;
        // differences of means come before everything else
        if !is_dc && store.known.first() == Some(&None) {
            return None;
        }
        let before = (scan.high > 0).then_some(scan.high);
        for known in store
            .known
            .get_mut(usize::from(scan.first)..=usize::from(scan.last))?
        {
            if *known != before {
                return None;
            }
            *known = Some(scan.low);
        }
        is_wanted |= usize::from(scan.first) <= store.last && (is_dc || scan.high == 0);
    }
    Some(is_wanted)
}

/// Restart markers of one scan.
struct Restarts {
    interval: usize,
    left: usize,
    number: u8,
}

impl Restarts {
    fn of(headers: &Headers<'_>) -> Self {
        Self {
            interval: headers.restart_interval,
            left: headers.restart_interval,
            number: 0,
        }
    }

    /// Whether the next minimum coded unit starts afresh.
    fn next(&mut self, reader: &mut BitReader<'_>) -> Option<bool> {
        let is_due = self.interval > 0 && self.left == 0;
        if is_due {
            reader.restart(self.number)?;
            self.number = self.number.wrapping_add(1);
            self.left = self.interval;
        }
        self.left = self.left.saturating_sub(1);
        reader.top_up()?;
        Some(is_due)
    }
}

/// Means, all components at once or one alone.
fn means(
    headers: &Headers<'_>,
    scan: &Scan,
    stores: &mut [Store],
    reader: &mut BitReader<'_>,
) -> Option<()> {
    let is_first = scan.high == 0;
    let mut parts = Vec::with_capacity(scan.components.len());
    for selected in &scan.components {
        let code = headers.dc_codes.get(selected.dc)?.as_ref();
        let table = if is_first {
            Some(SymbolTable::of_dc(code?)?)
        } else {
            None
        };
        let component = headers.components.get(selected.index)?;
        parts.push((
            selected.index,
            table,
            component.across,
            component.down,
            0_i32,
        ));
    }
    let (units_across, units_down) = match (parts.as_mut_slice(), scan.components.len()) {
        ([(index, _, across, down, _)], 1) => {
            (*across, *down) = (1, 1);
            let store = stores.get(*index)?;
            (store.across, store.down)
        }
        _ => (units_across(headers), units_down(headers)),
    };
    let mut restarts = Restarts::of(headers);
    for y in 0..units_down {
        reader.in_time()?;
        for x in 0..units_across {
            if restarts.next(reader)? {
                for (.., mean) in &mut parts {
                    *mean = 0;
                }
            }
            let mut bits = reader.bits();
            for (index, table, across, down, mean) in &mut parts {
                let store = stores.get_mut(*index)?;
                for block in 0..*across * *down {
                    let (column, row) =
                        (x * *across + block % *across, y * *down + block / *across);
                    let [dc, ..] = store.blocks.get_mut(row * store.stride + column)?;
                    bits.refill();
                    match table {
                        Some(table) => {
                            *mean = mean.wrapping_add(table.read(&mut bits)?.value);
                            *dc = low_half(mean.wrapping_shl(u32::from(scan.low)));
                        }
                        None => *dc |= low_half(i32::from(take(&mut bits, 1) > 0) << scan.low),
                    }
                }
            }
            let place = bits.place;
            reader.go_to(place);
        }
    }
    Some(())
}

/// The first pass of a band of frequencies of one component.
fn frequencies(
    headers: &Headers<'_>,
    scan: &Scan,
    stores: &mut [Store],
    reader: &mut BitReader<'_>,
) -> Option<()> {
    let selected = scan.components.first()?;
    let store = stores.get_mut(selected.index)?;
    let table = SymbolTable::of(headers.ac_codes.get(selected.ac)?.as_ref()?);
    let mut restarts = Restarts::of(headers);
    // blocks still to come that have nothing in this band
    let mut empty = 0_u32;
    for y in 0..store.down {
        reader.in_time()?;
        for x in 0..store.across {
            if restarts.next(reader)? {
                empty = 0;
            }
            if empty > 0 {
                empty -= 1;
                continue;
            }
            let block = store.blocks.get_mut(y * store.stride + x)?;
            let mut bits = reader.bits();
            empty = band(&table, scan, block, &mut bits)?;
            let place = bits.place;
            reader.go_to(place);
        }
    }
    // as many as announced
    (empty == 0).then_some(())
}

/// One block of a band. Gives how many blocks after it have nothing.
#[inline]
fn band(
    table: &SymbolTable,
    scan: &Scan,
    block: &mut [i16; STORED],
    bits: &mut Bits<'_>,
) -> Option<u32> {
    let (mut at, last) = (usize::from(scan.first), usize::from(scan.last));
    while at <= last {
        bits.refill();
        let symbol = table.read(bits)?;
        match (symbol.run, symbol.size) {
            (15, 0) => at += 16,
            (run, 0) => {
                let run = u32::try_from(run).ok()?;
                bits.refill();
                return Some((1 << run) - 1 + take(bits, run));
            }
            (run, _) => {
                at += run;
                if at > last {
                    return None;
                }
                let slot = SLOTS.get(at).copied().flatten();
                if let Some(value) = slot.and_then(|slot| block.get_mut(slot)) {
                    *value = low_half(symbol.value.wrapping_shl(u32::from(scan.low)));
                }
                at += 1;
            }
        }
    }
    (at == last + 1).then_some(0)
}

/// Takes up to 31 bits that are ready.
fn take(bits: &mut Bits<'_>, count: u32) -> u32 {
    let taken = (bits.ready() >> 1) >> (63 - count.min(31));
    bits.consume(count);
    u32::try_from(taken).unwrap_or_default()
}

fn finish(headers: &Headers<'_>, stores: &[Store], points: &[Points]) -> Option<Vec<Plane>> {
    let mut planes = Vec::with_capacity(stores.len());
    for (index, (store, points)) in stores.iter().zip(points).enumerate() {
        store.known.first().copied().flatten()?;
        let zigzag = headers.quantisation(index)?;
        let mut steps = [0_i32; STORED];
        for (slot, step) in SLOTS.iter().zip(zigzag) {
            if let Some(stored) = slot.and_then(|slot| steps.get_mut(slot)) {
                *stored = i32::from(step);
            }
        }
        let mut plane = plane_of(headers, index, *points)?;
        store.inverse(&steps, *points, &mut plane);
        planes.push(plane);
    }
    Some(planes)
}

impl Store {
    fn inverse(&self, steps: &[i32; STORED], points: Points, plane: &mut Plane) {
        let stride = plane.stride;
        let rows = self.blocks.chunks_exact(self.stride.max(1)).take(self.rows);
        for (blocks, out) in rows.zip(plane.samples.chunks_mut((stride * points.count()).max(1))) {
            for (x, block) in blocks.iter().enumerate() {
                let [dc, across, down, both] = *block;
                let value = |value: i16, step: i32| i32::from(value).wrapping_mul(step);
                let [by_dc, by_across, by_down, by_both] = *steps;
                if points == Points::One {
                    if let Some(sample) = out.get_mut(x) {
                        *sample = dct::mean(value(dc, by_dc));
                    }
                    continue;
                }
                let mut coefficients = [0; 64];
                let values = [
                    value(dc, by_dc),
                    value(across, by_across),
                    value(down, by_down),
                    value(both, by_both),
                ];
                // the first two of the first two rows
                for (value, place) in values.into_iter().zip([0, 1, 8, 9]) {
                    if let Some(coefficient) = coefficients.get_mut(place) {
                        *coefficient = low_half(value);
                    }
                }
                if let Some(rows) = out.get_mut(2 * x..) {
                    dct::inverse::<2>(&coefficients, rows, stride);
                }
            }
        }
    }
}
