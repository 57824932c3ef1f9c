//! Passes over the blocks of a scan at several places of it at once, and notes the bits with which every block begins: those of
//! its mean. Every look-up has to wait for the one before it, so one place alone leaves most of the processor idle; and there is
//! no branch on how long a block is, which nothing can predict.

#![expect(
    clippy::inline_always,
    reason = "these make up one loop, compiled twice: for any processor and for those with shifts by any register"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "indices are masked to the length of the array they index"
)]
#![expect(
    clippy::cast_possible_truncation,
    reason = "blocks of a unit, and coefficients of a block"
)]

use std::{array, hint::select_unpredictable, ops::Range};

use super::{
    bits::{Bits, Place, WindowBytes},
    block::AcTables,
    frame::MAX_BLOCKS_PER_UNIT,
    huffman::{
        ADVANCE, ENDS_BLOCK, PAST_LAST, SkipTable, Skips, SymbolTable, low_half, skip_index,
    },
};

/// Look-ups between two looks at how much data there is, which take a bit at least each; a block takes two at least.
const LOOK_UPS: usize = 64;
/// More bytes than so many look-ups take: of 31 bits at most, and one load.
pub(super) const MOST_PER_STRETCH: usize = LOOK_UPS * 4 + 16;
/// Bits of what was taken that count bits. The coefficient that comes next is above them, and above that the block.
const TAKEN: u32 = (1 << ADVANCE) - 1;
/// Bits of what was taken that count blocks.
const BLOCK: u32 = ENDS_BLOCK.trailing_zeros();
/// Blocks counted from the first of a unit: those of the unit, and those of a stretch behind them. A power of two.
const BLOCKS: usize = 64;
/// Coefficients of a block.
const END: u32 = 64;

/// The tables of one block of a minimum coded unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phase<'t> {
    pub(super) dc: &'t SymbolTable,
    pub(super) ac: &'t AcTables,
    pub(super) next: usize,
}

/// The blocks of a minimum coded unit, in their order.
#[derive(Debug)]
pub(super) struct Phases<'t> {
    all: Vec<Phase<'t>>,
    /// For the blocks of a unit and those behind it: the table of what comes after the mean.
    ac: [&'t Skips; BLOCKS],
    /// And the table of the mean of the block that follows.
    next_dc: [&'t Skips; BLOCKS],
    /// What reads the mean itself.
    dc: [&'t SymbolTable; BLOCKS],
}

/// Where a place of the scan is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Which block of the unit.
    pub(super) phase: usize,
    /// Which coefficient of it comes next, 0 for its mean.
    pub(super) coefficient: usize,
}

/// The bits with which blocks begin.
#[derive(Debug)]
pub(super) struct Starts {
    /// By block; of the last there may be nothing yet.
    bits: [u64; BLOCKS + 1],
    blocks: Range<usize>,
}

/// One place of the scan, in registers.
#[derive(Clone, Copy)]
struct Lane<'t> {
    place: Place,
    /// Bits since the last refill, above them the coefficient that comes next, and above that the block.
    taken: u32,
    /// The table of what comes next.
    skips: &'t Skips,
    /// Tables of what comes after that: in this block, and where it ends with it.
    ac: &'t Skips,
    next_dc: &'t Skips,
}

impl<'t> Phases<'t> {
    /// The component and tables of every block, in order. `None` of none, or of more than a unit has.
    pub(super) fn of(blocks: &[(&'t SymbolTable, &'t SkipTable, &'t AcTables)]) -> Option<Self> {
        let first = blocks.first()?;
        let block = |number: usize| blocks.get(number % blocks.len()).unwrap_or(first);
        let phase = |number: usize| Phase {
            dc: block(number).0,
            ac: block(number).2,
            next: (number + 1) % blocks.len(),
        };
        (blocks.len() <= MAX_BLOCKS_PER_UNIT).then(|| Self {
            all: (0..blocks.len()).map(phase).collect(),
            ac: array::from_fn(|number| &*block(number).2.skips.entries),
            next_dc: array::from_fn(|number| &*block(number + 1).1.entries),
            dc: array::from_fn(|number| block(number).0),
        })
    }

    /// How many blocks a unit has.
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// The tables of a block of the unit.
    pub(super) fn get(&self, phase: usize) -> Option<&Phase<'t>> {
        self.all.get(phase)
    }
}

impl Default for Starts {
    fn default() -> Self {
        Self {
            bits: [0; BLOCKS + 1],
            blocks: 0..0,
        }
    }
}

impl Starts {
    /// Reads how every mean differs from the one before it in its component. `None` where one of them makes no sense.
    #[inline]
    pub(super) fn add_differences(&self, phases: &Phases<'_>, to: &mut Vec<i16>) -> Option<()> {
        let bits = self.bits.get(self.blocks.clone())?;
        let tables = phases.dc.get(self.blocks.clone())?;
        let start = to.len();
        to.resize(start + bits.len(), 0);
        let added = to.get_mut(start..)?;
        for ((difference, bits), table) in added.iter_mut().zip(bits).zip(tables) {
            *difference = low_half(table.value_at(*bits)?);
        }
        Some(())
    }
}

/// Passes over some hundred symbols at each of `L` places, every one of which has [`MOST_PER_STRETCH`] bytes in its window.
/// `starts` gets the bits of the blocks whose mean was passed over. `None`, and nothing changed, where data makes no sense at one
/// of the places.
#[inline(always)]
pub(super) fn stretch<const L: usize>(
    phases: &Phases<'_>,
    windows: [&WindowBytes; L],
    places: &mut [(Place, Standing); L],
    starts: &mut [Starts; L],
) -> Option<()> {
    let mut lanes = places.map(|(place, standing)| Lane::of(phases, place, standing));
    for ((lane, window), starts) in lanes.iter_mut().zip(windows).zip(&mut *starts) {
        lane.place.refill(window);
        let block = lane.block();
        starts.bits[block] = lane.place.buffer;
        starts.blocks.start = block + usize::from(lane.coefficient() > 0);
    }
    for _ in 0..LOOK_UPS / 2 {
        for ((lane, window), starts) in lanes.iter_mut().zip(windows).zip(&mut *starts) {
            let next = lane.block() + 1;
            lane.look_up(phases, window)?;
            // 28 bits at most were taken, so as many are left, and a mean has 27
            starts.bits[next] = lane.place.buffer;
        }
        for ((lane, window), starts) in lanes.iter_mut().zip(windows).zip(&mut *starts) {
            let next = lane.block() + 1;
            lane.look_up(phases, window)?;
            lane.refill(window);
            starts.bits[next] = lane.place.buffer;
        }
    }
    for ((lane, place), starts) in lanes.into_iter().zip(places).zip(starts) {
        // a mean that comes next is noted by the next stretch
        let (block, coefficient) = (lane.block(), lane.coefficient());
        starts.blocks.end = block + usize::from(coefficient > 0);
        let phase = block % phases.count();
        *place = (lane.place, Standing { phase, coefficient });
    }
    Some(())
}

impl<'t> Lane<'t> {
    #[inline(always)]
    fn of(phases: &Phases<'t>, place: Place, standing: Standing) -> Self {
        let (block, coefficient) = (standing.phase as u32, standing.coefficient as u32);
        let mut lane = Self {
            place,
            taken: (block << BLOCK) | (coefficient << ADVANCE),
            skips: phases.ac[standing.phase & (BLOCKS - 1)],
            ac: phases.ac[0],
            next_dc: phases.next_dc[0],
        };
        if coefficient == 0 {
            // the tables repeat after a unit
            lane.skips = phases.next_dc[(standing.phase + phases.count() - 1) & (BLOCKS - 1)];
        }
        lane.look_ahead(phases);
        lane
    }

    #[inline(always)]
    fn block(&self) -> usize {
        (self.taken >> BLOCK) as usize & (BLOCKS - 1)
    }

    fn coefficient(&self) -> usize {
        ((self.taken & (PAST_LAST - 1)) >> ADVANCE) as usize
    }

    #[inline(always)]
    fn look_ahead(&mut self, phases: &Phases<'t>) {
        let block = self.block();
        (self.ac, self.next_dc) = (phases.ac[block], phases.next_dc[block]);
    }

    #[inline(always)]
    fn refill(&mut self, window: &WindowBytes) {
        self.place.count = self.place.count.wrapping_sub(self.taken & TAKEN);
        self.taken &= !TAKEN;
        self.place.refill(window);
    }

    /// Passes over what one entry knows.
    #[inline(always)]
    fn look_up(&mut self, phases: &Phases<'t>, window: &WindowBytes) -> Option<()> {
        let entry = u32::from(self.skips[skip_index(self.place.buffer)]);
        let taken = self.taken.wrapping_add(entry);
        if taken & PAST_LAST != 0 {
            *self = self.one_symbol(phases, window)?;
            return Some(());
        }
        self.place.buffer <<= entry & 63;
        let has_ended = entry & ENDS_BLOCK != 0;
        self.skips = select_unpredictable(has_ended, self.next_dc, self.ac);
        let at_next = taken & !((PAST_LAST - 1) & !TAKEN);
        self.taken = select_unpredictable(has_ended, at_next, taken);
        // read now, since they are chosen from with the next entry
        self.look_ahead(phases);
        Some(())
    }

    /// A long code, or symbols that together reach beyond the block, or just its end.
    #[cold]
    #[inline(never)]
    fn one_symbol(self, phases: &Phases<'t>, window: &WindowBytes) -> Option<Self> {
        let mut lane = self;
        lane.refill(window);
        let phase = phases.get(lane.block() % phases.count())?;
        let mut bits = Bits::at(window, lane.place);
        let coefficient = lane.coefficient() as u32;
        let next = if coefficient == 0 {
            phase.dc.read(&mut bits)?;
            1
        } else {
            let symbol = phase.ac.symbols.read(&mut bits)?;
            match (symbol.run, symbol.size) {
                (15, 0) => coefficient + 16,
                (_, 0) => END,
                (run, _) => coefficient + run as u32 + 1,
            }
        };
        bits.refill();
        lane.place = bits.place;
        lane.taken = (lane.block() as u32) << BLOCK;
        if next == END {
            lane.skips = lane.next_dc;
            lane.taken += ENDS_BLOCK;
        } else {
            lane.skips = lane.ac;
            lane.taken |= next << ADVANCE;
        }
        lane.look_ahead(phases);
        (next <= END).then_some(lane)
    }
}
